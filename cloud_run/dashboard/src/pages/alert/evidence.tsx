import { evidenceWord } from "../../alerts/words";
import type { Alert } from "../../api/types";
import { dateTime } from "../../time/format";

/** The events themselves are in the time line. */
const ELSEWHERE = new Set(["event_ids"]);
const SHOWN = 12;

export function Evidence({ alert, zone }: { alert: Alert; zone: string }) {
  const facts = Object.entries(alert.evidence).filter(([name]) => !ELSEWHERE.has(name));
  if (facts.length === 0) return <p className="text-sm text-ink-2">Nothing besides the events.</p>;
  return (
    <dl className="space-y-1.5 text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-2">
          <dt className="text-ink-2">{evidenceWord(name)}</dt>
          <dd className="break-words">
            <Value value={value} zone={zone} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ value, zone }: { value: unknown; zone: string }) {
  if (Array.isArray(value)) {
    const texts = value.map((one) => plain(one, zone));
    if (texts.length <= SHOWN) return texts.length ? texts.join(", ") : "none";
    return (
      <details>
        <summary className="cursor-pointer">
          {texts.slice(0, 3).join(", ")} and {texts.length - 3} more
        </summary>
        {texts.slice(3).join(", ")}
      </details>
    );
  }
  return plain(value, zone);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

function plain(value: unknown, zone: string): string {
  if (value === null || value === undefined) return "not known";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") {
    return TIME.test(value) && !Number.isNaN(Date.parse(value)) ? dateTime(value, zone) : value;
  }
  if (Array.isArray(value)) return value.map((one) => plain(one, zone)).join(", ");
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([name, one]) => `${evidenceWord(name).toLowerCase()} ${plain(one, zone)}`)
      .join(", ");
  }
  return String(value);
}
