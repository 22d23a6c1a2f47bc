/** Live changes from the API's own stream of server-sent events. */
import { ApiError, explain } from "../api/problem";
import type { Alert, Station, Status } from "../api/types";
import { EventStreamReader, type ServerEvent } from "./event-stream";
import type { Link, LiveListener, LiveSource, LiveStock } from "./source";

/** A status comes every 2 s and a sign of life every 15 s: whoever says nothing for this long is gone. */
export const SILENCE_MS = 20_000;
export const LONGEST_WAIT_MS = 30_000;
const FIRST_WAIT_MS = 1_000;

/** Asks for the stream from after this id on; empty: from now on. */
export type OpenStream = (after: string, signal: AbortSignal) => Promise<Response>;

export class SseSource implements LiveSource {
  readonly tellsAll = false;
  private listener: LiveListener | null = null;
  private after = "";
  private failures = 0;
  private lostAt = 0;
  private attempt: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly open: OpenStream,
    private readonly random: () => number = Math.random,
  ) {}

  start(listener: LiveListener): void {
    this.listener = listener;
    listener.link({ state: "connecting" });
    void this.connect();
  }

  stop(): void {
    this.listener = null;
    this.clearTimer();
    this.attempt?.abort();
  }

  retry(): void {
    if (this.timer === null || this.listener === null) return;
    this.clearTimer();
    void this.connect();
  }

  private async connect(): Promise<void> {
    const attempt = new AbortController();
    this.attempt = attempt;
    if (this.lostAt) this.tell({ state: "lost", at: this.lostAt, retryAt: null, reason: "" });
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(
        () => attempt.abort(new Error("The server has stopped sending.")),
        SILENCE_MS,
      );
    };
    let expired = false;
    let reason = "The server has ended the connection.";
    let wait: number | null = null;
    const reader = new EventStreamReader();
    try {
      alive();
      const response = await this.open(this.after, attempt.signal);
      const body = response.body;
      if (body === null) throw new Error("The server has sent nothing.");
      const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
      attempt.signal.addEventListener("abort", () => void pieces.cancel().catch(() => undefined));
      for (;;) {
        const { done, value } = await pieces.read();
        if (done) break;
        alive();
        this.arrived();
        for (const event of reader.push(value)) expired = this.handle(event) || expired;
      }
      if (attempt.signal.aborted) throw attempt.signal.reason;
    } catch (error) {
      reason = explain(attempt.signal.aborted ? attempt.signal.reason : error);
      if (error instanceof ApiError && error.retryAfterS !== null) wait = error.retryAfterS * 1000;
    } finally {
      clearTimeout(watchdog);
    }
    if (this.listener === null || this.attempt !== attempt) return;
    if (expired) {
      void this.connect(); // with a new token, and from where it was
      return;
    }
    this.later(reason, wait ?? reader.retryMs);
  }

  /** Something has come, so the connection is good. */
  private arrived(): void {
    if (this.failures === 0 && this.lostAt === 0 && this.told === "live") return;
    this.failures = 0;
    this.lostAt = 0;
    this.tell({ state: "live" });
  }

  private handle(event: ServerEvent): boolean {
    const listener = this.listener;
    if (listener === null) return false;
    const content: unknown = JSON.parse(event.data);
    if (event.event === "hello") listener.begin(null);
    else if (event.event === "alert") listener.alert(content as Alert);
    else if (event.event === "status") listener.status(content as Status);
    else if (event.event === "station") listener.stations(content as Station[]);
    else if (event.event === "stock") listener.stock(content as LiveStock[]);
    else if (event.event === "expired") return true;
    if (event.id) this.after = event.id;
    return false;
  }

  private later(reason: string, least: number | null): void {
    this.lostAt ||= Date.now();
    const doubled = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, least ?? 0) * 2 ** this.failures);
    // Not all at the same moment, when a server that many have lost comes back.
    const wait = doubled * (0.75 + this.random() / 4);
    this.failures += 1;
    this.tell({ state: "lost", at: this.lostAt, retryAt: Date.now() + wait, reason });
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.connect();
    }, wait);
  }

  private told: Link["state"] = "connecting";

  private tell(link: Link): void {
    this.told = link.state;
    this.listener?.link(link);
  }

  private clearTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
