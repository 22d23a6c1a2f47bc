/** What people have changed of an alert, in words. */
import type { Alert } from "../api/types";
import { RESOLUTION_WORD, WORKFLOW_WORD } from "./words";

export interface Difference {
  what: string;
  before: string;
  now: string;
}

export function differences(before: Alert, now: Alert, name: (id: string) => string): Difference[] {
  const [one, other] = [before.handling, now.handling];
  return [
    { what: "State", before: WORKFLOW_WORD[one.workflow], now: WORKFLOW_WORD[other.workflow] },
    {
      what: "Found to be",
      before: RESOLUTION_WORD[one.resolution] ?? "nothing yet",
      now: RESOLUTION_WORD[other.resolution] ?? "nothing yet",
    },
    { what: "Assigned to", before: name(one.assignee), now: name(other.assignee) },
    { what: "Note", before: one.note || "none", now: other.note || "none" },
  ].filter((each) => each.before !== each.now);
}
