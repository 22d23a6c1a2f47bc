/** Requests to the API with the token of whoever is logged in. */
import { ApiError, problemOf } from "../api/problem";
import type { Asked, Query } from "./session";

export const API = "/api/v1";

/**
 * A token that is good for a while; null: nobody is logged in any more. Throws if nobody can tell.
 *
 * refused: the last one was not taken.
 */
export type GiveToken = (refused: boolean) => Promise<string | null>;

export class Requests {
  constructor(
    private readonly send: typeof fetch,
    private readonly token: GiveToken,
  ) {}

  readonly ask = async <T>(path: string, asked: Asked = {}): Promise<T> => {
    const response = await this.request(path, asked);
    return (response.status === 204 ? null : await response.json()) as T;
  };

  readonly request = async (path: string, asked: Asked = {}): Promise<Response> => {
    let response = await this.once(path, asked, false);
    // Perhaps taken away early, or this machine's clock is wrong: one more time, with a new token.
    if (response.status === 401) response = await this.once(path, asked, true);
    if (!response.ok) throw await problemOf(response);
    return response;
  };

  private async once(path: string, asked: Asked, refused: boolean): Promise<Response> {
    const token = await this.token(refused);
    if (token === null) throw new ApiError(401, "unauthenticated", "log in again");
    const form = asked.body instanceof FormData;
    const headers: Record<string, string> = { ...asked.headers, Authorization: `Bearer ${token}` };
    if (asked.body !== undefined && !form) headers["Content-Type"] = "application/json";
    const init: RequestInit = { method: asked.method ?? "GET", headers };
    if (asked.body !== undefined)
      init.body = form ? (asked.body as FormData) : JSON.stringify(asked.body);
    if (asked.signal) init.signal = asked.signal;
    return this.send(`${API}/${path}${queryText(asked.query)}`, init);
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
