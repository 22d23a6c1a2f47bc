/** Stock, all pages of it up to a bound. */
import type { StockItem, StockPage } from "../../api/types";
import type { Query, Session } from "../../session/session";

const PAGE = 500;
/** Rows that one screen holds at most. */
export const MOST_ROWS = 5_000;

export interface Stock {
  items: StockItem[];
  totals: StockPage["totals"];
  /** There are more rows than are held. */
  partial: boolean;
}

export async function loadStock(session: Session, query: Query, signal?: AbortSignal): Promise<Stock> {
  const items: StockItem[] = [];
  let cursor = "";
  for (;;) {
    const page: StockPage = await session.ask("inventory/status", {
      query: { ...query, limit: PAGE, cursor },
      signal,
    });
    items.push(...page.items);
    cursor = page.next_cursor;
    if (cursor === "" || items.length >= MOST_ROWS) {
      return { items, totals: page.totals, partial: cursor !== "" };
    }
  }
}

/** The aisle of a shelf: WH1/A-03 is in WH1/A. Empty where there are no shelves. */
export function zoneOf(location: string): string {
  return location.replace(/-[^-/]*$/, "");
}

/** What differs most comes first, then by place and article. */
export function byDifference(a: StockItem, b: StockItem): number {
  return (
    Math.abs(b.difference ?? 0) - Math.abs(a.difference ?? 0) ||
    a.location.localeCompare(b.location) ||
    a.product_id.localeCompare(b.product_id)
  );
}
