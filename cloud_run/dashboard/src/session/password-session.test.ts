import { expect, test, vi } from "vitest";
import { ApiError } from "../api/problem";
import { PasswordSession } from "./password-session";
import { queryText } from "./requests";

const USER = { id: "u_1", name: "ann", role: "operator", sites: ["*"], tenant: "" };
const json = (content: unknown, status = 200) => new Response(JSON.stringify(content), { status });
const entered = (token: string, expires_in = 600) =>
  json({ access_token: token, expires_in, user: USER });

function server(answers: Record<string, (() => Response)[]>) {
  const asked: [string, string | null][] = [];
  const send = vi.fn((input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input).replace("/api/v1/", "");
    asked.push([path, new Headers(init?.headers).get("Authorization")]);
    const answer = answers[path]?.shift();
    return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError(`unexpected: ${path}`));
  });
  return { session: new PasswordSession(send), asked };
}

test("many requests at a time need one new token: a refresh token may be used once", async () => {
  const { session, asked } = server({
    "auth/refresh": [() => entered("t1")],
    alerts: [() => json(1), () => json(2), () => json(3)],
  });
  expect(await Promise.all([1, 2, 3].map(() => session.ask<number>("alerts")))).toEqual([1, 2, 3]);
  expect(asked.filter(([path]) => path === "auth/refresh")).toHaveLength(1);
  expect(asked.filter(([, token]) => token === "Bearer t1")).toHaveLength(3);
});

test("a token that is refused is replaced once", async () => {
  const { session, asked } = server({
    "auth/login": [() => entered("old")],
    "auth/refresh": [() => entered("new")],
    me: [() => json({ detail: "log in first" }, 401), () => json(USER)],
  });
  await session.login("ann", "pw");
  await session.ask("me");
  expect(asked.map(([, token]) => token)).toEqual([null, "Bearer old", null, "Bearer new"]);
});

test("without a login to go on with, the user is out and told so", async () => {
  const { session } = server({
    "auth/login": [() => entered("t", 1)],
    "auth/refresh": [() => json({}, 401)],
  });
  await session.login("ann", "pw");
  await expect(session.ask("me")).rejects.toBeInstanceOf(ApiError);
  expect(session.snapshot()).toMatchObject({
    phase: "out",
    reason: expect.stringContaining("ended") as string,
  });
});

test("a server that cannot be reached does not log anybody out", async () => {
  const { session } = server({});
  await session.start();
  expect(session.snapshot()).toEqual({ phase: "unreachable" });
});

test("an answer 412 brings the alert as it is now", async () => {
  const { session } = server({
    "auth/login": [() => entered("t")],
    "alerts/a": [
      () => json({ type: "/docs#problem-stale", detail: "else", current: { alert_id: "a" } }, 412),
    ],
  });
  await session.login("ann", "pw");
  const error = await session.ask("alerts/a").catch((caught: unknown) => caught);
  expect(error).toMatchObject({ status: 412, kind: "stale", current: { alert_id: "a" } });
});

test("lists are repeated in a query, and nothing is left of what is empty", () => {
  expect(queryText({ severity: ["high", "low"], q: "a b", site: "", limit: 5, none: null })).toBe(
    "?severity=high&severity=low&q=a+b&limit=5",
  );
  expect(queryText({ site: "" })).toBe("");
});

test("a link in the address logs in once, and is gone from the address", async () => {
  window.history.replaceState(null, "", "/alerts/a?show=all#login=tok-1_x");
  const { session, asked } = server({ "auth/link": [() => entered("t")], me: [() => json(USER)] });
  expect(window.location.href).toMatch(/\/alerts\/a\?show=all$/);
  await session.start();
  expect(session.snapshot()).toMatchObject({ phase: "in", user: { name: "ann" } });
  await session.ask("me");
  expect(asked.map(([path]) => path)).toEqual(["auth/link", "me"]);
});

test("a link that is used up goes on with the login of before, or says so", async () => {
  window.history.replaceState(null, "", "/#login=old");
  const known = server({ "auth/link": [() => json({}, 401)], "auth/refresh": [() => entered("t")] });
  await known.session.start();
  expect(known.session.snapshot()).toMatchObject({ phase: "in" });

  window.history.replaceState(null, "", "/#login=old");
  const unknown = server({ "auth/link": [() => json({}, 401)], "auth/refresh": [() => json({}, 401)] });
  await unknown.session.start();
  expect(unknown.session.snapshot()).toMatchObject({
    phase: "out",
    reason: expect.stringContaining("link") as string,
  });
});
