import { expect, test } from "vitest";
import { impossible, periodOf } from "./period";

const NOW = Date.parse("2025-06-03T22:30:05Z");

const told = (address: string, days = 7) => periodOf(new URLSearchParams(address), days, NOW);

test("by default the days up to now", () => {
  expect(told("")).toEqual({ from: "2025-05-28", to: "2025-06-03" });
  expect(told("", 1)).toEqual({ from: "2025-06-03", to: "2025-06-03" });
});

test("as the address says, and up to its last day", () => {
  expect(told("from=2025-01-01&to=2025-01-31")).toEqual({ from: "2025-01-01", to: "2025-01-31" });
  expect(told("to=2025-03-01", 2)).toEqual({ from: "2025-02-28", to: "2025-03-01" });
});

test.each(["to=soon", "to=2025-02-30", "to=", "to=12025-01-01", "from=0", "from=2025-13-01"])(
  "%s is no day, and passed over",
  (address) => expect(told(address)).toEqual(told("")),
);

test("what cannot be asked is said", () => {
  expect(impossible({ from: "2025-06-03", to: "2025-06-03" })).toBe("");
  expect(impossible({ from: "2025-06-04", to: "2025-06-03" })).toMatch(/after the last/);
  expect(impossible({ from: "2024-01-01", to: "2025-02-03" })).toBe("");
  expect(impossible({ from: "2024-01-01", to: "2025-02-04" })).toMatch(/400 days at most.* 401/);
});
