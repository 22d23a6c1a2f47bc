import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../api/problem";
import { FirebaseSession, userOf, type Identity, type Person } from "./firebase-session";

const CLAIMS = { name: "Ann", role: "operator", sites: ["s1"] };
const failure = (code: string) => Object.assign(new Error(code), { code });

class FakeIdentity implements Identity {
  claims: Record<string, unknown> = CLAIMS;
  refuse: Error | null = null;
  refreshed = 0;
  out = 0;
  private told: (person: Person | null) => void = () => undefined;

  readonly person: Person = {
    id: "uid-1",
    token: (refresh) => {
      if (this.refuse) return Promise.reject(this.refuse);
      if (refresh) {
        this.refreshed += 1;
        this.told(this.person);
      }
      return Promise.resolve(`t${this.refreshed}`);
    },
    claims: () => (this.refuse ? Promise.reject(this.refuse) : Promise.resolve(this.claims)),
  };
  watch(told: (person: Person | null) => void): void {
    this.told = told;
  }
  tell(person: Person | null): void {
    this.told(person);
  }
  login(): Promise<Person> {
    if (this.refuse) return Promise.reject(this.refuse);
    this.told(this.person);
    return Promise.resolve(this.person);
  }
  logout(): Promise<void> {
    this.out += 1;
    this.told(null);
    return Promise.resolve();
  }
}

let identity: FakeIdentity;
let session: FirebaseSession;
let status: number[];
const sent = vi.fn((_path: string, _token: string | null) => undefined);
const settle = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(async () => {
  identity = new FakeIdentity();
  status = [];
  sent.mockClear();
  session = new FirebaseSession(identity, "", (input, init) => {
    sent(String(input), new Headers(init?.headers).get("Authorization"));
    return Promise.resolve(new Response("{}", { status: status.shift() ?? 200 }));
  });
  await session.start();
});

test("goes on with the login of before, and says who it is", async () => {
  expect(session.snapshot()).toEqual({ phase: "starting" });
  identity.tell(identity.person);
  await settle();
  expect(session.snapshot()).toEqual({
    phase: "in",
    user: { id: "uid-1", name: "Ann", role: "operator", sites: ["s1"], tenant: "" },
  });
});

test("nobody was logged in", () => {
  identity.tell(null);
  expect(session.snapshot()).toEqual({ phase: "out", reason: "" });
});

test("a login without a role is refused with the reason, and ended", async () => {
  identity.tell(null);
  identity.claims = { name: "Nora" };
  await expect(session.login("nora@x", "pw")).rejects.toThrow("no role yet");
  expect(session.snapshot()).toMatchObject({ phase: "out" });
  expect(identity.out).toBe(1);
});

test.each([
  ["auth/invalid-credential", 401],
  ["auth/user-disabled", 401],
  ["auth/too-many-requests", 429],
])("%s is said as the API would", async (code, expected) => {
  identity.refuse = failure(code);
  const error: unknown = await session.login("a@x", "pw").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: expected });
});

test("a network that is away is no wrong password", async () => {
  identity.refuse = failure("auth/network-request-failed");
  await expect(session.login("a@x", "pw")).rejects.toBeInstanceOf(TypeError);
});

test("the API is asked with the token, once more with a new one when it is refused", async () => {
  await session.login("ann@x", "pw");
  status = [401, 200];
  await session.ask("alerts", { query: { site: "s1" } });
  expect(sent.mock.calls).toEqual([
    ["/api/v1/alerts?site=s1", "Bearer t0"],
    ["/api/v1/alerts?site=s1", "Bearer t1"],
  ]);
});

test.each(["auth/user-token-expired", "auth/user-disabled", "auth/user-not-found"])(
  "%s ends the session",
  async (code) => {
    await session.login("ann@x", "pw");
    identity.refuse = failure(code);
    await session.check();
    expect(session.snapshot()).toEqual({
      phase: "out",
      reason: "Your session has ended. Log in again.",
    });
    await expect(session.ask("alerts")).rejects.toBeInstanceOf(ApiError);
    expect(sent).not.toHaveBeenCalled();
  },
);

test("what the SDK itself has ended is said too", async () => {
  await session.login("ann@x", "pw");
  identity.tell(null);
  expect(session.snapshot()).toMatchObject({ phase: "out", reason: expect.stringContaining("ended") });
});

test("a network that is away ends nothing", async () => {
  await session.login("ann@x", "pw");
  identity.refuse = failure("auth/network-request-failed");
  await session.check();
  expect(session.snapshot()).toMatchObject({ phase: "in" });
  await expect(session.ask("alerts")).rejects.toBeInstanceOf(TypeError);
});

test("rights that have changed take effect; the same ones begin nothing anew", async () => {
  await session.login("ann@x", "pw");
  const before = session.snapshot();
  await session.check();
  await settle();
  expect(session.snapshot()).toBe(before);
  identity.claims = { ...CLAIMS, role: "viewer" };
  await session.check();
  await settle();
  expect(session.snapshot()).toMatchObject({ phase: "in", user: { role: "viewer" } });
  identity.claims = {};
  await session.check();
  await settle();
  expect(session.snapshot()).toMatchObject({ phase: "out" });
});

test("leaving ends it at Identity Platform too", async () => {
  await session.login("ann@x", "pw");
  await session.logout();
  expect(session.snapshot()).toEqual({ phase: "out", reason: "" });
  expect(identity.out).toBe(1);
});

test("a tenant is a database", () => {
  expect(userOf("u", { ...CLAIMS, tenant: "acme" }, "acme")).toMatchObject({ tenant: "acme" });
  expect(userOf("u", { ...CLAIMS, tenant: "acme" }, "")).toMatch(/another business/);
  expect(userOf("u", CLAIMS, "acme")).toMatch(/another business/);
});

test.each([
  { role: "god", sites: ["*"] },
  { role: ["admin"], sites: ["*"] },
  { role: "admin", sites: [] },
  { role: "admin", sites: "*" },
  { role: "admin", sites: [1] },
])("%j is nobody", (claims) => {
  expect(userOf("u", claims, "")).toMatch(/Ask an administrator/);
});
