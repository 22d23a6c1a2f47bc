import { expect, test } from "vitest";
import type { LoggedEvent } from "../../api/types";
import { laidOut } from "./lanes";

const event = (topic: string, event_id: string, event_time_ms: number): LoggedEvent => ({
  topic,
  event_id,
  event_time: new Date(event_time_ms).toISOString(),
  event_time_ms,
  value: {},
});

test("without events there is no line", () => {
  expect(laidOut({ events: [], evidence: {}, event_time_ms: 0 })).toBeNull();
});

test("a lane a stream, in order of time, all within the axis", () => {
  const line = laidOut({
    events: [event("b", "3", 300_000), event("a", "1", 0), event("b", "2", 100_000)],
    evidence: { event_ids: ["1", "2"] },
    event_time_ms: 100_000,
  });
  expect(line?.lanes.map((lane) => [lane.topic, lane.events.map((one) => one.event_id)])).toEqual([
    ["a", ["1"]],
    ["b", ["2", "3"]],
  ]);
  for (const one of line?.events ?? []) expect(one.at > 0 && one.at < 1).toBe(true);
  const [first, second] = line?.events ?? [];
  expect(line?.disagreement).toEqual({ from: first?.at, to: second?.at });
  expect(line?.moment).toBe(second?.at);
});

test("one stream alone does not disagree, and one moment still has an axis", () => {
  const line = laidOut({
    events: [event("a", "1", 5)],
    evidence: { event_ids: ["1"] },
    event_time_ms: 5,
  });
  expect(line?.disagreement).toBeNull();
  expect(line?.moment).toBeCloseTo(0.5);
});
