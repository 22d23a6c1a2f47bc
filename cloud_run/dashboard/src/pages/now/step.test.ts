import { expect, test } from "vitest";
import { stepped } from "./step";

const LIST = ["a", "b", "c"].map((alert_id) => ({ alert_id }));

test.each<[string | null, 1 | -1, string | null]>([
  [null, 1, "a"],
  ["a", 1, "b"],
  ["c", 1, "c"],
  ["b", -1, "a"],
  ["a", -1, "a"],
  ["gone", 1, "a"],
])("from %s by %i to %s", (active, by, next) => {
  expect(stepped(LIST, active, by)).toBe(next);
});

test("in an empty list there is nothing to go to", () => {
  expect(stepped([], null, 1)).toBeNull();
});
