import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Session } from "../session/session";
import told from "./alert-documents.json";
import type { AlertFields } from "./alert-document";
import { MOST_ALERTS } from "./board";
import type { Documents, Ended, Seen } from "./documents";
import {
  FirestoreSource,
  GRACE_MS,
  LONGEST_WAIT_MS,
  MOST_LEFT,
  STATUS_EVERY_MS,
} from "./firestore-source";
import type { Link, LiveListener, Todo } from "./source";

const fields = (id: string, change: Partial<AlertFields> = {}): AlertFields => ({
  ...(told.alerts[0]?.fields as AlertFields),
  alert_id: id,
  subject: { kind: "sku", id: "P-1" },
  evidence: "{}",
  ...change,
});

interface Watched {
  site: string;
  seen: (seen: Seen) => void;
  ended: (why: Ended) => void;
  open: boolean;
}

/** A Firestore whose results the test holds in its hands. */
class Store implements Documents {
  readonly watched: Watched[] = [];
  readonly bells: { site: string; kind: string; ring: () => void; open: boolean }[] = [];
  readonly there = new Map<string, AlertFields>();
  readonly looked: string[] = [];

  alerts(site: string, seen: (seen: Seen) => void, ended: (why: Ended) => void): () => void {
    const one = { site, seen, ended, open: true };
    this.watched.push(one);
    return () => (one.open = false);
  }
  alert(_site: string, id: string): Promise<AlertFields | null> {
    this.looked.push(id);
    const found = this.there.get(id);
    return found ? Promise.resolve(found) : Promise.reject(new Error("offline"));
  }
  rows(site: string, kind: string, ring: () => void): () => void {
    const one = { site, kind, ring, open: true };
    this.bells.push(one);
    return () => (one.open = false);
  }

  /** The result of a site's query is these now. */
  say(site: string, here: AlertFields[], change: { gone?: AlertFields[]; fromCache?: boolean } = {}) {
    const one = this.watched.findLast((watched) => watched.site === site && watched.open);
    if (one === undefined) throw new Error(`nobody watches ${site}`);
    const before = this.last.get(site) ?? [];
    const came = here.filter((now) => !before.includes(now));
    this.last.set(site, here);
    one.seen({
      changes: [
        ...came.map((now) => ({ gone: false, id: now.alert_id, fields: now })),
        ...(change.gone ?? []).map((now) => ({ gone: true, id: now.alert_id, fields: now })),
      ],
      all: () => here,
      fromCache: change.fromCache ?? false,
    });
  }
  private readonly last = new Map<string, AlertFields[]>();
}

let store: Store;
let log: string[];
let links: Link[];
let asked: string[];
let answers: Record<string, () => unknown>;
let source: FirestoreSource;
const check = vi.fn(() => Promise.resolve());

const ask = ((path: string) => {
  asked.push(path);
  const answer = answers[path];
  return answer ? Promise.resolve().then(answer) : Promise.reject(new TypeError("network"));
}) as Session["ask"];

const listener: LiveListener = {
  alert: (alert) => log.push(`${alert.alert_id} ${alert.handling.workflow} ${alert.status}`),
  status: () => log.push("status"),
  stations: (items) => log.push(`stations ${items.length}`),
  stock: (items) => log.push(`stock ${items.length}`),
  begin: (todo: Todo | null) =>
    log.push(
      `begin ${todo?.alerts.map((alert) => alert.alert_id).join(",")}${todo?.partial ? " …" : ""}`,
    ),
  link: (link) => links.push(link),
};

function begin(...scope: string[]): FirestoreSource {
  source = new FirestoreSource(store, ask, scope, check);
  source.start(listener);
  return source;
}
const settle = () => vi.advanceTimersByTimeAsync(1);
const said = () => log.filter((line) => line !== "status");
const state = () => links.at(-1)?.state;

beforeEach(() => {
  vi.useFakeTimers();
  store = new Store();
  log = [];
  links = [];
  asked = [];
  check.mockClear();
  answers = {
    catalogue: () => told.catalogue,
    status: () => ({ sites: [{ id: "a" }, { id: "b" }] }),
    stations: () => ({ items: [{}] }),
    "inventory/latest": () => ({ items: [{}, {}] }),
  };
});
afterEach(() => {
  source.stop();
  vi.useRealTimers();
});

