/** Times in the zone of the site they are from. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`;
  let found = formats.get(key);
  if (found === undefined) {
    try {
      found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    } catch {
      found = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }); // a zone not known here
    }
    formats.set(key, found);
  }
  return found;
}

function moment(time: string | number): number {
  return typeof time === "number" ? time : Date.parse(time);
}

/** 3 Jun 2025, 02:46:40 */
export function dateTime(time: string | number, zone: string): string {
  return format(zone, { dateStyle: "medium", timeStyle: "medium" }).format(moment(time));
}

/** 02:46:40 */
export function clock(time: string | number, zone: string): string {
  return format(zone, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(moment(time));
}

/** 3 Jun */
export function day(time: string | number, zone: string): string {
  return format(zone, { day: "numeric", month: "short" }).format(moment(time));
}

/** 3 Jun, 02:00 */
export function hour(time: string | number, zone: string): string {
  return format(zone, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(moment(time));
}

/** The clock of the day, with the date in front if that is another day than today. */
export function clockOrDay(time: string | number, now: number, zone: string): string {
  const at = moment(time);
  return day(at, zone) === day(now, zone) && Math.abs(now - at) < DAY
    ? clock(at, zone)
    : `${day(at, zone)}, ${clock(at, zone)}`;
}

/** "4 min", "2 h 10 min", "3 d 4 h": two units at most. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60)
    return minutes < 10 && seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** "just now", "4 min ago", "in 2 h": one unit. */
export function relative(time: string | number, now: number): string {
  const ms = now - moment(time);
  const far = Math.abs(ms);
  // Clocks differ, and a watermark is behind what it is the watermark of.
  if (ms > -MINUTE && ms < 5_000) return "just now";
  const text =
    far < MINUTE
      ? `${Math.floor(far / 1000)} s`
      : far < HOUR
        ? `${Math.floor(far / MINUTE)} min`
        : far < DAY
          ? `${Math.floor(far / HOUR)} h`
          : `${Math.floor(far / DAY)} d`;
  return ms < 0 ? `in ${text}` : `${text} ago`;
}

/** As the zone is told beside a time: "UTC", "Europe/Berlin". */
export function zoneLabel(zone: string): string {
  return zone.replaceAll("_", " ");
}
