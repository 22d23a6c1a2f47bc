/**
 * Alerts as the machine stores them in Firestore, told as the API tells them. What a document holds is written in
 * guardian/adapters/google/firestore_documents.py; what becomes of it is compared with the API's own answer.
 */
import type { Alert, Catalogue } from "../api/types";

/** The fields of an alert's document. */
export interface AlertFields {
  alert_id: string;
  type: string;
  severity: Alert["severity"];
  status: Alert["status"];
  site: string;
  subject: { kind: string; id: string };
  event_time: number;
  started_at: number;
  ended_at: number;
  detected_at: number;
  count: number;
  /** JSON. */
  evidence: string;
  recommended_actions: string[];
  narrative: string;
  narrative_by?: Record<string, string> | null;
  detector: { id: string; version: number };
  workflow: Alert["handling"]["workflow"];
  note: string;
  // A document may be older than these.
  resolution?: Alert["handling"]["resolution"];
  assignee?: string;
  handled_by?: string;
  handled_at?: number;
  handling_revision?: number;
}

export function alertOfDocument(fields: AlertFields, catalogue: Catalogue): Alert {
  const evidence = JSON.parse(fields.evidence) as Record<string, unknown>;
  return {
    alert_id: fields.alert_id,
    type: fields.type,
    title: catalogue.titles[fields.type] ?? inWords(fields.type),
    severity: fields.severity,
    status: fields.status,
    site: fields.site,
    subject: { kind: fields.subject.kind, id: fields.subject.id },
    event_time: iso(fields.event_time),
    event_time_ms: fields.event_time,
    started_at: iso(fields.started_at),
    ended_at: iso(fields.ended_at),
    detected_at: iso(fields.detected_at),
    count: fields.count,
    evidence,
    recommended_actions: fields.recommended_actions,
    narrative: fields.narrative,
    narrative_by: fields.narrative_by ?? null,
    detector: { id: fields.detector.id, version: fields.detector.version },
    handling: {
      workflow: fields.workflow,
      resolution: fields.resolution ?? "",
      assignee: fields.assignee ?? "",
      note: fields.note,
      changed_by: fields.handled_by ?? "",
      changed_at: fields.handled_at ? iso(fields.handled_at) : null,
      revision: fields.handling_revision ?? 0,
    },
    value_at_risk: valueAtRisk(evidence, catalogue.prices),
  };
}

const ARTICLE = ["product_id", "product_sku", "actual_sku", "sku"];
const UNITS = ["unexplained", "missing", "difference"];

/** What it is about in money; null where nobody can tell. The rule is that of guardian/alerts/value_at_risk.py. */
function valueAtRisk(evidence: Record<string, unknown>, prices: Record<string, number>): number | null {
  const lessPaid = number(evidence["price_difference"]);
  if (lessPaid !== null) return Math.max(0, lessPaid);
  const article = ARTICLE.map((name) => evidence[name]).find((one) => typeof one === "string");
  if (article !== undefined) {
    const price = number(evidence["price"]) ?? prices[article] ?? null;
    if (price === null) return null;
    const units = UNITS.map((name) => number(evidence[name])).find((one) => one !== null) ?? 1;
    return cents(price * Math.abs(units));
  }
  const articles = evidence["product_ids"];
  if (!Array.isArray(articles)) return null;
  const known = articles.map((one) => prices[String(one)]).filter((price) => price !== undefined);
  return known.length > 0 ? cents(known.reduce((sum, price) => sum + price, 0)) : null;
}

function number(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** As Python rounds: by what the number really is, not by what it looks like. */
function cents(value: number): number {
  return Number(value.toFixed(2));
}

function inWords(type: string): string {
  const text = type.replaceAll("_", " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
