import { expect, test } from "vitest";
import type { Status } from "../api/types";
import { clock, clockOrDay, dateTime, duration, relative } from "./format";
import { siteClock } from "./site-clock";

const AT = Date.parse("2025-06-03T22:30:05Z");

test("times are in the site's zone", () => {
  expect(clock(AT, "UTC")).toBe("22:30:05");
  expect(clock(AT, "Asia/Kolkata")).toBe("04:00:05");
  expect(dateTime(AT, "Asia/Kolkata")).toContain("4 Jun 2025");
  expect(clock(Date.parse("2025-01-01T23:30:00Z"), "Europe/Berlin")).toBe("00:30:00");
});

test("a zone that nobody knows is UTC, not an error", () => {
  expect(clock(AT, "Mars/Base")).toBe("22:30:05");
});

test("the day is told when it is another one there", () => {
  expect(clockOrDay(AT, AT + 3_600_000, "UTC")).toBe("22:30:05");
  expect(clockOrDay(AT, AT + 7_200_000, "UTC")).toBe("3 Jun, 22:30:05");
  expect(clockOrDay(AT, AT + 7_200_000, "Asia/Kolkata")).toBe("04:00:05");
});

test.each([
  [0, "just now"],
  [4_999, "just now"],
  [5_000, "5 s ago"],
  [59_999, "59 s ago"],
  [60_000, "1 min ago"],
  [3_599_999, "59 min ago"],
  [3_600_000, "1 h ago"],
  [86_400_000, "1 d ago"],
  [-30_000, "just now"],
  [-7_200_000, "in 2 h"],
])("%i ms ago is %s", (ms, text) => {
  expect(relative(AT, AT + ms)).toBe(text);
});

test.each([
  [900, "1 s"],
  [75_000, "1 min 15 s"],
  [600_000, "10 min"],
  [3_900_000, "1 h 5 min"],
  [7_200_000, "2 h"],
  [90_000_000, "1 d 1 h"],
])("%i ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("now is the clock at a live site, and the watermark of a recording", () => {
  const site = (lag_s: number) => ({
    id: "s",
    name: "s",
    zone: "Europe/Berlin",
    watermark: "2025-06-03T00:00:00Z",
    lag_s,
  });
  const status = (lag_s: number) => ({ sites: [site(lag_s)] }) as unknown as Status;
  expect(siteClock(status(3), "s", 42)).toEqual({ zone: "Europe/Berlin", now: 42, past: false });
  expect(siteClock(status(9e6), "s", 42)).toEqual({
    zone: "Europe/Berlin",
    now: Date.parse("2025-06-03T00:00:00Z"),
    past: true,
  });
  expect(siteClock(null, "s", 42)).toEqual({ zone: "UTC", now: 42, past: false });
});