test("begins once the server has answered for every site, with all there is", async () => {
  begin("a", "b");
  await settle();
  store.say("a", [fields("a1")]);
  expect(said()).toEqual([]);
  expect(state()).toBe("connecting");
  store.say("b", [fields("b1"), fields("b2")]);
  expect(said()).toEqual(["begin a1,b1,b2"]);
  expect(state()).toBe("live");
  expect(asked).not.toContain("alerts");
});

test("what the cache says is not an answer", async () => {
  begin("a");
  await settle();
  store.say("a", [], { fromCache: true });
  expect(state()).toBe("connecting");
  await vi.advanceTimersByTimeAsync(GRACE_MS + 1);
  expect(said()).toEqual([]);
  expect(state()).toBe("lost");
  store.say("a", [fields("a1")]);
  expect(said()).toEqual(["begin a1"]);
  expect(state()).toBe("live");
});

test("what comes and what changes is told; a moment from the cache is no loss", async () => {
  begin("a");
  await settle();
  const first = fields("a1");
  store.say("a", [first]);
  store.say("a", [first, fields("a2")], { fromCache: true });
  await vi.advanceTimersByTimeAsync(GRACE_MS / 2);
  store.say("a", [fields("a1", { workflow: "acknowledged" }), fields("a2")]);
  await vi.advanceTimersByTimeAsync(GRACE_MS * 2);
  expect(said().slice(0, 3)).toEqual(["begin a1", "a2 open suspected", "a1 acknowledged suspected"]);
  expect(links.map((link) => link.state)).toEqual(["connecting", "live"]);
});

test("what leaves is told as it is now", async () => {
  begin("a");
  await settle();
  const [first, second, third] = [fields("a1"), fields("a2"), fields("a3")];
  store.say("a", [first, second, third]);
  store.there.set("a1", fields("a1", { workflow: "resolved", resolution: "true_positive" }));
  store.there.set("a2", fields("a2", { status: "cleared" }));
  store.say("a", [third], { gone: [first, second] });
  await settle();
  expect(said().slice(1)).toEqual(["a1 resolved suspected", "a2 open cleared"]);
});

test("what has left and is back is not told as it was in between", async () => {
  begin("a");
  await settle();
  const first = fields("a1");
  store.say("a", [first]);
  store.there.set("a1", fields("a1", { workflow: "resolved" }));
  store.say("a", [], { gone: [first] });
  store.say("a", [fields("a1", { handling_revision: 2 })]);
  await settle();
  expect(said().slice(1)).toEqual(["a1 open suspected"]);
});

test("what leaves and cannot be looked at, and much at a time, is dropped by telling all anew", async () => {
  begin("a");
  await settle();
  const first = fields("a1");
  const many = Array.from({ length: MOST_LEFT + 1 }, (_, number) => fields(`m${number}`));
  store.say("a", [first, ...many]);
  log = [];
  store.say("a", many, { gone: [first] });
  await settle();
  expect(said()).toHaveLength(1);
  expect(said()[0]).toMatch(/^begin m0,m1/);
  store.looked.length = 0;
  store.say("a", [], { gone: many });
  await settle();
  expect(store.looked).toEqual([]);
  expect(said().at(-1)).toBe("begin ");
});

test("a lost server is said since when, and what was missed is told when it is back", async () => {
  begin("a");
  await settle();
  const first = fields("a1");
  store.say("a", [first]);
  store.say("a", [first], { fromCache: true });
  await vi.advanceTimersByTimeAsync(GRACE_MS + 1);
  const at = Date.now();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(links.at(-1)).toMatchObject({ state: "lost", retryAt: null });
  const link = links.at(-1);
  expect(link?.state === "lost" && at - link.at < 10).toBe(true);
  log = [];
  store.say("a", [first, fields("a2")]);
  expect(said()).toEqual(["a2 open suspected", "begin a1,a2"]);
  expect(state()).toBe("live");
});

