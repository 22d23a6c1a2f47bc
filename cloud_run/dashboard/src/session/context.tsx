import { createContext, useContext, useSyncExternalStore } from "react";
import type { User } from "../api/types";
import type { Session, SessionState } from "./session";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("there is no session around this component");
  return session;
}

export function useSessionState(): SessionState {
  const session = useSession();
  return useSyncExternalStore(session.subscribe, session.snapshot);
}

/** The user; only below a page that needs a login. */
export function useUser(): User {
  const state = useSessionState();
  if (state.phase !== "in") throw new Error("nobody is logged in");
  return state.user;
}
