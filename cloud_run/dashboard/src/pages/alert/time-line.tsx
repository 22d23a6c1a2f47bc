import { useState } from "react";
import { eventWords } from "../../alerts/event-words";
import { streamWord } from "../../alerts/words";
import type { AlertDetail } from "../../api/types";
import { clock } from "../../time/format";
import { Button, Empty } from "../../ui/parts";
import { laidOut } from "./lanes";

const SHOWN = 15;

/** The events around an alert: one lane a stream, one axis of time, and where the streams disagree. */
export function TimeLine({ alert, zone }: { alert: AlertDetail; zone: string }) {
  const [all, setAll] = useState(false);
  const line = laidOut(alert);
  if (line === null) {
    return (
      <Empty title="No events are kept for this alert">
        Events are kept for some days, where the product is run with an event log.
      </Empty>
    );
  }
  const cited = line.events.filter((event) => event.cited);
  const listed = all ? line.events : cited.length > 0 ? cited : line.events.slice(0, SHOWN);
  return (
    <div>
      <div aria-hidden="true" className="text-xs">
        <div className="relative">
          {line.disagreement && (
            <div className="pointer-events-none absolute inset-y-0 right-0 left-28">
              <div
                className="absolute inset-y-0 min-w-[3px] rounded-sm border-x border-critical/60 bg-critical/12"
                style={{
                  left: `${line.disagreement.from * 100}%`,
                  width: `${(line.disagreement.to - line.disagreement.from) * 100}%`,
                }}
              />
            </div>
          )}
          {line.lanes.map((lane) => (
            <div key={lane.topic} className="flex items-center">
              <span className="w-28 shrink-0 truncate pr-2 text-ink-2">{streamWord(lane.topic)}</span>
              <div className="relative h-8 flex-1 border-b border-line">
                {lane.events.map((event) => (
                  <span
                    key={event.key}
                    title={`${clock(event.event_time, zone)}  ${eventWords(event)}`}
                    className={`absolute top-1/2 -translate-1/2 rounded-full ${
                      event.cited
                        ? "z-10 size-3 bg-critical ring-2 ring-surface"
                        : "size-1.5 bg-ink-2/60"
                    }`}
                    style={{ left: `${event.at * 100}%` }}
                  />
                ))}
              </div>
            </div>
          ))}
          <div className="pointer-events-none absolute inset-y-0 right-0 left-28">
            <div
              className="absolute inset-y-0 border-l border-dashed border-ink-2"
              style={{ left: `${line.moment * 100}%` }}
            />
          </div>
        </div>
        <div className="relative ml-28 h-6 text-ink-2">
          {line.ticks.map((tick, index) => (
            <span
              key={tick.time}
              className={`absolute top-1 ${index === 0 ? "" : index === line.ticks.length - 1 ? "-translate-x-full" : "-translate-x-1/2"} ${index % 2 ? "hidden sm:inline" : ""}`}
              style={{ left: `${tick.at * 100}%` }}
            >
              {clock(tick.time, zone)}
            </span>
          ))}
        </div>
        <p className="mt-1 mb-3 flex flex-wrap gap-x-4 gap-y-1 text-ink-2">
          <span className="inline-flex items-center gap-1.5">
            <span className="size-3 rounded-full bg-critical" /> what the alert rests on
          </span>
          {line.disagreement && (
            <span className="inline-flex items-center gap-1.5">
              <span className="h-3 w-4 border-x border-critical/60 bg-critical/12" /> the streams
              disagree
            </span>
          )}
          <span className="inline-flex items-center gap-1.5">
            <span className="h-3 border-l border-dashed border-ink-2" /> the moment it points at
          </span>
        </p>
      </div>
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Events">
        <table className="table">
          <caption className="sr-only">
            {all || cited.length === 0 ? "Events around the alert" : "Events that the alert rests on"}
          </caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Stream</th>
              <th scope="col">What it says</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((event) => (
              <tr key={event.key} className={event.cited && all ? "bg-critical/8" : ""}>
                <td className="whitespace-nowrap">{clock(event.event_time, zone)}</td>
                <td className="whitespace-nowrap">
                  {streamWord(event.topic)}
                  {event.cited && all && <span className="sr-only"> (the alert rests on it)</span>}
                </td>
                <td title={event.event_id}>{eventWords(event) || event.event_id}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {listed.length < line.events.length || all ? (
        <Button kind="quiet" className="mt-2" onClick={() => setAll(!all)}>
          {all ? "Only what the alert rests on" : `All ${line.events.length} events around it`}
        </Button>
      ) : null}
    </div>
  );
}
