/** Where live changes come from. There is one implementation for each back end. */
import type { Alert, Station, Status, StockItem } from "../api/types";

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  /** at: since when, epoch ms. retryAt: when it is tried again; null: it is being tried. */
  | { state: "lost"; at: number; retryAt: number | null; reason: string };

export type LiveStock = Omit<StockItem, "series">;

/** All alerts that are to be worked on. partial: there are more than are held. */
export interface Todo {
  alerts: readonly Alert[];
  partial: boolean;
}

export interface LiveListener {
  /** An alert as it is now, whoever changed it. May be told twice. */
  alert(alert: Alert): void;
  status(status: Status): void;
  stations(stations: Station[]): void;
  stock(items: LiveStock[]): void;
  /** From now on everything is told. todo: what there is so far; null: that has to be loaded. */
  begin(todo: Todo | null): void;
  link(link: Link): void;
}

export interface LiveSource {
  /** Whether it begins with what there is so far, so that nobody need load that. */
  readonly tellsAll: boolean;
  start(listener: LiveListener): void;
  /** Tries now instead of later. */
  retry(): void;
  stop(): void;
}
