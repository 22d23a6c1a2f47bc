/** Alerts for tests. */
import type { Alert } from "./api/types";

export function alertOf(
  id: string,
  change: Partial<Alert> = {},
  handling: Partial<Alert["handling"]> = {},
): Alert {
  return {
    alert_id: id,
    type: "BARCODE_SWITCHING",
    title: "Barcode switched",
    severity: "high",
    status: "confirmed",
    site: "store",
    subject: { kind: "station", id: "SCC1" },
    event_time: "2025-06-03T10:00:00.000Z",
    event_time_ms: Date.parse("2025-06-03T10:00:00Z"),
    started_at: "2025-06-03T10:00:00.000Z",
    ended_at: "2025-06-03T10:00:00.000Z",
    detected_at: "2025-06-03T10:00:05.000Z",
    count: 1,
    evidence: { station_id: "SCC1" },
    recommended_actions: ["Look."],
    narrative: "Customer C025 paid for P-0135 while P-0010 passed.",
    narrative_by: null,
    detector: { id: "BARCODE_SWITCHING", version: 1 },
    value_at_risk: 260,
    ...change,
    handling: {
      workflow: "open",
      resolution: "",
      assignee: "",
      note: "",
      changed_by: "",
      changed_at: null,
      revision: 0,
      ...handling,
    },
  };
}
