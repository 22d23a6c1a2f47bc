/**
 * Live changes straight from Firestore. Alerts are watched there; stations, stock and status are the API's own
 * sums, which is asked when rows that they are made of have changed.
 */
import { explain } from "../api/problem";
import type { Alert, Catalogue, Station, Status } from "../api/types";
import type { Session } from "../session/session";
import { alertOfDocument, type AlertFields } from "./alert-document";
import { MOST_ALERTS } from "./board";
import type { Documents, Ended, Seen } from "./documents";
import type { Link, LiveListener, LiveSource, LiveStock } from "./source";

export const STATUS_EVERY_MS = 5_000;
/** Between two questions for stations, or for stock. */
export const BELL_EVERY_MS = 2_000;
/** While a document is on its way out of a result, that result is from the cache for a moment. */
export const GRACE_MS = 2_000;
export const LONGEST_WAIT_MS = 30_000;
const FIRST_WAIT_MS = 1_000;
/** Alerts that have left the result and are looked at one by one; of more, all is told anew. */
export const MOST_LEFT = 50;
/** Questions to the API in a row that may fail before that is a loss. */
const MOST_FAILURES = 1;
const STATIONS = "stations";
const STOCK = "stock-levels";
const NOTHING: Catalogue = { titles: {}, prices: {} };

type Timer = ReturnType<typeof setTimeout>;

interface Site {
  stops: (() => void)[];
  /** waiting: the server has not answered yet. lost: it does not any more, or has refused. */
  state: "waiting" | "live" | "lost";
  seen: Seen | null;
  grace: Timer | null;
  /** Until watching is begun anew, after a refusal. */
  again: { timer: Timer; at: number } | null;
  failures: number;
  reason: string;
}

export class FirestoreSource implements LiveSource {
  readonly tellsAll = true;
  private listener: LiveListener | null = null;
  private readonly sites = new Map<string, Site>();
  private catalogue: Catalogue | null = null;
  /** Whether the catalogue was asked for: what is told before would have no titles. */
  private mayBegin = false;
  /** Whether all sites there are are known. */
  private complete: boolean;
  private begun = false;
  private lostAt = 0;
  private told = "";
  private failures = 0;
  private reason = "";
  private polling: Timer | null = null;
  private readonly bells = new Map<string, { asked: number; timer: Timer | null }>();

  /**
   * scope: the user's sites, `*` for all. check: finds out whether the login is still good, after a refusal.
   */
  constructor(
    private readonly documents: Documents,
    private readonly ask: Session["ask"],
    private readonly scope: readonly string[],
    private readonly check: () => Promise<void>,
  ) {
    this.complete = !scope.includes("*");
  }

  start(listener: LiveListener): void {
    this.listener = listener;
    this.relink();
    if (this.complete) for (const site of this.scope) this.watch(site);
    void this.load();
    void this.poll();
  }

  stop(): void {
    this.listener = null;
    if (this.polling !== null) clearTimeout(this.polling);
    for (const bell of this.bells.values()) if (bell.timer !== null) clearTimeout(bell.timer);
    for (const site of this.sites.values()) leave(site);
    this.sites.clear();
  }

  retry(): void {
    if (this.listener === null) return;
    for (const [id, site] of this.sites) if (site.state === "lost") this.watch(id);
    // Null: it is being asked at this moment.
    if (this.polling !== null) void this.poll();
  }

  // --- Alerts

  private watch(id: string): void {
    const known = this.sites.get(id);
    if (known !== undefined) leave(known);
    const site: Site = known ?? {
      stops: [],
      state: "waiting",
      seen: null,
      grace: null,
      again: null,
      failures: 0,
      reason: "",
    };
    this.sites.set(id, site);
    const ended = (why: Ended) => void this.ended(id, site, why);
    site.stops = [
      this.documents.alerts(id, (seen) => this.seen(id, site, seen), ended),
      this.documents.rows(id, STATIONS, () => this.ring(STATIONS), ended),
      this.documents.rows(id, STOCK, () => this.ring(STOCK), ended),
    ];
    this.relink();
  }

  private seen(id: string, site: Site, seen: Seen): void {
    if (this.listener === null) return;
    site.seen = seen;
    if (seen.fromCache) {
      site.grace ??= setTimeout(() => this.lose(site), GRACE_MS);
    } else {
      if (site.grace !== null) clearTimeout(site.grace);
      site.grace = null;
      site.failures = 0;
    }
    if (this.begun) {
      for (const { gone, fields } of seen.changes) if (!gone) this.tell(fields);
      const left = seen.changes.filter((change) => change.gone).map((change) => change.id);
      if (left.length > 0) void this.left(id, site, left);
    }
    if (!seen.fromCache && site.state !== "live") {
      site.state = "live";
      this.begin();
    }
    this.relink();
  }

  /** What has left a result is told as it is now: resolved, or cleared. */
  private async left(id: string, site: Site, left: readonly string[]): Promise<void> {
    let unsure = left.length > MOST_LEFT;
    if (!unsure) {
      const found = await Promise.all(
        left.map((one) => this.documents.alert(id, one).catch(() => null)),
      );
      // Back again meanwhile: then what was told since is newer.
      const here = new Set(site.seen?.all().map((fields) => fields.alert_id));
      for (const fields of found) {
        if (fields === null) unsure = true;
        else if (!here.has(fields.alert_id)) this.tell(fields);
      }
    }
    if (unsure) this.begin();
  }

