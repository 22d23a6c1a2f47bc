import { RESOLUTION_WORD } from "../../alerts/words";
import type { People } from "../../alerts/people";
import type { AlertDetail, HistoryEntry } from "../../api/types";
import { dateTime, relative } from "../../time/format";

const DONE: Record<string, string> = {
  acknowledge: "acknowledged it",
  resolve: "resolved it",
  reopen: "reopened it",
  assign: "assigned it",
  note: "wrote a note",
};

/** What people did, the latest first; at the end, when the machine raised it. */
export function History({ alert, zone, people }: { alert: AlertDetail; zone: string; people: People }) {
  const entries = [...alert.history].sort((a, b) => b.at_ms - a.at_ms);
  return (
    <ol className="space-y-3 text-sm">
      {entries.map((entry) => (
        <li key={entry.id} className="border-l-2 border-accent pl-3">
          <p>
            <strong className="font-medium">{people.name(entry.by)}</strong> {done(entry)}
          </p>
          <Details entry={entry} people={people} />
          <time
            className="text-xs text-ink-2"
            dateTime={entry.at}
            title={relative(entry.at, Date.now())}
          >
            {dateTime(entry.at, zone)}
          </time>
        </li>
      ))}
      <li className="border-l-2 border-line pl-3">
        <p>The machine raised it</p>
        <time className="text-xs text-ink-2" dateTime={alert.detected_at}>
          {dateTime(alert.detected_at, zone)}, by the clock of the events
        </time>
      </li>
    </ol>
  );
}

function done(entry: HistoryEntry): string {
  const action = entry.action.split(".").at(-1) ?? entry.action;
  return DONE[action] ?? action;
}

function Details({ entry, people }: { entry: HistoryEntry; people: People }) {
  const { resolution, assignee, note } = entry.detail;
  const said = [
    typeof resolution === "string" && resolution ? RESOLUTION_WORD[resolution] : "",
    typeof assignee === "string" ? `to ${people.name(assignee)}` : "",
    typeof note === "string" && note ? `“${note}”` : "",
  ].filter(Boolean);
  return said.length > 0 ? <p className="break-words text-ink-2">{said.join(", ")}</p> : null;
}
