/** An event of a stream in a few words. */
import type { LoggedEvent } from "../api/types";

export function eventWords(event: Pick<LoggedEvent, "topic" | "value">): string {
  const value = fields(event.value);
  const data = fields(value["data"]);
  switch (event.topic) {
    case "inventory-digital":
      return words([
        `marked ${text(value["status"]).replaceAll("_", " ")}`,
        units(value["quantity"]),
        by("by", value["updated_by"]),
        by("shipment", value["shipment_id"]),
      ]);
    case "inventory-physical":
      return words([
        `${units(value["quantity"])} on the shelf`,
        by("at", value["location"]),
        value["rfid_detected"] === true
          ? "tags seen"
          : value["rfid_detected"] === false
            ? "no tag seen"
            : "",
      ]);
    case "pos-transactions":
      return text(data["sku"])
        ? words([
            `sold ${text(data["sku"])}`,
            text(data["product_name"]),
            by("for", data["price"]),
            text(data["weight_g"]) && `${text(data["weight_g"])} g`,
            by("customer", data["customer_id"]),
          ])
        : device(value["status"]);
    case "rfid-readings":
      return text(data["sku"])
        ? words([`tag of ${text(data["sku"])}`, text(data["location"])])
        : device(value["status"]);
    case "product-recognition":
      return text(data["predicted_product"])
        ? words([`saw ${text(data["predicted_product"])}`, share(data["accuracy"])])
        : device(value["status"]);
    case "queue-monitor":
      return typeof data["customer_count"] === "number"
        ? words([
            `${data["customer_count"]} waiting`,
            by("average", data["average_dwell_time"]) &&
              `${text(data["average_dwell_time"])} s on average`,
          ])
        : device(value["status"]);
    case "qr-code-scans":
      return words([
        text(value["action"]) === "qr_regenerated"
          ? "code printed anew"
          : text(value["action"]).replaceAll("_", " ") || "code scanned",
        text(value["product_id"]),
        by("at", value["location"]),
        by("by", value["generated_by"]),
      ]);
    case "employee-activity":
      return words([
        by("", value["employee_id"]),
        text(value["action"]).replaceAll("_", " "),
        text(value["resource"]),
        by("at", value["location"]),
        value["is_after_hours"] === true ? "after hours" : "",
      ]);
    case "shipping-logistics":
      return words([
        by("truck", value["truck_id"]),
        "left",
        by("shipment", value["shipment_id"]),
        by("to", value["destination"]),
      ]);
    case "social-media-feed":
      return text(value["content"]);
    default:
      return "";
  }
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function by(word: string, value: unknown): string {
  const said = text(value);
  return said && `${word} ${said}`.trim();
}

function units(value: unknown): string {
  return typeof value === "number" ? `${value} ${value === 1 ? "unit" : "units"}` : "";
}

function share(value: unknown): string {
  return typeof value === "number" ? `${Math.round(value * 100)} % sure` : "";
}

function device(status: unknown): string {
  const said = text(status);
  return said === "Active" ? "nothing there" : said.toLowerCase();
}

function words(parts: readonly string[]): string {
  return parts.filter(Boolean).join(", ");
}
