import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { useSearchParams } from "react-router";
import { money } from "../../alerts/words";
import type { StockItem } from "../../api/types";
import { useCell, useLive } from "../../live/context";
import { useSession } from "../../session/context";
import { Ago, Empty, Failed, Loading } from "../../ui/parts";
import { SearchField } from "../../ui/search-field";
import { Sparkline } from "../../ui/sparkline";
import { byDifference, loadStock } from "./load";
import { Reconcile } from "./reconcile";

const ROW_PX = 46;
const COLUMNS =
  "grid grid-cols-[4.4rem_minmax(0,1fr)_2.8rem_2.8rem_4.6rem] items-center gap-2 px-3 sm:grid-cols-[7rem_minmax(9rem,1fr)_5rem_5rem_5.5rem_7rem_7rem_6rem] sm:px-4";
/** What a phone has no room for. */
const WIDE = "hidden sm:block";

/** What the books say against what the shelves say, article by article. */
export function StockPage() {
  const session = useSession();
  const live = useCell(useLive().stock);
  const sites = useCell(useLive().status)?.sites ?? [];
  const [search, setSearch] = useSearchParams();
  const location = search.get("location") ?? "";
  const site = search.get("site") ?? "";
  const category = search.get("category") ?? "";
  const text = search.get("q") ?? "";
  const everything = search.get("show") === "all";
  const choose = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const asked = { site, location, category, only: everything ? "" : "differences" };
  const { data, error, refetch } = useQuery({
    queryKey: ["stock", asked],
    queryFn: ({ signal }) => loadStock(session, asked, signal),
    refetchInterval: 60_000,
  });

  const items = useMemo(() => {
    const latest = new Map(
      live.map((item) => [`${item.site} ${item.location} ${item.product_id}`, item]),
    );
    const wanted = text.trim().toLowerCase();
    return (data?.items ?? [])
      .map((item) => {
        const news = latest.get(`${item.site} ${item.location} ${item.product_id}`);
        return news && news.updated_at_ms > item.updated_at_ms ? { ...item, ...news } : item;
      })
      .filter((item) => everything || item.difference)
      .filter((item) =>
        [item.product_id, item.name, item.location].some((one) => one.toLowerCase().includes(wanted)),
      )
      .sort(byDifference);
  }, [data, live, text, everything]);
  const categories = [...new Set((data?.items ?? []).map((item) => item.category))]
    .filter(Boolean)
    .sort();

  return (
    <div className="flex flex-col gap-3 p-3 sm:p-4 lg:h-full">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Stock</h1>
        <Reconcile site={site} location={location} />
      </div>
      {data && (
        <dl className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-6">
          <Total name="Articles at places" value={money(data.totals.articles)} />
          <Total name="Differ" value={money(data.totals.differing)} strong={data.totals.differing > 0} />
          <Total
            name="Units missing"
            value={money(data.totals.missing)}
            strong={data.totals.missing > 0}
          />
          <Total name="Units too many" value={money(data.totals.surplus)} />
          <Total name="Worth of what is missing" value={money(data.totals.value_missing)} />
          <Total name="Worth of the stock" value={money(data.totals.value)} />
        </dl>
      )}
      <section
        aria-label="Articles"
        className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border border-line bg-surface"
      >
        <div
          role="search"
          aria-label="Filter stock"
          className="flex flex-wrap gap-2 border-b border-line p-3"
        >
          <SearchField
            label="Article, name or place"
            className="sm:max-w-64"
            text={text}
            onText={(wanted) => choose("q", wanted)}
          />
          <input
            aria-label="Within a place"
            placeholder="Within: WH1, WH1/A-03"
            className="field sm:max-w-48"
            key={location}
            defaultValue={location}
            onBlur={(event) => choose("location", event.target.value.trim())}
            onKeyDown={(event) => {
              if (event.key === "Enter") choose("location", event.currentTarget.value.trim());
            }}
          />
          {(categories.length > 0 || category) && (
            <select
              aria-label="Category"
              className="field w-auto!"
              value={category}
              onChange={(event) => choose("category", event.target.value)}
            >
              <option value="">Every category</option>
              {[...new Set([...categories, category])].filter(Boolean).map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          )}
          {(sites.length > 1 || site) && (
            <select
              aria-label="Site"
              className="field w-auto!"
              value={site}
              onChange={(event) => choose("site", event.target.value)}
            >
              <option value="">All sites</option>
              {sites.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
          <label className="flex items-center gap-2 text-sm">
            <input
              type="checkbox"
              className="size-4 accent-accent"
              checked={everything}
              onChange={(event) => choose("show", event.target.checked ? "all" : "")}
            />
            Also what agrees
          </label>
          <p role="status" className="ml-auto self-center text-xs text-ink-2">
            {data && `${items.length} shown${data.partial ? ", there are more: narrow it down" : ""}`}
          </p>
        </div>
        {error && !data ? (
          <Failed what="The stock" error={error} again={() => void refetch()} />
        ) : !data ? (
          <Loading what="stock" />
        ) : items.length === 0 ? (
          <Empty
            title={
              text || location || category ? "Nothing fits these filters" : "Books and shelves agree"
            }
          >
            {data.totals.articles === 0
              ? "Neither books nor shelves have told of any article yet."
              : "Tick “Also what agrees” to see every article."}
          </Empty>
        ) : (
          <Rows items={items} />
        )}
      </section>
      <p className="text-xs text-ink-2">
        A difference is a fact, not yet a finding: goods are picked before they are booked. Findings are
        alerts. In the lines, <span className="font-semibold text-digital">dashed is the books</span>,{" "}
        <span className="font-semibold text-physical">solid is the shelf</span>.
      </p>
    </div>
  );
}

function Total({ name, value, strong = false }: { name: string; value: string; strong?: boolean }) {
  return (
    <div className="rounded-lg border border-line bg-surface px-3 py-2">
      <dt className="text-xs text-ink-2">{name}</dt>
      <dd className={`text-lg font-semibold ${strong ? "text-high" : ""}`}>{value}</dd>
    </div>
  );
}

function Rows({ items }: { items: readonly StockItem[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  return (
    <div
      ref={scroller}
      className="h-[60vh] overflow-auto lg:h-auto lg:flex-1"
      tabIndex={0}
      role="region"
      aria-label="Articles, as a table"
    >
      <div
        role="table"
        aria-label="Stock by article and place"
        aria-rowcount={items.length + 1}
        className="sm:min-w-[56rem]"
      >
        <div role="rowgroup" className="sticky top-0 z-10 border-b border-line bg-surface">
          <div
            role="row"
            aria-rowindex={1}
            className={`${COLUMNS} py-2 text-xs font-semibold text-ink-2`}
          >
            <span role="columnheader">Place</span>
            <span role="columnheader">Article</span>
            <span role="columnheader" className="text-right">
              Books
            </span>
            <span role="columnheader" className="text-right">
              Shelf
            </span>
            <span role="columnheader" className="text-right">
              Difference
            </span>
            <span role="columnheader" className={`${WIDE} text-right`}>
              Worth
            </span>
            <span role="columnheader" className={`${WIDE} pl-3`}>
              Last day
            </span>
            <span role="columnheader" className={WIDE}>
              Changed
            </span>
          </div>
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const item = items[row.index];
            if (item === undefined) return null;
            return (
              <div
                key={row.key}
                role="row"
                aria-rowindex={row.index + 2}
                className={`${COLUMNS} absolute inset-x-0 border-b border-line text-sm`}
                style={{ height: ROW_PX, transform: `translateY(${row.start}px)` }}
              >
                <span role="cell" className="truncate">
                  {item.location || item.site}
                </span>
                <span role="cell" className="min-w-0 leading-tight">
                  <span className="block font-medium">{item.product_id}</span>
                  <span className="block truncate text-xs text-ink-2">{item.name}</span>
                </span>
                <span role="cell" className="text-right">
                  {item.digital ?? "–"}
                </span>
                <span role="cell" className="text-right">
                  {item.physical ?? "–"}
                </span>
                <span
                  role="cell"
                  className={`text-right font-semibold ${item.difference ? (item.difference < 0 ? "text-critical" : "text-medium") : "font-normal text-ink-2"}`}
                >
                  {item.difference === null
                    ? "unknown"
                    : item.difference > 0
                      ? `+${item.difference}`
                      : item.difference}
                </span>
                <span role="cell" className={`${WIDE} text-right`}>
                  {item.value === null ? "–" : money(item.value)}
                </span>
                <span role="cell" className={`${WIDE} pl-3`}>
                  <Sparkline series={item.series} />
                </span>
                <span role="cell" className={`${WIDE} text-xs text-ink-2`}>
                  <Ago time={item.updated_at} site={item.site} />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
