/** How the values of reports are told to people. The CSV has them as they are. */
import { streamWord } from "../../alerts/words";
import type { ReportResult } from "../../api/types";
import { dateTime, duration } from "../../time/format";

export type Value = ReportResult["rows"][number][number];

export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;

/** What is needed to tell them: titles of alert types, and the zone that times are told in. */
export interface Words {
  titles: Readonly<Record<string, string>>;
  zone: string;
}

const HEADS: Record<string, string> = {
  judged_right: "Real, of those judged",
  latency_p50_s: "Half are known within",
  latency_p95_s: "95 % within",
  true_positive: "Real",
  false_positive: "False alarms",
  without_value: "Of unknown value",
};
const SHARES = new Set(["accuracy", "bad_share", "judged_right", "quarantined_share"]);
const TYPES = new Set(["detector", "most_frequent", "type"]);
const NONE = "–";

/** The head of a column. */
export function headOf(column: string): string {
  const text = HEADS[column] ?? column.replace(/_at$/, "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function shown(column: string, value: Value | undefined, { titles, zone }: Words): string {
  if (value === null || value === undefined) return NONE;
  if (typeof value === "number") {
    if (column === "weekday") return WEEKDAYS[value - 1] ?? String(value);
    if (column === "hour") return `${String(value).padStart(2, "0")}:00`;
    if (SHARES.has(column)) return `${number(value * 100, 1)} %`;
    return column.endsWith("_s") ? duration(value * 1000) : number(value, 2);
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (TYPES.has(column)) return titles[value] ?? value;
  if (column === "stream") return value === "all" ? "All together" : streamWord(value);
  return column.endsWith("_at") ? dateTime(value, zone) : value;
}

export function number(value: number, digits: number): string {
  return value.toLocaleString("en-GB", { maximumFractionDigits: digits });
}
