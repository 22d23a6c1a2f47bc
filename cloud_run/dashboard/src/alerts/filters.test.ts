import { expect, test } from "vitest";
import { alertOf } from "../test-alerts";
import {
  filtersOf,
  isAt,
  matches,
  narrowing,
  ordered,
  queryOf,
  searchOf,
  type Filters,
} from "./filters";

const NONE = filtersOf(new URLSearchParams());

test("filters survive the page's address", () => {
  const filters: Filters = {
    scope: "all",
    severities: ["critical", "low"],
    workflows: ["resolved"],
    statuses: ["confirmed"],
    types: ["LONG_QUEUE", "BARCODE_SWITCHING"],
    site: "WH 1",
    place: "WH1/A",
    assignee: "u_1",
    text: "50 % & more",
    order: "newest",
  };
  expect(filtersOf(new URLSearchParams(searchOf(filters).toString()))).toEqual(filters);
  expect(searchOf(NONE).toString()).toBe("");
});

test("what an address says and nobody knows is left out", () => {
  const filters = filtersOf(
    new URLSearchParams("severity=deadly&severity=high&workflow=x&order=y&show=z"),
  );
  expect(filters).toEqual({ ...NONE, severities: ["high"] });
});

test.each<[string, Partial<Filters>, boolean]>([
  ["nothing", {}, true],
  ["its severity", { severities: ["low", "high"] }, true],
  ["another severity", { severities: ["critical"] }, false],
  ["its state", { workflows: ["open"] }, true],
  ["another state", { workflows: ["acknowledged"] }, false],
  ["another verdict", { statuses: ["suspected"] }, false],
  ["another type", { types: ["LONG_QUEUE"] }, false],
  ["another site", { site: "other" }, false],
  ["another place", { place: "SCC2" }, false],
  ["its place", { place: "SCC1" }, true],
  ["somebody's", { assignee: "u_1" }, false],
  ["a word of the story, in any case", { text: "  c025 " }, true],
  ["another word", { text: "C026" }, false],
  ["one that fits and one that does not", { severities: ["high"], text: "C026" }, false],
])("asked for %s", (_, change, expected) => {
  expect(matches({ ...NONE, ...change }, alertOf("a"))).toBe(expected);
});

test("a place contains what is in it, and not what is only called alike", () => {
  const shelf = alertOf("a", { evidence: { location: "WH1/A-03" } });
  expect(["WH1", "WH1/A", "WH1/A-03"].map((place) => isAt(shelf, place))).toEqual([true, true, true]);
  expect(["WH", "WH1/A-0", "WH1/B", "WH11"].map((place) => isAt(shelf, place))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test("the most severe first, then the newest", () => {
  const alerts = [
    alertOf("old", { event_time_ms: 1 }),
    alertOf("new", { event_time_ms: 3 }),
    alertOf("critical", { severity: "critical", event_time_ms: 2 }),
  ];
  expect(ordered(alerts, "severity").map((one) => one.alert_id)).toEqual(["critical", "new", "old"]);
  expect(ordered(alerts, "newest").map((one) => one.alert_id)).toEqual(["new", "critical", "old"]);
});

test("the server is asked the same", () => {
  expect(queryOf({ ...NONE, severities: ["high"], place: "WH1/A", text: " C025 " })).toMatchObject({
    severity: ["high"],
    place: "WH1/A",
    q: "C025",
  });
  expect(narrowing(NONE)).toBe(0);
  expect(narrowing({ ...NONE, severities: ["high"], text: "x" })).toBe(2);
});
