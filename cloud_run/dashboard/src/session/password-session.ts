/**
 * Users that the API keeps itself. The access token lives in memory alone; the refresh token is in a cookie that
 * scripts cannot read.
 */
import { problemOf } from "../api/problem";
import type { LoggedIn } from "../api/types";
import { Cell } from "../live/cell";
import { takeLoginLink } from "./login-link";
import { API, Requests } from "./requests";
import { ENDED, type Session, type SessionState } from "./session";
import { Tabs } from "./tabs";

/** The token is renewed when it has less than this left. */
const MARGIN_MS = 30_000;
const LOCK = "guardian-refresh";
const LINK_USED = "This link has been used, or is too old. Log in with name and password.";

export class PasswordSession implements Session {
  readonly nameIs = "user name";
  private readonly state = new Cell<SessionState>({ phase: "starting" });
  readonly subscribe = this.state.subscribe;
  readonly snapshot = this.state.get;
  private readonly requests: Requests;
  readonly ask: Requests["ask"];
  readonly request: Requests["request"];
  private token = "";
  private expiresAt = 0;
  private renewing: Promise<boolean> | null = null;
  private readonly tabs = new Tabs(() => this.leave(""));

  constructor(
    private readonly send: typeof fetch = (...given) => fetch(...given),
    private link = takeLoginLink(),
  ) {
    this.requests = new Requests(send, (refused) => this.goodToken(refused));
    this.ask = this.requests.ask;
    this.request = this.requests.request;
  }

  async start(): Promise<void> {
    try {
      const followed = this.link !== "";
      if (followed && (await this.follow())) return;
      if (!(await this.renew())) this.leave(followed ? LINK_USED : "");
    } catch {
      this.state.set({ phase: "unreachable" });
    }
  }

  /** Whether the link that led here was still good. It is good once, whatever comes of it. */
  private async follow(): Promise<boolean> {
    const response = await this.send(`${API}/auth/link`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: this.link }),
    });
    if (!response.ok && response.status !== 401) throw await problemOf(response);
    this.link = "";
    if (response.ok) this.enter((await response.json()) as LoggedIn);
    return response.ok;
  }

  async login(username: string, password: string): Promise<void> {
    const response = await this.send(`${API}/auth/login`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ username, password }),
    });
    if (!response.ok) throw await problemOf(response);
    this.enter((await response.json()) as LoggedIn);
  }

  async logout(): Promise<void> {
    try {
      await this.send(`${API}/auth/logout`, { method: "POST" });
    } finally {
      this.tabs.left();
      this.leave("");
    }
  }

  private async goodToken(refused: boolean): Promise<string | null> {
    if (refused) this.expiresAt = 0;
    if (Date.now() > this.expiresAt - MARGIN_MS && !(await this.renew())) {
      this.leave(ENDED);
      return null;
    }
    return this.token;
  }

  /**
   * A new token; false if there is no login to go on with. Throws if nobody can tell.
   *
   * One at a time, over all tabs: a refresh token that is used twice ends the login.
   */
  private renew(): Promise<boolean> {
    this.renewing ??= this.exclusively(async () => {
      const response = await this.send(`${API}/auth/refresh`, { method: "POST" });
      if (response.status === 401) return false;
      if (!response.ok) throw await problemOf(response);
      this.enter((await response.json()) as LoggedIn);
      return true;
    }).finally(() => {
      this.renewing = null;
    });
    return this.renewing;
  }

  private async exclusively(work: () => Promise<boolean>): Promise<boolean> {
    // Locks are there on loopback and over TLS only.
    if (typeof navigator === "undefined" || !("locks" in navigator)) return work();
    return navigator.locks.request(LOCK, work);
  }

  private enter(answer: LoggedIn): void {
    this.token = answer.access_token;
    this.expiresAt = Date.now() + answer.expires_in * 1000;
    const before = this.state.get();
    // The same user object as long as nothing of it has changed, so that nothing begins anew.
    if (before.phase === "in" && JSON.stringify(before.user) === JSON.stringify(answer.user)) return;
    this.state.set({ phase: "in", user: answer.user });
  }

  private leave(reason: string): void {
    this.token = "";
    this.expiresAt = 0;
    if (this.state.get().phase !== "out") this.state.set({ phase: "out", reason });
  }
}
