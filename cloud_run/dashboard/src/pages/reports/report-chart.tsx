import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { ReportResult } from "../../api/types";
import { Panel } from "../../ui/parts";

/** By report: the columns that name a bar, and the one it shows. */
const CHARTS: Record<string, readonly [readonly string[], string]> = {
  daily_loss_summary: [["type"], "value_at_risk"],
  detector_quality: [["detector"], "alerts"],
  repeat_offenders: [["kind", "id"], "alerts"],
  stock_accuracy: [["location"], "units_apart"],
  heat_map: [["hour"], "alerts"],
  qr_health: [["day"], "scanned"],
  late_and_quarantined: [["stream"], "records"],
  weekly_executive_summary: [["week"], "findings"],
};
const MOST = 24;

/** What a report comes to, as bars; the numbers are in the table below. */
export function ReportChart({ report }: { report: ReportResult }) {
  const chart = CHARTS[report.name];
  if (chart === undefined) return null;
  const [names, value] = chart;
  const sums = new Map<string, number>();
  for (const row of report.rows) {
    const label = names.map((name) => String(row[report.columns.indexOf(name)])).join(" ");
    const amount = row[report.columns.indexOf(value)];
    sums.set(label, (sums.get(label) ?? 0) + (typeof amount === "number" ? amount : 0));
  }
  const bars = [...sums].map(([label, amount]) => ({ label, amount })).slice(0, MOST);
  return (
    <Panel title={`${value.replaceAll("_", " ")} by ${names.join(", ")}`}>
      <div className="h-64" aria-hidden>
        <ResponsiveContainer>
          <BarChart data={bars}>
            <CartesianGrid stroke="var(--color-line)" vertical={false} />
            <XAxis dataKey="label" stroke="var(--color-ink-2)" fontSize={12} />
            <YAxis stroke="var(--color-ink-2)" fontSize={12} width={70} />
            <Tooltip />
            <Bar dataKey="amount" name={value.replaceAll("_", " ")} fill="var(--color-accent)" />
          </BarChart>
        </ResponsiveContainer>
      </div>
    </Panel>
  );
}