  private tell(fields: AlertFields): void {
    const alert = this.alertOf(fields);
    this.listener?.alert(alert);
    if (alert.subject.kind === "station" || "station_id" in alert.evidence) this.ring(STATIONS);
  }

  /** Tells all there is, once every site's is known. */
  private begin(): void {
    const sites = [...this.sites.values()];
    if (!this.complete || !this.mayBegin) return;
    if (!this.begun && sites.some((site) => site.state !== "live")) return;
    this.begun = true;
    const all = sites.map((site) => site.seen?.all() ?? []);
    this.listener?.begin({
      alerts: all.flat().map((fields) => this.alertOf(fields)),
      partial: all.some((part) => part.length >= MOST_ALERTS),
    });
    this.relink();
  }

  private alertOf(fields: AlertFields): Alert {
    return alertOfDocument(fields, this.catalogue ?? NOTHING);
  }

  private lose(site: Site): void {
    site.grace = null;
    site.state = "lost";
    site.reason = "The alerts do not come from the server at present.";
    this.relink();
  }

  /** Watching has been ended by the other side. */
  private async ended(id: string, site: Site, why: Ended): Promise<void> {
    if (this.listener === null || this.sites.get(id) !== site || site.again !== null) return;
    leave(site);
    site.state = "lost";
    const refused = why.code === "permission-denied" || why.code === "unauthenticated";
    site.reason = refused
      ? `You may not watch the alerts of ${id}.`
      : "The server has ended the connection.";
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** site.failures);
    site.failures += 1;
    site.again = { timer: setTimeout(() => this.watch(id), wait), at: Date.now() + wait };
    this.relink();
    if (refused) await this.check();
  }

  // --- What the API says

  private async load(): Promise<void> {
    try {
      this.catalogue = await this.ask<Catalogue>("catalogue");
    } catch {
      // It is asked again with the status; until then types go by their own names.
    }
    this.mayBegin = true;
    this.begin();
  }

  private async poll(): Promise<void> {
    if (this.polling !== null) clearTimeout(this.polling);
    this.polling = null;
    try {
      const status = await this.ask<Status>("status");
      this.failures = 0;
      this.listener?.status(status);
      if (this.listener !== null && this.scope.includes("*")) this.found(status);
      if (this.mayBegin && this.catalogue === null) await this.load();
    } catch (error) {
      this.failures += 1;
      this.reason = explain(error);
    }
    if (this.listener === null) return;
    this.relink();
    this.polling = setTimeout(() => void this.poll(), STATUS_EVERY_MS);
  }

  private found(status: Status): void {
    for (const { id } of status.sites) if (!this.sites.has(id)) this.watch(id);
    if (this.complete) return;
    this.complete = true;
    this.begin();
  }

  /** Asks for what has changed: at once, but not more often than every so often. */
  private ring(kind: string): void {
    const bell = this.bells.get(kind) ?? { asked: 0, timer: null };
    this.bells.set(kind, bell);
    if (this.listener === null || bell.timer !== null) return;
    const wait = Math.max(0, bell.asked + BELL_EVERY_MS - Date.now());
    bell.timer = setTimeout(() => {
      bell.timer = null;
      bell.asked = Date.now();
      void this.answer(kind);
    }, wait);
  }

  private async answer(kind: string): Promise<void> {
    try {
      if (kind === STATIONS) {
        const { items } = await this.ask<{ items: Station[] }>("stations");
        this.listener?.stations(items);
      } else {
        const { items } = await this.ask<{ items: LiveStock[] }>("inventory/latest");
        this.listener?.stock(items);
      }
    } catch {
      // The next change rings again; that the API is away is told by its status.
    }
  }

  // --- The link

  private relink(): void {
    const lost = [...this.sites.values()].filter((site) => site.state === "lost");
    const apiLost = this.failures > MOST_FAILURES;
    let link: Link;
    if (lost.length > 0 || apiLost) {
      this.lostAt ||= Date.now();
      const times = lost.flatMap((site) => (site.again === null ? [] : [site.again.at]));
      link = {
        state: "lost",
        at: this.lostAt,
        retryAt: times.length > 0 ? Math.min(...times) : null,
        reason: lost[0]?.reason ?? this.reason,
      };
    } else if (this.begun) {
      this.lostAt = 0;
      link = { state: "live" };
    } else {
      link = { state: "connecting" };
    }
    const text = JSON.stringify(link);
    if (text === this.told) return;
    this.told = text;
    this.listener?.link(link);
  }
}

/** Ends watching a site. What is known of it stays. */
function leave(site: Site): void {
  for (const stop of site.stops) stop();
  site.stops = [];
  if (site.grace !== null) clearTimeout(site.grace);
  site.grace = null;
  if (site.again !== null) clearTimeout(site.again.timer);
  site.again = null;
}
