/** Which days a report is about. Days are UTC's, as in the history. */

export const DAY_MS = 86_400_000;
/** What one answer may be about. */
export const MOST_DAYS = 400;

/** Days as 2025-06-03, both included. */
export interface Period {
  from: string;
  to: string;
}

/** The period that an address tells, as far as it tells one: by default the days up to now. */
export function periodOf(search: URLSearchParams, days: number, now: number): Period {
  const to = dayIn(search.get("to")) ?? dayOf(now);
  return { from: dayIn(search.get("from")) ?? dayOf(Date.parse(to) - (days - 1) * DAY_MS), to };
}

/** Why there is no report about a period; empty if there is one. */
export function impossible({ from, to }: Period): string {
  if (from > to) return "The first day is after the last.";
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  return days > MOST_DAYS ? `A report is about ${MOST_DAYS} days at most, and these are ${days}.` : "";
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function dayIn(text: string | null): string | null {
  if (text === null || !/^\d{4}-\d\d-\d\d$/.test(text)) return null;
  const time = Date.parse(text);
  // 31 April is May for some.
  return Number.isNaN(time) || dayOf(time) !== text ? null : text;
}
