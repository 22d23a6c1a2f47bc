/** How things are called for people. */
import type { MachineStatus, Severity, Workflow } from "../api/types";

export const SEVERITY_WORD: Record<Severity, string> = {
  critical: "Critical",
  high: "High",
  medium: "Medium",
  low: "Low",
};
export const WORKFLOW_WORD: Record<Workflow, string> = {
  open: "Open",
  acknowledged: "Acknowledged",
  resolved: "Resolved",
};
export const STATUS_WORD: Record<MachineStatus, string> = {
  suspected: "Suspected",
  confirmed: "Confirmed",
  cleared: "Cleared",
};
export const RESOLUTION_WORD: Record<string, string> = {
  true_positive: "It was real",
  false_positive: "False alarm",
};

const STREAMS: Record<string, string> = {
  "qr-code-scans": "Code scans",
  "inventory-digital": "Books",
  "inventory-physical": "Shelf sensors",
  "employee-activity": "People",
  "shipping-logistics": "Trucks",
  "social-media-feed": "Posts",
  "pos-transactions": "Tills",
  "rfid-readings": "RFID readers",
  "queue-monitor": "Queues",
  "product-recognition": "Cameras",
  "inventory-snapshots": "Stock counts",
};

export function streamWord(topic: string): string {
  return STREAMS[topic] ?? topic;
}

const EVIDENCE: Record<string, string> = {
  sku: "Article",
  product_sku: "Article",
  product_id: "Article",
  product_ids: "Articles",
  products: "Number of articles",
  product_name: "Name",
  actual_sku: "What passed",
  scanned_sku: "What was paid for",
  price_difference: "Paid too little",
  expected_weight_g: "Weight by the catalogue (g)",
  actual_weight_g: "Weight measured (g)",
  duration_s: "Duration (s)",
  num_of_customers: "Customers waiting",
  wait_time_s: "Wait (s)",
  snapshot_time: "Counted at",
  expected: "Units expected",
  actual: "Units found",
  explained: "Units explained",
  unexplained: "Units unexplained",
  digital_quantity: "Units by the books",
  physical_quantity: "Units on the shelf",
  marked_quantity: "Units marked",
  digital_status: "The books say",
  employee_id: "Person",
  employee_ids: "People",
  location: "Place",
  recorded_location: "Where it belongs",
  other_location: "The scan before was at",
  seconds_apart: "Seconds between the scans",
  shipment_ids: "Shipments",
  qr_id: "Code",
  code_product_id: "The code was issued for",
  epc: "Tag",
  camera_confidence: "Camera is sure to",
  station_id: "Station",
  customer_id: "Customer",
  explained_by: "Explained by alerts",
  ongoing: "Still going on",
  corroboration: "What speaks for it",
  decided_at: "Decided at",
  truck_left_at: "Truck left at",
  acts_in_window: "Acts",
  actions: "What was done",
  consumed_at: "Used up at",
  difference: "Units beyond the books",
  drops: "Drops",
  missing: "Units missing",
  weight_source: "Weight known from",
  window_s: "Within (s)",
};

/** An evidence name in words. */
export function evidenceWord(name: string): string {
  const word = EVIDENCE[name];
  if (word !== undefined) return word;
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function money(value: number): string {
  return new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 }).format(value);
}

/** 2.4M, 128K: for narrow places. */
export function shortNumber(value: number): string {
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}
