/** Where on the axis everything is. */
import type { AlertDetail, LoggedEvent } from "../../api/types";

export interface Placed extends LoggedEvent {
  key: string;
  /** 0 at the left end of the axis, 1 at the right. */
  at: number;
  /** The alert names it as evidence. */
  cited: boolean;
}

export interface Line {
  events: Placed[];
  lanes: { topic: string; events: Placed[] }[];
  moment: number;
  /** From the first to the last cited event, where more than one stream is cited. */
  disagreement: { from: number; to: number } | null;
  ticks: { time: number; at: number }[];
}

const TICKS = 5;

/** Null where there are no events. */
export function laidOut(alert: Pick<AlertDetail, "events" | "evidence" | "event_time_ms">): Line | null {
  if (alert.events.length === 0) return null;
  const ids = alert.evidence["event_ids"];
  const cited = new Set(Array.isArray(ids) ? ids.map(String) : []);
  const times = [...alert.events.map((event) => event.event_time_ms), alert.event_time_ms];
  const first = Math.min(...times);
  const last = Math.max(...times);
  // A second on either side, so that nothing lies on the edge and one moment still has an axis.
  const margin = Math.max(1_000, (last - first) * 0.02);
  const begin = first - margin;
  const length = last - first + 2 * margin;
  const at = (time: number) => (time - begin) / length;
  const events = alert.events
    .map((event, index) => ({
      ...event,
      key: `${event.topic} ${event.event_id} ${index}`,
      at: at(event.event_time_ms),
      cited: cited.has(event.event_id),
    }))
    .sort((a, b) => a.event_time_ms - b.event_time_ms);
  const topics = [...new Set(events.map((event) => event.topic))];
  const evidence = events.filter((event) => event.cited);
  const streams = new Set(evidence.map((event) => event.topic));
  return {
    events,
    lanes: topics.map((topic) => ({ topic, events: events.filter((event) => event.topic === topic) })),
    moment: at(alert.event_time_ms),
    disagreement:
      streams.size > 1
        ? {
            from: Math.min(...evidence.map((one) => one.at)),
            to: Math.max(...evidence.map((one) => one.at)),
          }
        : null,
    ticks: Array.from({ length: TICKS }, (_, index) => {
      const share = index / (TICKS - 1);
      return { time: begin + share * length, at: share };
    }),
  };
}
