/** The alerts that are to be worked on: loaded or told once, then kept up to date by what is told live. */
import { explain } from "../api/problem";
import type { Alert, AlertPage } from "../api/types";
import type { Todo } from "./source";

/** Alerts that one screen holds at most. */
export const MOST_ALERTS = 5_000;
/** What comes in a burst is shown together. */
const GATHER_MS = 80;

export interface BoardState {
  phase: "loading" | "ready" | "failed";
  alerts: readonly Alert[];
  /** There are more than are held. */
  partial: boolean;
  error: string;
}

/** One page of alerts that nobody has resolved and the machine has not cleared, the newest first. */
export type LoadPage = (cursor: string) => Promise<AlertPage>;

/** Whether somebody still has to do something about it. */
export function isWorking(alert: Alert): boolean {
  return alert.handling.workflow !== "resolved" && alert.status !== "cleared";
}

export class Board {
  private readonly known = new Map<string, Alert>();
  /** Told live since loading began: newer than what a page says. */
  private readonly toldMeanwhile = new Set<string>();
  private state: BoardState = { phase: "loading", alerts: [], partial: false, error: "" };
  private readonly listeners = new Set<() => void>();
  private gathering: ReturnType<typeof setTimeout> | null = null;
  private loading = 0;
  private busy = false;

  constructor(private readonly loadPage: LoadPage) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): BoardState => this.state;

  get(id: string): Alert | undefined {
    return this.known.get(id);
  }

  /** Loads it, unless it is there or on its way. */
  ensure(): void {
    if (this.state.phase !== "ready" && !this.busy) void this.load();
  }

  /** Loads all of it anew. Alerts must be told live already, so that none is missed in between. */
  async load(): Promise<void> {
    const mine = ++this.loading;
    this.busy = true;
    this.toldMeanwhile.clear();
    const found = new Map<string, Alert>();
    let partial = false;
    try {
      let cursor = "";
      do {
        const page = await this.loadPage(cursor);
        if (mine !== this.loading) return; // a later one has taken over
        for (const alert of page.items) found.set(alert.alert_id, alert);
        cursor = page.next_cursor;
        partial = cursor !== "" && found.size >= MOST_ALERTS;
      } while (cursor !== "" && !partial);
    } catch (error) {
      if (mine !== this.loading) return;
      this.busy = false;
      this.publish({ phase: "failed", error: explain(error) });
      return;
    }
    this.busy = false;
    for (const id of this.known.keys()) if (!this.toldMeanwhile.has(id)) this.known.delete(id);
    for (const [id, alert] of found) {
      if (!this.toldMeanwhile.has(id) && isWorking(alert)) this.known.set(id, alert);
    }
    this.publish({ phase: "ready", partial, error: "" });
  }

  /** These are all there are. */
  fill({ alerts, partial }: Todo): void {
    this.loading += 1; // whatever is on its way is older
    this.busy = false;
    const newest = [...alerts].sort((a, b) => b.event_time_ms - a.event_time_ms);
    this.known.clear();
    for (const alert of newest.slice(0, MOST_ALERTS)) {
      if (isWorking(alert)) this.known.set(alert.alert_id, alert);
    }
    this.publish({ phase: "ready", partial: partial || newest.length > MOST_ALERTS, error: "" });
  }

  /** An alert as it is now. True if it is news: it was not known, or has become more severe. */
  told(alert: Alert): boolean {
    const before = this.known.get(alert.alert_id);
    this.toldMeanwhile.add(alert.alert_id);
    if (!isWorking(alert)) {
      if (this.known.delete(alert.alert_id)) this.soon();
      return false;
    }
    this.known.set(alert.alert_id, alert);
    if (this.known.size > MOST_ALERTS) this.dropOldest();
    this.soon();
    return before === undefined || before.severity !== alert.severity;
  }

  private dropOldest(): void {
    let oldest: Alert | null = null;
    for (const alert of this.known.values()) {
      if (oldest === null || alert.event_time_ms < oldest.event_time_ms) oldest = alert;
    }
    if (oldest !== null) this.known.delete(oldest.alert_id);
    this.state = { ...this.state, partial: true };
  }

  private soon(): void {
    this.gathering ??= setTimeout(() => this.publish({}), GATHER_MS);
  }

  private publish(change: Partial<BoardState>): void {
    if (this.gathering !== null) clearTimeout(this.gathering);
    this.gathering = null;
    this.state = { ...this.state, ...change, alerts: [...this.known.values()] };
    for (const listener of this.listeners) listener();
  }
}
