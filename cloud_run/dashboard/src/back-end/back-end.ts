/** Who keeps the users and tells what is live: the API alone, or Identity Platform and Firestore beside it. */
import { problemOf } from "../api/problem";
import type { LoginConfig, User } from "../api/types";
import { SseSource } from "../live/sse-source";
import type { LiveSource } from "../live/source";
import { PasswordSession } from "../session/password-session";
import { API } from "../session/requests";
import type { Session } from "../session/session";

export interface BackEnd {
  session: Session;
  /** What this user is told live. */
  live(user: User): LiveSource;
}

/** Asks which one it is. Throws ApiError, or TypeError if the server cannot be reached. */
export async function findBackEnd(send: typeof fetch = fetch): Promise<BackEnd> {
  const response = await send(`${API}/auth/config`);
  if (!response.ok) throw await problemOf(response);
  const config = (await response.json()) as LoginConfig;
  if (config.kind === "password") return passwordBackEnd();
  // Firebase's SDK is large: only who needs it loads it.
  const { firebaseBackEnd } = await import("./firebase");
  return firebaseBackEnd(config);
}

function passwordBackEnd(): BackEnd {
  const session = new PasswordSession();
  return {
    session,
    live: () =>
      new SseSource((after, signal) =>
        session.request("stream", { signal, headers: after ? { "Last-Event-ID": after } : {} }),
      ),
  };
}
