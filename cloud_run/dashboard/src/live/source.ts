/**
 * Where live changes come from. Everything else knows this interface alone: another back end (documents that
 * are watched in Firestore) is another implementation of it.
 */
import type { Alert, Station, Status, StockItem } from "../api/types";

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  /** at: since when, epoch ms. retryAt: when it is tried again; null: it is being tried. */
  | { state: "lost"; at: number; retryAt: number | null; reason: string };

export type LiveStock = Omit<StockItem, "series">;

export interface LiveListener {
  /** An alert as it is now, whoever changed it. May be told twice. */
  alert(alert: Alert): void;
  status(status: Status): void;
  stations(stations: Station[]): void;
  stock(items: LiveStock[]): void;
  /** From now on everything is told; what was before has to be loaded. */
  begin(): void;
  link(link: Link): void;
}

export interface LiveSource {
  start(listener: LiveListener): void;
  /** Tries now instead of later. */
  retry(): void;
  stop(): void;
}