test("a refusal has the login looked at, and is tried again later and later", async () => {
  begin("a");
  await settle();
  const waits: number[] = [];
  for (let round = 0; round < 8; round++) {
    store.watched.at(-1)?.ended({ code: "permission-denied", message: "" });
    expect(store.watched.filter((one) => one.open)).toHaveLength(0);
    expect(store.bells.filter((one) => one.open)).toHaveLength(0);
    const link = links.at(-1);
    if (link?.state !== "lost" || link.retryAt === null) throw new Error("expected to be waiting");
    waits.push(link.retryAt - Date.now());
    await vi.advanceTimersByTimeAsync(link.retryAt - Date.now() + 1);
    expect(store.watched).toHaveLength(round + 2);
  }
  expect(check).toHaveBeenCalledTimes(8);
  expect(waits[1]).toBe(2 * (waits[0] ?? 0));
  expect(Math.max(...waits)).toBe(LONGEST_WAIT_MS);
  store.say("a", []);
  expect(state()).toBe("live");
});

test("another end has nobody's login looked at; a person may try at once", async () => {
  begin("a");
  await settle();
  store.say("a", []);
  store.watched.at(-1)?.ended({ code: "unavailable", message: "" });
  expect(check).not.toHaveBeenCalled();
  source.retry();
  expect(store.watched).toHaveLength(2);
  expect(store.watched[1]?.open).toBe(true);
  store.say("a", []);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(store.watched).toHaveLength(2);
  expect(state()).toBe("live");
});

test("who sees every site is told of new ones", async () => {
  answers["status"] = () => ({ sites: [] });
  begin("*");
  await settle();
  expect(said()).toEqual(["begin "]); // a product with no site yet
  expect(state()).toBe("live");
  answers["status"] = () => ({ sites: [{ id: "new" }] });
  await vi.advanceTimersByTimeAsync(STATUS_EVERY_MS + 1);
  expect(state()).toBe("live");
  store.say("new", [fields("n1")]);
  expect(said()).toEqual(["begin ", "n1 open suspected", "begin n1"]);
});

test("the API away is a loss too, though alerts go on; then it is asked for what it did not say", async () => {
  const away = answers;
  answers = {};
  begin("a");
  await settle();
  store.say("a", [fields("a1")]);
  expect(said()).toEqual(["begin a1"]);
  await vi.advanceTimersByTimeAsync(STATUS_EVERY_MS + 1);
  expect(state()).toBe("lost");
  store.say("a", [fields("a1"), fields("a2")]);
  expect(said().at(-1)).toBe("a2 open suspected");
  answers = away;
  await vi.advanceTimersByTimeAsync(STATUS_EVERY_MS + 1);
  expect(state()).toBe("live");
  expect(said().at(-1)).toBe("begin a1,a2"); // with titles
});

test("rows ring, and the API is asked at once, but not for each", async () => {
  begin("a");
  await settle();
  store.say("a", []);
  const count = (path: string) => asked.filter((one) => one === path).length;
  const bell = (kind: string) => store.bells.find((one) => one.kind === kind)?.ring();
  for (let number = 0; number < 50; number++) bell("stations");
  await settle();
  expect([count("stations"), count("inventory/latest")]).toEqual([1, 0]);
  for (let number = 0; number < 50; number++) bell("stations");
  bell("stock-levels");
  await vi.advanceTimersByTimeAsync(10_000);
  expect([count("stations"), count("inventory/latest")]).toEqual([2, 1]);
  expect(said()).toEqual(expect.arrayContaining(["stations 1", "stock 2"]));
});

test("more than can be held is said", async () => {
  begin("a");
  await settle();
  store.say(
    "a",
    Array.from({ length: MOST_ALERTS }, (_, number) => fields(`m${number}`)),
  );
  expect(log.at(-1)).toMatch(/ …$/);
});

test("after stop nothing is watched, asked or told", async () => {
  begin("*");
  await settle();
  expect(store.watched).toHaveLength(2);
  const { seen } = store.watched[0] ?? { seen: () => undefined };
  source.stop();
  expect(store.watched.some((one) => one.open)).toBe(false);
  expect(store.bells.some((one) => one.open)).toBe(false);
  const before = [log.length, asked.length, links.length];
  seen({ changes: [], all: () => [], fromCache: false });
  await vi.advanceTimersByTimeAsync(120_000);
  expect([log.length, asked.length, links.length]).toEqual(before);
});
