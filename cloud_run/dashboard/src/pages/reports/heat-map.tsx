import type { ReportResult } from "../../api/types";
import { Panel } from "../../ui/parts";
import { WEEKDAYS } from "./values";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
/** How much of the accent the warmest field has: a number on it can still be read. */
const WARMEST_PERCENT = 45;
const COLDEST_PERCENT = 16;

/** Findings by weekday and hour, of all sites of the report together. */
export function HeatMap({ report }: { report: ReportResult }) {
  const week = weekOf(report);
  const most = Math.max(...week.flat());
  return (
    <Panel title="Findings by weekday and hour" aside="by the site's clock">
      <div
        role="img"
        aria-label={`Findings by weekday and hour; at most ${most} in one hour`}
        className="grid grid-cols-[2rem_repeat(24,minmax(0,1fr))] gap-px text-xs sm:grid-cols-[2.5rem_repeat(24,minmax(0,1fr))] sm:gap-0.5"
      >
        {WEEKDAYS.map((day, number) => (
          <div key={day} className="contents">
            <span className="self-center text-ink-2">{day}</span>
            {HOURS.map((hour) => {
              const findings = week[number]?.[hour] ?? 0;
              return (
                <span
                  key={hour}
                  title={`${day} ${String(hour).padStart(2, "0")}:00: ${findings}`}
                  className="flex h-7 items-center justify-center rounded-sm bg-raised"
                  style={findings > 0 ? { background: warmth(findings / most) } : undefined}
                >
                  <span className="hidden md:inline">{findings > 0 && findings}</span>
                </span>
              );
            })}
          </div>
        ))}
        <span />
        {HOURS.map((hour) => (
          <span key={hour} className="overflow-visible text-ink-2">
            {hour % 6 === 0 && hour}
          </span>
        ))}
      </div>
    </Panel>
  );
}

/** Findings by weekday, Monday first, and hour. */
export function weekOf({ columns, rows }: ReportResult): number[][] {
  const week = WEEKDAYS.map(() => HOURS.map(() => 0));
  const [weekday, hour, alerts] = ["weekday", "hour", "alerts"].map((name) => columns.indexOf(name));
  for (const row of rows) {
    const [day, at, count] = [weekday, hour, alerts].map((place) => Number(row[place ?? -1]));
    const ofDay = week[(day ?? 0) - 1];
    if (ofDay !== undefined && at !== undefined) ofDay[at] = (ofDay[at] ?? 0) + (count ?? 0);
  }
  return week;
}

/** share: of the most. By its root, so that one busy hour does not make all others alike. */
function warmth(share: number): string {
  const percent = COLDEST_PERCENT + Math.sqrt(share) * (WARMEST_PERCENT - COLDEST_PERCENT);
  return `color-mix(in srgb, var(--accent) ${percent.toFixed(1)}%, var(--surface))`;
}
