/** What "now" is at a site. */
import type { Status } from "../api/types";

/** A site further behind than this plays a recording: its now is how far it has come. */
const RECORDING_S = 600;

export interface SiteClock {
  zone: string;
  /** Epoch ms. */
  now: number;
  /** Not the present: a recording that is replayed, or a site that is far behind. */
  past: boolean;
}

export function siteClock(status: Status | null, site: string | null, wall: number): SiteClock {
  const found = status?.sites.find((one) => one.id === site) ?? status?.sites[0];
  if (found === undefined) return { zone: "UTC", now: wall, past: false };
  const past = found.watermark !== null && (found.lag_s ?? 0) > RECORDING_S;
  return { zone: found.zone, now: past ? Date.parse(found.watermark as string) : wall, past };
}
