import { expect, test } from "vitest";
import type { ReportResult } from "../../api/types";
import { weekOf } from "./heat-map";
import { barsOf } from "./report-chart";

const WORDS = { titles: {}, zone: "UTC" };
const report = (columns: string[], rows: ReportResult["rows"]) => ({ columns, rows }) as ReportResult;

test("amounts of one label are one bar, and the largest is first", () => {
  const given = report(
    ["day", "type", "value_at_risk"],
    [
      ["2025-06-03", "A", 1],
      ["2025-06-03", "B", 3.5],
      ["2025-06-04", "A", 4],
      ["2025-06-04", "C", null],
    ],
  );
  expect(barsOf(given, { of: ["type"], value: "value_at_risk" }, WORDS)).toEqual([
    { label: "A", amount: 5 },
    { label: "B", amount: 3.5 },
  ]);
});

test("days stay in their order", () => {
  const given = report(
    ["day", "scanned"],
    [
      ["2025-06-03", 1],
      ["2025-06-04", 9],
    ],
  );
  const bars = barsOf(given, { of: ["day"], value: "scanned", overTime: true }, WORDS);
  expect(bars.map((bar) => bar.label)).toEqual(["2025-06-03", "2025-06-04"]);
});

test("the row of all streams together is no stream", () => {
  const given = report(
    ["stream", "records"],
    [
      ["all", 12],
      ["rfid-readings", 12],
    ],
  );
  expect(barsOf(given, { of: ["stream"], value: "records" }, WORDS)).toEqual([
    { label: "RFID readers", amount: 12 },
  ]);
});

test("a week has all of its hours, and sites are added up", () => {
  const given = report(
    ["site", "weekday", "hour", "alerts"],
    [
      ["a", 1, 0, 2],
      ["b", 1, 0, 3],
      ["a", 7, 23, 1],
    ],
  );
  const week = weekOf(given);
  expect(week.map((day) => day.length)).toEqual([24, 24, 24, 24, 24, 24, 24]);
  expect([week[0]?.[0], week[6]?.[23]]).toEqual([5, 1]);
  expect(week.flat().reduce((sum, one) => sum + one)).toBe(6);
});
