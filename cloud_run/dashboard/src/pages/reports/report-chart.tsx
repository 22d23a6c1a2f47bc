import type { ReportResult } from "../../api/types";
import { Panel } from "../../ui/parts";
import { HeatMap } from "./heat-map";
import { headOf, number, shown, type Words } from "./values";

/** What a bar is about, and what it shows: names of columns. overTime: in the order of the days. */
interface Bars {
  of: readonly string[];
  value: string;
  overTime?: boolean;
}

const BARS: Record<string, Bars> = {
  daily_loss_summary: { of: ["type"], value: "value_at_risk" },
  detector_quality: { of: ["detector"], value: "alerts" },
  repeat_offenders: { of: ["kind", "id"], value: "alerts" },
  stock_accuracy: { of: ["location"], value: "units_apart" },
  qr_health: { of: ["day"], value: "scanned", overTime: true },
  late_and_quarantined: { of: ["stream"], value: "records" },
  weekly_executive_summary: { of: ["week"], value: "value_at_risk", overTime: true },
};
const MOST = 12;
/** A row of this stream is the sum of the others. */
const TOGETHER = "all";

export interface Bar {
  label: string;
  amount: number;
}

/** What a report comes to, at a glance; all of the numbers are in the table below. */
export function ReportChart({ report, words }: { report: ReportResult; words: Words }) {
  if (report.name === "heat_map") return <HeatMap report={report} />;
  const chart = BARS[report.name];
  if (chart === undefined) return null;
  const all = barsOf(report, chart, words);
  const bars = chart.overTime ? all.slice(-MOST) : all.slice(0, MOST);
  const most = Math.max(0, ...bars.map((bar) => bar.amount));
  if (most === 0) return null;
  const title = `${headOf(chart.value)} by ${chart.of.includes("id") ? "who" : chart.of.join(", ")}`;
  const which = chart.overTime ? "the latest" : "the most";
  return (
    <Panel title={title} aside={all.length > MOST ? `${which} ${MOST} of ${all.length}` : undefined}>
      <ul className="grid grid-cols-[minmax(0,max-content)_1fr_auto] items-center gap-x-3 gap-y-2 text-sm">
        {bars.map(({ label, amount }) => (
          <li key={label} className="col-span-3 grid grid-cols-subgrid items-center">
            <span className="col-span-2 sm:col-span-1">{label}</span>
            <span
              aria-hidden="true"
              className="order-last col-span-3 h-1.5 rounded bg-raised sm:order-none sm:col-span-1 sm:h-3"
            >
              <span
                className="block h-full rounded bg-accent"
                style={{ width: `${(Math.max(0, amount) / most) * 100}%` }}
              />
            </span>
            <span className="text-right font-semibold">{number(amount, 0)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Sums by label: in the order of the rows, or the largest first, without those of nothing. */
export function barsOf(report: ReportResult, chart: Bars, words: Words): Bar[] {
  const { columns, rows } = report;
  const value = columns.indexOf(chart.value);
  const places = chart.of.map((name) => columns.indexOf(name));
  const sums = new Map<string, number>();
  for (const row of rows) {
    const amount = row[value];
    if (chart.of[0] === "stream" && row[places[0] ?? -1] === TOGETHER) continue;
    const label = places.map((place) => shown(columns[place] ?? "", row[place], words)).join(" ");
    sums.set(label, (sums.get(label) ?? 0) + (typeof amount === "number" ? amount : 0));
  }
  const bars = [...sums].map(([label, amount]) => ({ label, amount }));
  if (chart.overTime) return bars;
  return bars.filter((bar) => bar.amount > 0).sort((a, b) => b.amount - a.amount);
}
