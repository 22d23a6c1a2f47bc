import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../api/problem";
import { LONGEST_WAIT_MS, SILENCE_MS, SseSource } from "./sse-source";
import type { Link, LiveListener } from "./source";

/** A server whose connections the test holds in its hands. */
class Server {
  readonly asked: string[] = [];
  readonly connections: ReadableStreamDefaultController<Uint8Array>[] = [];
  refuse: Error | null = null;

  readonly open = (after: string, signal: AbortSignal): Promise<Response> => {
    this.asked.push(after);
    if (this.refuse) return Promise.reject(this.refuse);
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.connections.push(controller);
        signal.addEventListener("abort", () => {
          try {
            controller.error(signal.reason);
          } catch {
            // closed already
          }
        });
      },
    });
    return Promise.resolve({ body } as Response);
  };

  say(text: string): void {
    this.connections.at(-1)?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.connections.at(-1)?.close();
  }
}

let server: Server;
let source: SseSource;
let told: string[];
let links: Link[];

function listener(): LiveListener {
  return {
    alert: (alert) => told.push(alert.alert_id),
    status: () => told.push("status"),
    stations: () => told.push("stations"),
    stock: () => told.push("stock"),
    begin: (todo) => told.push(todo === null ? "begin" : "all"),
    link: (link) => links.push(link),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  told = [];
  links = [];
  source = new SseSource(server.open, () => 1);
});

afterEach(() => {
  source.stop();
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(1);

test("goes on after the last event when the connection is lost", async () => {
  source.start(listener());
  await settle();
  server.say('id: c1\nevent: hello\ndata: {}\n\nid: c2\nevent: alert\ndata: {"alert_id": "a"}\n\n');
  await settle();
  // Without an id, an alert is in the middle of a batch: going on there would skip its other half.
  server.say('event: alert\ndata: {"alert_id": "b"}\n\n');
  await settle();
  server.end();
  await settle();
  expect(links.at(-1)).toMatchObject({ state: "lost" });
  await vi.advanceTimersByTimeAsync(2_000);
  server.say(": alive\n\n");
  await settle();
  expect(server.asked).toEqual(["", "c2"]);
  expect(told).toEqual(["begin", "a", "b"]);
  expect(links.at(-1)).toEqual({ state: "live" });
});

test("waits longer and longer, and not longer than the bound", async () => {
  server.refuse = new TypeError("network");
  source.start(listener());
  await settle();
  const waits: number[] = [];
  for (let round = 0; round < 8; round++) {
    const link = links.at(-1);
    if (link?.state !== "lost" || link.retryAt === null) throw new Error("expected to be waiting");
    waits.push(link.retryAt - Date.now());
    await vi.advanceTimersByTimeAsync(link.retryAt - Date.now() + 1);
  }
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(waits[1]).toBeGreaterThan(1.5 * (waits[0] ?? 0));
  expect(Math.max(...waits)).toBeLessThanOrEqual(LONGEST_WAIT_MS);
  expect(server.asked).toHaveLength(9);
});

test("says since when it is not live, and not since the last attempt", async () => {
  server.refuse = new TypeError("network");
  source.start(listener());
  await settle();
  const first = links.at(-1);
  await vi.advanceTimersByTimeAsync(60_000);
  const last = links.at(-1);
  expect(first?.state === "lost" && last?.state === "lost" && first.at === last.at).toBe(true);
});

test("a server that says nothing any more is left", async () => {
  source.start(listener());
  await settle();
  server.say(": alive\n\n");
  await settle();
  expect(links.at(-1)).toEqual({ state: "live" });
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 100);
  expect(server.asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(server.asked).toHaveLength(2);
});

test("when the token has expired it comes again at once, without an alarm", async () => {
  source.start(listener());
  await settle();
  server.say("id: c9\nevent: hello\ndata: {}\n\nevent: expired\ndata: {}\n\n");
  await settle();
  server.end();
  await settle();
  expect(server.asked).toEqual(["", "c9"]);
  expect(links.some((link) => link.state === "lost")).toBe(false);
});

test("waits as long as the server asks", async () => {
  server.refuse = new ApiError(503, "too-many-streams", "too many", [], null, 10);
  source.start(listener());
  await settle();
  await vi.advanceTimersByTimeAsync(9_900);
  expect(server.asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(server.asked).toHaveLength(2);
});

test("a person may try at once, and after stop nothing is tried", async () => {
  server.refuse = new TypeError("network");
  source.start(listener());
  await settle();
  source.retry();
  await settle();
  expect(server.asked).toHaveLength(2);
  source.stop();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(server.asked).toHaveLength(2);
});
