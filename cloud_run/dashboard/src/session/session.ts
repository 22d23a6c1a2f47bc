/** Who is logged in, and asking the API in their name. There is one implementation for each kind of users. */
import type { Role, User } from "../api/types";

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

export interface Session {
  /** What the users of this kind log in with. */
  readonly nameIs: "user name" | "e-mail";
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => SessionState;
  /** Goes on with the login of before, if there is one. */
  start(): Promise<void>;
  /** Throws ApiError, or TypeError if nobody can be reached. */
  login(name: string, password: string): Promise<void>;
  logout(): Promise<void>;
  /** An answer as JSON. Throws ApiError, or TypeError if the server cannot be reached. */
  ask<T>(path: string, asked?: Asked): Promise<T>;
  /** An answer that is not an error, however it is to be read. */
  request(path: string, asked?: Asked): Promise<Response>;
}

/** What is said to somebody whose login has come to an end by itself. */
export const ENDED = "Your session has ended. Log in again.";

const RANK: Record<Role, number> = { viewer: 0, operator: 1, analyst: 2, admin: 3 };

/** Whether a user may do what this role may. */
export function may(user: User, role: Role): boolean {
  return RANK[user.role] >= RANK[role];
}
