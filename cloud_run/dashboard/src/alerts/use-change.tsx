/** Changing an alert, and finding out that somebody else was faster. */
import { useState, type ReactNode } from "react";
import { ApiError, explain } from "../api/problem";
import type { Alert, AlertChange } from "../api/types";
import { useLive } from "../live/context";
import { useSession, useUser } from "../session/context";
import { may } from "../session/session";
import { Button, Dialog } from "../ui/parts";
import { differences } from "./differences";
import { usePeople } from "./people";

interface Conflict {
  wanted: AlertChange;
  before: Alert;
  now: Alert;
}

/** conflict: somebody else was faster, which is shown. failed: `error` says why. */
export type Outcome = "done" | "conflict" | "failed";

export interface Changing {
  /** Whether this user may change alerts at all. */
  allowed: boolean;
  busy: boolean;
  error: string;
  change(alert: Alert, wanted: AlertChange): Promise<Outcome>;
  /** To be shown somewhere: what somebody else has changed meanwhile. */
  conflict: ReactNode;
}

export function useChange(): Changing {
  const session = useSession();
  const user = useUser();
  const live = useLive();
  const people = usePeople();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [conflict, setConflict] = useState<Conflict | null>(null);

  const change = async (alert: Alert, wanted: AlertChange): Promise<Outcome> => {
    setBusy(true);
    setError("");
    try {
      const changed = await session.ask<Alert>(`alerts/${encodeURIComponent(alert.alert_id)}`, {
        method: "PATCH",
        body: wanted,
        headers: { "If-Match": `"r${alert.handling.revision}"` },
      });
      live.changed(changed);
      return "done";
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 412 && caught.current !== null) {
        live.changed(caught.current);
        setConflict({ wanted, before: alert, now: caught.current });
        return "conflict";
      }
      setError(explain(caught));
      return "failed";
    } finally {
      setBusy(false);
    }
  };

  const retry = async () => {
    if (conflict === null) return;
    setConflict(null);
    await change(conflict.now, conflict.wanted);
  };

  return {
    allowed: may(user, "operator"),
    busy,
    error,
    change,
    conflict: conflict && (
      <Dialog title="Somebody else was faster" onClose={() => setConflict(null)}>
        <p className="text-sm">
          {people.name(conflict.now.handling.changed_by)} has changed this alert since you looked at it.
          Your change was not made.
        </p>
        <dl className="my-4 space-y-2 text-sm">
          {differences(conflict.before, conflict.now, people.name).map((one) => (
            <div key={one.what} className="rounded border border-line px-3 py-2">
              <dt className="text-xs text-ink-2">{one.what}</dt>
              <dd>
                <span className="text-ink-2 line-through">{one.before}</span> →{" "}
                <strong>{one.now}</strong>
              </dd>
            </div>
          ))}
        </dl>
        <div className="flex justify-end gap-2">
          <Button onClick={() => void retry()}>Make my change all the same</Button>
          <Button kind="main" onClick={() => setConflict(null)}>
            Leave it as it is
          </Button>
        </div>
      </Dialog>
    ),
  };
}
