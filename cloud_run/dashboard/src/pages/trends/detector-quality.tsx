import { useQuery } from "@tanstack/react-query";
import type { Detectors } from "../../api/types";
import { useSession } from "../../session/context";
import { duration } from "../../time/format";
import { Failed, Loading, Panel } from "../../ui/parts";

/** How good each detector is, by what people found. For analysts. */
export function DetectorQuality({ name, since, until }: { name: string; since: number; until: number }) {
  const session = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: ["detectors", name, until],
    queryFn: ({ signal }) =>
      session.ask<Detectors>("analytics/detectors", { query: { since, until }, signal }),
    placeholderData: (before) => before,
  });
  const items = data?.items.filter((one) => one.alerts > 0) ?? [];
  const silent = (data?.items.length ?? 0) - items.length;
  return (
    <Panel title="How good the detectors are" aside="by what people found">
      {error && !data ? (
        <Failed what="The detectors" error={error} again={() => void refetch()} />
      ) : !data ? (
        <Loading what="detectors" />
      ) : (
        <>
          <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Detectors">
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Detector</th>
                  <th scope="col" className="number">
                    Alerts
                  </th>
                  <th scope="col" className="number">
                    Cleared by itself
                  </th>
                  <th scope="col" className="number">
                    Real
                  </th>
                  <th scope="col" className="number">
                    False alarm
                  </th>
                  <th scope="col" className="number">
                    Share of false alarms
                  </th>
                  <th scope="col" className="number">
                    Half are known within
                  </th>
                  <th scope="col" className="number">
                    95 % within
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((one) => (
                  <tr key={one.id}>
                    <td>{one.title}</td>
                    <td className="number">{one.alerts}</td>
                    <td className="number">{one.cleared}</td>
                    <td className="number">{one.true_positive}</td>
                    <td className="number">{one.false_positive}</td>
                    <td className="number">
                      {one.false_positive_rate === null
                        ? "not judged yet"
                        : `${Math.round(one.false_positive_rate * 100)} %`}
                    </td>
                    <td className="number">{seconds(one.latency_p50_s)}</td>
                    <td className="number">{seconds(one.latency_p95_s)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {silent > 0 && (
            <p className="mt-2 text-xs text-ink-2">{silent} detectors found nothing in this period.</p>
          )}
        </>
      )}
    </Panel>
  );
}

function seconds(value: number | null): string {
  return value === null ? "–" : duration(value * 1000);
}
