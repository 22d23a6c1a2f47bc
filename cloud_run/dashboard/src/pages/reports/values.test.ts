import { expect, test } from "vitest";
import { headOf, shown } from "./values";

const WORDS = { titles: { LONG_WAIT: "People wait long" }, zone: "Europe/Berlin" };

test.each([
  ["weekday", 1, "Mon"],
  ["weekday", 7, "Sun"],
  ["hour", 3, "03:00"],
  ["bad_share", 0.0081568, "0.8 %"],
  ["latency_p95_s", 284.587, "4 min 45 s"],
  ["value_at_risk", 1168400.456, "1,168,400.46"],
  ["alerts", 0, "0"],
  ["value_at_risk_before", null, "–"],
  ["type", "LONG_WAIT", "People wait long"],
  ["detector", "OF_TOMORROW", "OF_TOMORROW"],
  ["stream", "inventory-digital", "Books"],
  ["stream", "all", "All together"],
  ["first_at", "2025-06-06T22:19:28.153Z", "7 Jun 2025, 00:19:28"],
  ["id", "=1+1", "=1+1"],
])("%s %s is told as %s", (column, value, text) => {
  expect(shown(column, value, WORDS)).toBe(text);
});

test("heads are words", () => {
  expect(["units_on_books", "first_at", "latency_p50_s", "day"].map(headOf)).toEqual([
    "Units on books",
    "First",
    "Half are known within",
    "Day",
  ]);
});
