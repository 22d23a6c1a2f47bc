import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { SEVERITIES } from "../../alerts/filters";
import type { Severity, Station } from "../../api/types";
import { useBoard, useCell, useLive, useSiteClock } from "../../live/context";
import { useSession } from "../../session/context";
import { dateTime, duration } from "../../time/format";
import { Ago, Empty, Failed, Loading, Tag } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";

const STATE: Record<string, { word: string; colour: string; sign: string }> = {
  active: { word: "At work", colour: "text-good", sign: "●" },
  read_error: { word: "Read errors", colour: "text-medium", sign: "◐" },
  crashed: { word: "Down", colour: "text-critical", sign: "✕" },
};

/** The stations of the store, as they are now. */
export function StorePage() {
  const session = useSession();
  const told = useCell(useLive().stations);
  const { data, error, refetch } = useQuery({
    queryKey: ["stations"],
    queryFn: ({ signal }) => session.ask<{ items: Station[] }>("stations", { signal }),
  });
  const stations = told ?? data?.items;
  return (
    <div className="p-3 sm:p-4">
      <h1 className="mb-3 text-xl font-semibold">Store</h1>
      {stations === undefined ? (
        error ? (
          <Failed what="The stations" error={error} again={() => void refetch()} />
        ) : (
          <Loading what="stations" />
        )
      ) : stations.length === 0 ? (
        <Empty title="No station has reported yet">
          Stations appear with the first record of a till, an RFID reader, a camera or a queue monitor.
        </Empty>
      ) : (
        <ul className="grid grid-cols-[repeat(auto-fill,minmax(17rem,1fr))] gap-3">
          {stations.map((station) => (
            <li key={`${station.site} ${station.station_id}`}>
              <Card station={station} />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Card({ station }: { station: Station }) {
  const { alerts } = useBoard();
  const { now, zone } = useSiteClock(station.site);
  const state = STATE[station.status] ?? { word: station.status, colour: "text-ink-2", sign: "?" };
  const worst = SEVERITIES.find((severity) =>
    station.open_alerts.some((one) => one.severity === severity),
  );
  return (
    <article
      aria-label={`Station ${station.station_id}`}
      className={`h-full rounded-lg border bg-surface p-4 ${worst ? EDGE[worst] : "border-line"}`}
    >
      <header className="flex items-baseline justify-between gap-2">
        <h2 className="text-lg font-semibold">{station.station_id}</h2>
        <span className={`text-sm font-medium ${state.colour}`}>
          <span aria-hidden="true">{state.sign}</span> {state.word}
        </span>
      </header>
      {station.crashed_since && (
        <p className="mt-1 text-sm text-critical">
          Down for {duration(now - Date.parse(station.crashed_since))}, since{" "}
          {dateTime(station.crashed_since, zone)}. Nothing there is watched.
        </p>
      )}
      <dl className="mt-3 grid grid-cols-2 gap-3 text-sm">
        <Reading name="Waiting" value={station.queue === null ? "unknown" : String(station.queue)} />
        <Reading
          name="Average wait"
          value={station.average_dwell_s === null ? "unknown" : duration(station.average_dwell_s * 1000)}
        />
        <Reading
          name="Last sale"
          value={
            station.last_sale_at ? <Ago time={station.last_sale_at} site={station.site} /> : "none yet"
          }
        />
        <Reading
          name="Last tag"
          value={
            station.last_rfid_at ? <Ago time={station.last_rfid_at} site={station.site} /> : "none yet"
          }
        />
      </dl>
      <div className="mt-3 border-t border-line pt-2 text-sm">
        {station.open_alerts.length === 0 ? (
          <p className="text-ink-2">No open alert</p>
        ) : (
          <ul>
            {station.open_alerts.slice(0, 5).map((one) => {
              const known = alerts.find((alert) => alert.alert_id === one.alert_id);
              return (
                <li key={one.alert_id} className="flex items-center gap-2">
                  <SeverityMark severity={one.severity as Severity} word={false} />
                  <Link className="truncate leading-7 hover:underline" to={`/alerts/${one.alert_id}`}>
                    {known?.title ?? one.type.replaceAll("_", " ").toLowerCase()}
                  </Link>
                  {one.status === "suspected" && <Tag tone="dashed">Suspected</Tag>}
                </li>
              );
            })}
            {station.open_alerts.length > 5 && (
              <li>
                <Link
                  className="inline-block leading-7 text-accent hover:underline"
                  to={`/?place=${encodeURIComponent(station.station_id)}`}
                >
                  and {station.open_alerts.length - 5} more
                </Link>
              </li>
            )}
          </ul>
        )}
      </div>
    </article>
  );
}

const EDGE: Record<Severity, string> = {
  critical: "border-critical",
  high: "border-high",
  medium: "border-medium",
  low: "border-low",
};

function Reading({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-ink-2">{name}</dt>
      <dd className="text-base font-medium">{value}</dd>
    </div>
  );
}
