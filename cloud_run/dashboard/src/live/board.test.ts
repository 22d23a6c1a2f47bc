import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AlertPage } from "../api/types";
import { alertOf } from "../test-alerts";
import { Board, MOST_ALERTS } from "./board";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const page = (items: AlertPage["items"], next_cursor = ""): AlertPage => ({
  items,
  next_cursor,
  total_open: 0,
});
const ids = (board: Board) => board.snapshot().alerts.map((alert) => alert.alert_id);

test("loads every page", async () => {
  const pages: Record<string, AlertPage> = { "": page([alertOf("a")], "2"), "2": page([alertOf("b")]) };
  const board = new Board((cursor) => Promise.resolve(pages[cursor] ?? page([])));
  await board.load();
  expect(ids(board)).toEqual(["a", "b"]);
  expect(board.snapshot()).toMatchObject({ phase: "ready", partial: false });
});

test("what is told live while it loads is newer than the page", async () => {
  let answer: (page: AlertPage) => void = () => undefined;
  const board = new Board(() => new Promise((resolve) => (answer = resolve)));
  const loading = board.load();
  board.told(alertOf("a", {}, { workflow: "acknowledged", revision: 1 }));
  board.told(alertOf("b", {}, { workflow: "resolved", resolution: "true_positive", revision: 1 }));
  answer(page([alertOf("a"), alertOf("b"), alertOf("c")]));
  await loading;
  expect(ids(board).sort()).toEqual(["a", "c"]);
  expect(board.get("a")?.handling.workflow).toBe("acknowledged");
});

test("filled with all there is, what is on its way is older, and what is told later newer", async () => {
  let answer: (page: AlertPage) => void = () => undefined;
  const board = new Board(() => new Promise((resolve) => (answer = resolve)));
  board.told(alertOf("gone"));
  const loading = board.load();
  board.fill({ alerts: [alertOf("a"), alertOf("b", { status: "cleared" })], partial: false });
  answer(page([alertOf("old")]));
  await loading;
  expect(ids(board)).toEqual(["a"]);
  expect(board.snapshot()).toMatchObject({ phase: "ready", partial: false });
  board.ensure();
  expect(board.told(alertOf("c"))).toBe(true);
  const many = Array.from({ length: MOST_ALERTS + 1 }, (_, number) =>
    alertOf(`a${number}`, { event_time_ms: number }),
  );
  board.fill({ alerts: many, partial: false });
  expect(ids(board)).toHaveLength(MOST_ALERTS);
  expect(ids(board)).not.toContain("a0");
  expect(board.snapshot().partial).toBe(true);
});

test("loading again forgets what is no longer there", async () => {
  let items = [alertOf("a"), alertOf("b")];
  const board = new Board(() => Promise.resolve(page(items)));
  await board.load();
  items = [alertOf("b")];
  await board.load();
  expect(ids(board)).toEqual(["b"]);
});

test("resolved and cleared alerts leave, reopened ones come back", () => {
  const board = new Board(() => Promise.resolve(page([])));
  board.told(alertOf("a"));
  board.told(alertOf("b"));
  board.told(alertOf("a", {}, { workflow: "resolved", resolution: "false_positive" }));
  board.told(alertOf("b", { status: "cleared" }));
  vi.advanceTimersByTime(1_000);
  expect(ids(board)).toEqual([]);
  board.told(alertOf("a", {}, { workflow: "open", revision: 2 }));
  vi.advanceTimersByTime(1_000);
  expect(ids(board)).toEqual(["a"]);
});

test("only what was not known, or has become more severe, is news", () => {
  const board = new Board(() => Promise.resolve(page([])));
  expect(board.told(alertOf("a"))).toBe(true);
  expect(board.told(alertOf("a", { count: 2 }))).toBe(false);
  expect(board.told(alertOf("a", { severity: "critical" }))).toBe(true);
  expect(board.told(alertOf("a", { status: "cleared" }))).toBe(false);
});

test("a burst is shown once", () => {
  const board = new Board(() => Promise.resolve(page([])));
  const heard = vi.fn();
  board.subscribe(heard);
  for (let number = 0; number < 500; number++) board.told(alertOf(`a${number}`));
  vi.advanceTimersByTime(1_000);
  expect(heard).toHaveBeenCalledTimes(1);
  expect(ids(board)).toHaveLength(500);
});

test("holds so many at most, the latest, and says so", () => {
  const board = new Board(() => Promise.resolve(page([])));
  for (let number = 0; number <= MOST_ALERTS; number++) {
    board.told(alertOf(`a${number}`, { event_time_ms: number }));
  }
  vi.advanceTimersByTime(1_000);
  expect(ids(board)).toHaveLength(MOST_ALERTS);
  expect(ids(board)).not.toContain("a0");
  expect(board.snapshot().partial).toBe(true);
});

test("is loaded once, and again after a failure", async () => {
  const answers = [
    () => Promise.reject(new TypeError("network")),
    () => Promise.resolve(page([alertOf("a")])),
  ];
  const load = vi.fn(() => (answers.shift() ?? (() => Promise.reject(new Error("too often"))))());
  const board = new Board(load);
  board.ensure();
  board.ensure();
  await vi.waitFor(() => expect(board.snapshot().phase).toBe("failed"));
  expect(load).toHaveBeenCalledTimes(1);
  board.ensure();
  await vi.waitFor(() => expect(board.snapshot().phase).toBe("ready"));
  board.ensure();
  expect(load).toHaveBeenCalledTimes(2);
});

test("a failure says why, and keeps what is known", async () => {
  const board = new Board(() => Promise.reject(new TypeError("network")));
  board.told(alertOf("a"));
  await board.load();
  expect(board.snapshot()).toMatchObject({ phase: "failed" });
  expect(board.snapshot().error).toContain("cannot be reached");
  expect(ids(board)).toEqual(["a"]);
});
