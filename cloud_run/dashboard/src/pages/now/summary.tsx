import { useQuery } from "@tanstack/react-query";
import { SEVERITIES } from "../../alerts/filters";
import { shortNumber } from "../../alerts/words";
import type { Overview, Severity } from "../../api/types";
import { useCell, useLive, useSiteClock } from "../../live/context";
import { useSession } from "../../session/context";
import { duration, hour } from "../../time/format";
import { Failed, Loading, Panel } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";

export function Summary({
  chosen,
  onSeverity,
}: {
  chosen: readonly Severity[];
  onSeverity: (severity: Severity) => void;
}) {
  const session = useSession();
  const status = useCell(useLive().status);
  const { past, zone } = useSiteClock();
  const { data, error, refetch } = useQuery({
    queryKey: ["overview"],
    queryFn: ({ signal }) => session.ask<Overview>("analytics/dashboard", { signal }),
    refetchInterval: 5_000,
  });
  if (data === undefined) {
    return (
      <Panel title="At a glance" className="order-1">
        {error ? (
          <Failed what="The overview" error={error} again={() => void refetch()} />
        ) : (
          <Loading what="the overview" />
        )}
      </Panel>
    );
  }
  return (
    <Panel
      title="At a glance"
      aside={data.partial ? "of the latest alerts" : undefined}
      className="order-1"
    >
      <div className="flex items-center gap-4">
        <Gauge score={data.risk_score} />
        <dl className="grid flex-1 grid-cols-2 gap-x-3 gap-y-2 text-sm">
          <Figure name="At risk" value={shortNumber(data.value_at_risk)} />
          <Figure name="Raised in 24 h" value={String(data.raised_24h)} />
          <Figure
            name="Events a second"
            value={status?.event_rate == null ? "–" : String(Math.round(status.event_rate * 10) / 10)}
          />
          <Figure
            name="Behind by"
            value={past ? "recording" : status?.lag_s == null ? "–" : duration(status.lag_s * 1000)}
          />
        </dl>
      </div>
      <div role="group" aria-label="Open alerts by severity" className="mt-3 grid grid-cols-4 gap-1.5">
        {SEVERITIES.map((severity) => (
          <button
            key={severity}
            type="button"
            aria-pressed={chosen.length === 1 && chosen[0] === severity}
            onClick={() => onSeverity(severity)}
            className="cursor-pointer rounded-md border border-line px-1.5 py-1 text-left text-xs hover:bg-raised aria-pressed:border-accent"
          >
            <span className="block text-lg font-semibold">{data.open[severity]}</span>
            <SeverityMark severity={severity} />
          </button>
        ))}
      </div>
      <Hours overview={data} zone={zone} />
    </Panel>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt className="text-xs text-ink-2">{name}</dt>
      <dd className="text-base font-semibold">{value}</dd>
    </div>
  );
}

/** 0 to 100 as a half circle; the words say the same. */
function Gauge({ score }: { score: number }) {
  const word = score >= 75 ? "severe" : score >= 50 ? "high" : score >= 25 ? "raised" : "calm";
  const colour =
    score >= 75
      ? "text-critical"
      : score >= 50
        ? "text-high"
        : score >= 25
          ? "text-medium"
          : "text-good";
  return (
    <div
      role="meter"
      aria-label="Risk"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={score}
      aria-valuetext={`${score} of 100, ${word}`}
      className="w-28 shrink-0 text-center"
    >
      <svg
        viewBox="0 0 100 56"
        aria-hidden="true"
        className={`w-full ${colour}`}
        fill="none"
        strokeWidth="9"
        strokeLinecap="round"
      >
        <path d="M8 50a42 42 0 0 1 84 0" className="stroke-line" />
        <path
          d="M8 50a42 42 0 0 1 84 0"
          stroke="currentColor"
          pathLength={100}
          strokeDasharray={`${score} 100`}
          opacity={score > 0 ? 1 : 0}
        />
        <text
          x="50"
          y="47"
          textAnchor="middle"
          className="fill-ink stroke-none text-[22px] font-semibold"
        >
          {Math.round(score)}
        </text>
      </svg>
      <span className="text-xs text-ink-2">
        Risk: <span className={`font-semibold ${colour}`}>{word}</span>
      </span>
    </div>
  );
}

/** Alerts raised in each of the last 24 hours. */
function Hours({ overview, zone }: { overview: Overview; zone: string }) {
  const sums = overview.series.map((one) => one.critical + one.high + one.medium + one.low);
  const most = Math.max(1, ...sums);
  const first = overview.series[0];
  if (first === undefined) return null;
  return (
    <figure className="mt-3">
      <svg
        viewBox={`0 0 ${overview.series.length * 10} 40`}
        preserveAspectRatio="none"
        className="h-10 w-full"
        role="img"
        aria-label={`Alerts an hour in the last 24 hours: ${most === 1 && !sums.some(Boolean) ? "none" : `at most ${most}`}`}
      >
        {overview.series.map((one, index) => {
          let y = 40;
          return SEVERITIES.map((severity) => {
            const height = (one[severity] / most) * 38;
            y -= height;
            return height > 0 ? (
              <rect
                key={`${one.t}${severity}`}
                x={index * 10 + 1}
                width={8}
                y={y}
                height={height}
                style={{ fill: `var(--${severity})` }}
              />
            ) : null;
          });
        })}
        <path d={`M0 39.500h${overview.series.length * 10}`} className="stroke-line" />
      </svg>
      <figcaption className="flex justify-between text-xs text-ink-2">
        <span>{hour(first.t, zone)}</span>
        <span>alerts an hour</span>
        <span>{hour(overview.as_of, zone)}</span>
      </figcaption>
    </figure>
  );
}
