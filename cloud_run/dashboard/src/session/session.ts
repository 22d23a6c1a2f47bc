/**
 * Who is logged in. The access token lives in memory alone; the refresh token is in a cookie that scripts
 * cannot read.
 */
import { ApiError, problemOf } from "../api/problem";
import type { LoggedIn, Role, User } from "../api/types";

export const API = "/api/v1";
/** The token is renewed when it has less than this left. */
const MARGIN_MS = 30_000;
const LOCK = "guardian-refresh";
const CHANNEL = "guardian-session";

export type SessionState =
  | { phase: "starting" }
  | { phase: "unreachable" }
  | { phase: "out"; reason: string }
  | { phase: "in"; user: User };

/** Query parameters; lists are repeated, empty ones left out. */
export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export interface Asked {
  method?: "GET" | "POST" | "PATCH";
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, analyst: 2, admin: 3 };

/** Whether a user may do what this role may. */
export function may(user: User, role: Role): boolean {
  return RANK[user.role] >= RANK[role];
}

export class Session {
  private state: SessionState = { phase: "starting" };
  private token = "";
  private expiresAt = 0;
  private renewing: Promise<boolean> | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly tabs: BroadcastChannel | null;

  constructor(private readonly send: typeof fetch = (...given) => fetch(...given)) {
    this.tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);
    // Whoever leaves in one tab has left in all of them.
    this.tabs?.addEventListener("message", () => this.leave(""));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): SessionState => this.state;

  /** Goes on with the login of before, if there is one. */
  async start(): Promise<void> {
    try {
      if (!(await this.renew())) this.leave("");
    } catch {
      this.set({ phase: "unreachable" });
    }
  }

  /** Throws ApiError. */
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
      this.tabs?.postMessage("out");
      this.leave("");
    }
  }

  /** An answer as JSON. Throws ApiError, or TypeError if the server cannot be reached. */
  async ask<T>(path: string, asked: Asked = {}): Promise<T> {
    const response = await this.request(path, asked);
    return (response.status === 204 ? null : await response.json()) as T;
  }

  /** An answer that is not an error, however it is to be read. */
  async request(path: string, asked: Asked = {}): Promise<Response> {
    let response = await this.once(path, asked);
    if (response.status === 401) {
      // Perhaps taken away early, or this machine's clock is wrong: one more time, with a new token.
      this.expiresAt = 0;
      response = await this.once(path, asked);
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  private async once(path: string, asked: Asked): Promise<Response> {
    if (Date.now() > this.expiresAt - MARGIN_MS && !(await this.renew())) {
      this.leave("Your session has ended. Log in again.");
      throw new ApiError(401, "unauthenticated", "log in again");
    }
    const form = asked.body instanceof FormData;
    const headers: Record<string, string> = { ...asked.headers, Authorization: `Bearer ${this.token}` };
    if (asked.body !== undefined && !form) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method: asked.method ?? "GET", headers };
    if (asked.body !== undefined)
      init.body = form ? (asked.body as FormData) : JSON.stringify(asked.body);
    if (asked.signal) init.signal = asked.signal;
    return this.send(`${API}/${path}${queryText(asked.query)}`, init);
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
    const before = this.state;
    // The same user object as long as nothing of it has changed, so that nothing begins anew.
    if (before.phase === "in" && JSON.stringify(before.user) === JSON.stringify(answer.user)) return;
    this.set({ phase: "in", user: answer.user });
  }

  private leave(reason: string): void {
    this.token = "";
    this.expiresAt = 0;
    if (this.state.phase !== "out") this.set({ phase: "out", reason });
  }

  private set(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

export function queryText(query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  }
  const text = search.toString();
  return text && `?${text}`;
}
