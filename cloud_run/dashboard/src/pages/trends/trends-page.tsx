import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import {
  Bar,
  BarChart,
  CartesianGrid,
  Legend,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { SEVERITIES } from "../../alerts/filters";
import { money, SEVERITY_WORD } from "../../alerts/words";
import type { Threats } from "../../api/types";
import { useSiteClock } from "../../live/context";
import { useSession, useUser } from "../../session/context";
import { may } from "../../session/session";
import { hour } from "../../time/format";
import { Empty, Failed, Loading, Panel } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";
import { DetectorQuality } from "./detector-quality";

const HOUR = 3_600_000;
const PERIODS = [
  ["24h", "24 hours", 24 * HOUR],
  ["7d", "7 days", 168 * HOUR],
  ["30d", "30 days", 720 * HOUR],
] as const;

/** What the alerts of a period come to. */
export default function TrendsPage() {
  const session = useSession();
  const user = useUser();
  const { now, zone } = useSiteClock();
  const [search, setSearch] = useSearchParams();
  const [name, , length] = PERIODS.find(([one]) => one === search.get("period")) ?? PERIODS[0];
  // To the minute, so that the same question is the same.
  const until = (Math.floor(now / 60_000) + 1) * 60_000;
  const period = { since: until - length, until };
  const { data, error, refetch } = useQuery({
    queryKey: ["threats", name, until],
    queryFn: ({ signal }) => session.ask<Threats>("analytics/threats", { query: period, signal }),
    placeholderData: (before) => before,
  });
  return (
    <div className="space-y-4 p-3 sm:p-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Trends</h1>
        <select
          aria-label="Period"
          className="field w-auto!"
          value={name}
          onChange={(event) => setSearch({ period: event.target.value }, { replace: true })}
        >
          {PERIODS.map(([key, words]) => (
            <option key={key} value={key}>
              The last {words}
            </option>
          ))}
        </select>
      </div>
      {error && !data ? (
        <Failed what="The trends" error={error} again={() => void refetch()} />
      ) : !data ? (
        <Loading what="trends" />
      ) : data.by_type.length === 0 ? (
        <Empty title="No alert in this period">Choose a longer one.</Empty>
      ) : (
        <Shown threats={data} zone={zone} />
      )}
      {may(user, "analyst") && <DetectorQuality name={name} since={period.since} until={period.until} />}
    </div>
  );
}

function Shown({ threats, zone }: { threats: Threats; zone: string }) {
  const places = [...threats.by_location].sort(
    (a, b) => b.value_at_risk - a.value_at_risk || b.alerts - a.alerts,
  );
  const most = Math.max(...threats.by_type.map((one) => one.count));
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <Panel
        title="Alerts over time"
        aside={`each bar is ${Math.max(1, Math.round(threats.bucket_s / 3600))} h${threats.partial ? ", of the latest alerts" : ""}`}
        className="lg:col-span-2"
      >
        <div
          role="img"
          aria-label={`Alerts over time, ${threats.by_type.reduce((sum, one) => sum + one.count, 0)} in all`}
          className="h-64"
        >
          <ResponsiveContainer width="100%" height="100%">
            <BarChart
              data={threats.timeline}
              accessibilityLayer={false}
              margin={{ left: -20, right: 8, top: 4 }}
            >
              <CartesianGrid vertical={false} stroke="var(--line)" />
              <XAxis
                dataKey="t_ms"
                tickFormatter={(time: number) => hour(time, zone)}
                tick={{ fill: "var(--ink-2)", fontSize: 11 }}
                minTickGap={40}
              />
              <YAxis allowDecimals={false} tick={{ fill: "var(--ink-2)", fontSize: 11 }} />
              <Tooltip
                labelFormatter={(time) => hour(Number(time), zone)}
                cursor={{ fill: "var(--raised)" }}
                contentStyle={{
                  background: "var(--surface)",
                  border: "1px solid var(--line)",
                  borderRadius: 6,
                }}
              />
              <Legend itemSorter={null} wrapperStyle={{ fontSize: 12 }} />
              {[...SEVERITIES].reverse().map((severity) => (
                <Bar
                  key={severity}
                  dataKey={severity}
                  name={SEVERITY_WORD[severity]}
                  stackId="alerts"
                  fill={`var(--${severity})`}
                  isAnimationActive={false}
                />
              ))}
            </BarChart>
          </ResponsiveContainer>
        </div>
      </Panel>
      <Panel title="By type">
        <ul className="space-y-2 text-sm">
          {threats.by_type.map((one) => (
            <li key={one.type} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3">
              <span className="truncate">{one.title}</span>
              <span className="font-semibold">{one.count}</span>
              <span aria-hidden="true" className="col-span-2 h-1.5 rounded bg-raised">
                <span
                  className="block h-full rounded bg-accent"
                  style={{ width: `${(one.count / most) * 100}%` }}
                />
              </span>
            </li>
          ))}
        </ul>
      </Panel>
      <Panel title="Value at risk by place">
        <div className="max-h-96 overflow-auto" tabIndex={0} role="region" aria-label="Places">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Place</th>
                <th scope="col" className="number">
                  At risk
                </th>
                <th scope="col" className="number">
                  Alerts
                </th>
                <th scope="col">Worst</th>
              </tr>
            </thead>
            <tbody>
              {places.map((one) => {
                const worst = SEVERITIES.find((severity) => one.by_severity[severity] > 0);
                return (
                  <tr key={`${one.site} ${one.location}`}>
                    <td>{one.location || one.site}</td>
                    <td className="number">{money(one.value_at_risk)}</td>
                    <td className="number">{one.alerts}</td>
                    <td>{worst && <SeverityMark severity={worst} />}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </Panel>
      {(
        [
          ["Products most in question", threats.products],
          ["People most in question", threats.employees],
        ] as const
      ).map(
        ([title, scores]) =>
          scores.length > 0 && (
            <Panel key={title} title={title} aside="threat score, of 100">
              <ul className="space-y-1 text-sm">
                {scores.slice(0, 10).map((one) => (
                  <li key={`${one.site} ${one.id}`} className="flex items-center gap-3">
                    <span className="w-28 truncate">{one.id}</span>
                    <span aria-hidden="true" className="h-1.5 flex-1 rounded bg-raised">
                      <span
                        className="block h-full rounded bg-high"
                        style={{ width: `${one.score}%` }}
                      />
                    </span>
                    <span className="w-10 text-right font-semibold">{Math.round(one.score)}</span>
                  </li>
                ))}
              </ul>
              <p className="mt-2 text-xs text-ink-2">
                How much there is to look into, not who is guilty.
              </p>
            </Panel>
          ),
      )}
    </div>
  );
}
