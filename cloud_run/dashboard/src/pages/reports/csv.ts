import type { ReportResult } from "../../api/types";
import type { Value } from "./values";

/** A report as CSV. A text that a spreadsheet would take for a formula gets a quote before it. */
export function csv(report: Pick<ReportResult, "columns" | "rows">): string {
  return [report.columns, ...report.rows].map((row) => row.map(cell).join(",") + "\n").join("");
}

function cell(value: Value): string {
  if (value === null) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
