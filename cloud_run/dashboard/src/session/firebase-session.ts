/** Users of Identity Platform. What they may do is in their token's custom claims, which an administrator sets. */
import { ApiError } from "../api/problem";
import type { Role, User } from "../api/types";
import { Cell } from "../live/cell";
import { Requests } from "./requests";
import { ENDED, type Session, type SessionState } from "./session";
import { Tabs } from "./tabs";

/** Whether the login is still good, and what it lets do, is asked so often: tokens alone say it once an hour. */
export const CHECK_EVERY_MS = 300_000;

/** Somebody who has logged in. */
export interface Person {
  id: string;
  /** A token that is good for a while. refresh: a new one in any case. Throws errors with a `code`. */
  token(refresh: boolean): Promise<string>;
  claims(): Promise<Record<string, unknown>>;
}

export interface Identity {
  /** Tells who is logged in: once at first, and whenever that or their token changes. */
  watch(told: (person: Person | null) => void): void;
  login(email: string, password: string): Promise<Person>;
  logout(): Promise<void>;
}

export class FirebaseSession implements Session {
  readonly nameIs = "e-mail";
  private readonly state = new Cell<SessionState>({ phase: "starting" });
  readonly subscribe = this.state.subscribe;
  readonly snapshot = this.state.get;
  readonly ask: Requests["ask"];
  readonly request: Requests["request"];
  private person: Person | null = null;
  private watching = false;
  /** Somebody is logging in: what becomes of that is told to them alone. */
  private entering = false;
  private readonly tabs = new Tabs(() => void this.out("", false));

  /** tenant: whose database this is; empty for the default one. */
  constructor(
    private readonly identity: Identity,
    private readonly tenant: string,
    send: typeof fetch = (...given) => fetch(...given),
  ) {
    const requests = new Requests(send, (refused) => this.goodToken(refused));
    this.ask = requests.ask;
    this.request = requests.request;
  }

  start(): Promise<void> {
    if (!this.watching) {
      this.watching = true;
      this.identity.watch((person) => {
        if (this.entering) return;
        if (person !== null) void this.take(person).catch(() => undefined);
        // The SDK itself ends what is not good any more.
        else void this.out(this.state.get().phase === "in" ? ENDED : "", false);
      });
      setInterval(() => void this.check(), CHECK_EVERY_MS);
    } else if (this.person !== null) {
      return this.take(this.person).catch(() => undefined);
    }
    return Promise.resolve();
  }

  async login(email: string, password: string): Promise<void> {
    this.entering = true;
    try {
      const person = await this.identity.login(email, password);
      await this.take(person);
    } catch (error) {
      throw asApiError(error);
    } finally {
      this.entering = false;
    }
  }

  async logout(): Promise<void> {
    this.tabs.left();
    await this.out("", true);
  }

  /** Finds out whether the login is still good. */
  readonly check = async (): Promise<void> => {
    // What the new token says comes by way of `watch`.
    await this.goodToken(true).catch(() => undefined);
  };

  private async goodToken(refresh: boolean): Promise<string | null> {
    if (this.person === null) return null;
    try {
      return await this.person.token(refresh);
    } catch (error) {
      if (!GONE.has(codeOf(error))) throw asApiError(error);
      await this.out(ENDED, true);
      return null;
    }
  }

  /** Lets in whoever has logged in, if they may be here. Throws Error with the reason, for people. */
  private async take(person: Person): Promise<void> {
    this.person = person;
    let found: User | string;
    try {
      found = userOf(person.id, await person.claims(), this.tenant);
    } catch (error) {
      if (GONE.has(codeOf(error))) found = ENDED;
      else {
        // Whoever is in stays in: nobody can tell at present.
        if (this.state.get().phase === "starting") this.state.set({ phase: "unreachable" });
        throw asApiError(error);
      }
    }
    if (this.person !== person) throw new Error(ENDED); // left meanwhile
    if (typeof found === "string") {
      await this.out(found, true);
      throw new Error(found);
    }
    const before = this.state.get();
    // The same user object as long as nothing of it has changed, so that nothing begins anew.
    if (before.phase === "in" && JSON.stringify(before.user) === JSON.stringify(found)) return;
    this.state.set({ phase: "in", user: found });
  }

  private async out(reason: string, tellIdentity: boolean): Promise<void> {
    const wasIn = this.person !== null;
    this.person = null;
    if (this.state.get().phase !== "out") this.state.set({ phase: "out", reason });
    if (wasIn || tellIdentity) await this.identity.logout();
  }
}

/** The user these claims are of, or why there is none; as guardian/adapters/google/identity.py reads them. */
export function userOf(id: string, claims: Record<string, unknown>, tenant: string): User | string {
  const { role, sites, name, email } = claims;
  const given = typeof claims["tenant"] === "string" ? claims["tenant"] : "";
  if (!isRole(role)) return "Your account has no role yet. Ask an administrator.";
  if (!Array.isArray(sites) || sites.length === 0 || !sites.every((one) => typeof one === "string")) {
    return "Your account has no sites yet. Ask an administrator.";
  }
  if (given !== tenant) return "Your account belongs to another business. Ask an administrator.";
  const called = typeof name === "string" && name ? name : typeof email === "string" ? email : id;
  return { id, name: called.slice(0, 200), role, sites: sites as string[], tenant: given };
}

function isRole(role: unknown): role is Role {
  return role === "viewer" || role === "operator" || role === "analyst" || role === "admin";
}

/** The login is at an end: it was revoked, or there is no such account any more. */
const GONE = new Set([
  "auth/user-token-expired",
  "auth/user-disabled",
  "auth/user-not-found",
  "auth/invalid-user-token",
  "auth/invalid-refresh-token",
]);
const WRONG = new Set([
  "auth/invalid-credential",
  "auth/invalid-email",
  "auth/wrong-password",
  "auth/user-not-found",
  "auth/user-disabled",
]);

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function asApiError(error: unknown): Error {
  const code = codeOf(error);
  if (WRONG.has(code)) return new ApiError(401, "unauthenticated", "no user has this name and password");
  if (code === "auth/too-many-requests") {
    return new ApiError(429, "too-many-attempts", "too many attempts to log in");
  }
  if (code === "auth/network-request-failed") return new TypeError("network");
  return error instanceof Error ? error : new Error(String(error));
}
