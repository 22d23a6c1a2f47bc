/** Which alerts a person wants to see; kept in the page's address, so that it can be shared. */
import type { Query } from "../session/session";
import type { Alert, MachineStatus, Severity, Workflow } from "../api/types";

export const SEVERITIES: readonly Severity[] = ["critical", "high", "medium", "low"];
const WORKFLOWS: readonly Workflow[] = ["open", "acknowledged", "resolved"];
const STATUSES: readonly MachineStatus[] = ["suspected", "confirmed", "cleared"];

/** todo: what somebody still has to do something about. Else all alerts, also resolved and cleared ones. */
export type Scope = "todo" | "all";
export type Order = "newest" | "severity";

export interface Filters {
  scope: Scope;
  severities: readonly Severity[];
  workflows: readonly Workflow[];
  statuses: readonly MachineStatus[];
  types: readonly string[];
  site: string;
  /** A station, or a place and everything in it. */
  place: string;
  assignee: string;
  text: string;
  order: Order;
}

export function filtersOf(search: URLSearchParams): Filters {
  return {
    scope: search.get("show") === "all" ? "all" : "todo",
    severities: known(search.getAll("severity"), SEVERITIES),
    workflows: known(search.getAll("workflow"), WORKFLOWS),
    statuses: known(search.getAll("status"), STATUSES),
    types: search.getAll("type"),
    site: search.get("site") ?? "",
    place: search.get("place") ?? "",
    assignee: search.get("assignee") ?? "",
    text: search.get("q") ?? "",
    order: search.get("order") === "newest" ? "newest" : "severity",
  };
}

export function searchOf(filters: Filters): URLSearchParams {
  const search = new URLSearchParams();
  if (filters.scope === "all") search.set("show", "all");
  for (const one of filters.severities) search.append("severity", one);
  for (const one of filters.workflows) search.append("workflow", one);
  for (const one of filters.statuses) search.append("status", one);
  for (const one of filters.types) search.append("type", one);
  for (const [name, value] of [
    ["site", filters.site],
    ["place", filters.place],
    ["assignee", filters.assignee],
    ["q", filters.text],
  ] as const) {
    if (value) search.set(name, value);
  }
  if (filters.order === "newest") search.set("order", "newest");
  return search;
}

/** The same question for the server. */
export function queryOf(filters: Filters): Query {
  return {
    severity: filters.severities,
    workflow: filters.workflows,
    status: filters.statuses,
    type: filters.types,
    site: filters.site,
    place: filters.place,
    assignee: filters.assignee,
    q: filters.text.trim(),
    order: filters.order,
  };
}

export function matches(filters: Filters, alert: Alert): boolean {
  return (
    among(filters.severities, alert.severity) &&
    among(filters.workflows, alert.handling.workflow) &&
    among(filters.statuses, alert.status) &&
    among(filters.types, alert.type) &&
    (!filters.site || alert.site === filters.site) &&
    (!filters.place || isAt(alert, filters.place)) &&
    (!filters.assignee || alert.handling.assignee === filters.assignee) &&
    says(alert, filters.text)
  );
}

export function ordered(alerts: readonly Alert[], order: Order): Alert[] {
  return [...alerts].sort(
    (a, b) =>
      (order === "severity" ? SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) : 0) ||
      b.event_time_ms - a.event_time_ms ||
      (a.alert_id < b.alert_id ? -1 : 1),
  );
}

/** Where it is: a station or a shelf; empty if it is about the whole site. */
export function placeOf(alert: Alert): string {
  const { location, station_id: station } = alert.evidence;
  if (typeof location === "string" && location) return location;
  if (typeof station === "string" && station) return station;
  return alert.subject.kind === "station" || alert.subject.kind === "location" ? alert.subject.id : "";
}

/** Whether it is at this place or in it: WH1/A-03 is in WH1, and in the aisle WH1/A. */
export function isAt(alert: Alert, place: string): boolean {
  const at = placeOf(alert);
  return at === place || at.startsWith(`${place}/`) || at.startsWith(`${place}-`);
}

/** How many filters narrow the list. */
export function narrowing(filters: Filters): number {
  return (
    filters.severities.length +
    filters.workflows.length +
    filters.statuses.length +
    filters.types.length +
    [filters.site, filters.place, filters.assignee, filters.text.trim()].filter(Boolean).length
  );
}

export function toggled<T>(list: readonly T[], one: T): T[] {
  return list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
}

function says(alert: Alert, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return true;
  return [alert.narrative, alert.subject.id, alert.title].some((one) =>
    one.toLowerCase().includes(wanted),
  );
}

function among<T>(wanted: readonly T[], one: T): boolean {
  return wanted.length === 0 || wanted.includes(one);
}

function known<T extends string>(given: readonly string[], allowed: readonly T[]): T[] {
  return allowed.filter((one) => given.includes(one));
}
