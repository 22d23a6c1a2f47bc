/** Two lines, of the books and of the shelf, over the last half hours. */
import type { StockItem } from "../api/types";

const WIDTH = 96;
const HEIGHT = 24;

export function Sparkline({ series }: { series: StockItem["series"] }) {
  const values = series
    .flatMap((point) => [point.digital, point.physical])
    .filter((one) => one !== null);
  const first = series[0];
  const last = series.at(-1);
  if (first === undefined || last === undefined || series.length < 2) {
    return <span className="text-xs text-ink-2">one level yet</span>;
  }
  const least = Math.min(...values);
  const span = Math.max(1, Math.max(...values) - least);
  const line = (which: "digital" | "physical") =>
    series
      .filter((point) => point[which] !== null)
      .map((point) => {
        const x = 1 + ((point.t - first.t) / Math.max(1, last.t - first.t)) * (WIDTH - 2);
        const y = HEIGHT - 2 - (((point[which] ?? 0) - least) / span) * (HEIGHT - 4);
        return `${x.toFixed(1)},${y.toFixed(1)}`;
      })
      .join(" ");
  return (
    <svg
      role="img"
      aria-label={`Books from ${first.digital ?? "unknown"} to ${last.digital ?? "unknown"}, shelf from ${first.physical ?? "unknown"} to ${last.physical ?? "unknown"}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      className="h-6 w-24"
      fill="none"
      strokeWidth="1.500"
    >
      <polyline points={line("digital")} className="stroke-digital" strokeDasharray="3 2" />
      <polyline points={line("physical")} className="stroke-physical" />
    </svg>
  );
}
