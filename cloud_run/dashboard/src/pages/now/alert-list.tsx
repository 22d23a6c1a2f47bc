import { useVirtualizer, type Range, defaultRangeExtractor } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { Link } from "react-router";
import { narrowing, placeOf, type Filters } from "../../alerts/filters";
import { usePeople, type People } from "../../alerts/people";
import { money, RESOLUTION_WORD, STATUS_WORD } from "../../alerts/words";
import type { Alert } from "../../api/types";
import { useKeys } from "../../keyboard/keys";
import { Button, Ago, Empty, Failed, Loading, Tag } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";
import { stepped } from "./step";
import type { Found } from "./use-alerts";

const ROW_PX = 100;

interface Props {
  found: Found;
  filters: Filters;
  mayChange: boolean;
  onAcknowledge: (alert: Alert) => void;
  onResolve: (alert: Alert) => void;
  onClearFilters: () => void;
}

export function AlertList(props: Props) {
  const { found, filters } = props;
  if (found.phase === "failed")
    return <Failed what="The alerts" error={found.error} again={found.again} />;
  if (found.phase === "loading") return <Loading what="alerts" />;
  if (found.alerts.length === 0 && !found.more) {
    return narrowing(filters) > 0 ? (
      <Empty title="No alert fits these filters">
        <p className="mb-3">
          {filters.scope === "todo"
            ? `There are ${found.todo} to do without them. Resolved and cleared alerts are under “All”.`
            : "Try fewer of them."}
        </p>
        <Button onClick={props.onClearFilters}>Clear filters</Button>
      </Empty>
    ) : (
      <Empty title="Nothing to do">
        No alert is open. A new one appears here by itself, the moment the streams stop agreeing.
      </Empty>
    );
  }
  return <Rows {...props} />;
}

function Rows({ found, mayChange, onAcknowledge, onResolve }: Props) {
  const { alerts } = found;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(null);
  const focusNext = useRef(false);
  const people = usePeople();
  const at = active === null ? -1 : alerts.findIndex((alert) => alert.alert_id === active);

  const rows = useVirtualizer({
    count: alerts.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => alerts[index]?.alert_id ?? index,
    overscan: 6,
    // The chosen row stays, wherever one scrolls to: it has the focus.
    rangeExtractor: (range: Range) => {
      const shown = defaultRangeExtractor(range);
      return at < 0 || shown.includes(at) ? shown : [...shown, at].sort((a, b) => a - b);
    },
  });

  // What one is reading stays where it is while new alerts come in above it.
  const top = useRef<string | null>(null);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const offset = element.scrollTop;
    if (offset >= ROW_PX && top.current !== null) {
      const index = alerts.findIndex((alert) => alert.alert_id === top.current);
      const before = Math.floor(offset / ROW_PX);
      if (index >= 0 && index !== before) element.scrollTop = offset + (index - before) * ROW_PX;
    }
    top.current = alerts[Math.floor(element.scrollTop / ROW_PX)]?.alert_id ?? null;
  }, [alerts]);

  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  useEffect(() => {
    if (found.more && last >= alerts.length - 10) found.loadMore();
  }, [found, last, alerts.length]);

  useEffect(() => {
    if (!focusNext.current || active === null) return;
    focusNext.current = false;
    document.getElementById(`row-${active}`)?.focus({ preventScroll: true });
  });

  const step = (by: 1 | -1) => {
    const next = stepped(alerts, active, by);
    if (next === null) return;
    focusNext.current = true;
    setActive(next);
    rows.scrollToIndex(alerts.findIndex((alert) => alert.alert_id === next));
  };
  const withActive = (does: (alert: Alert) => void) => () => {
    const alert = alerts[at];
    if (alert !== undefined) does(alert);
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    a: withActive(onAcknowledge),
    r: withActive(onResolve),
  });

  return (
    <>
      {found.partial && (
        <p role="status" className="border-b border-line bg-raised px-4 py-1.5 text-xs">
          More alerts are open than this list holds: it shows the latest {alerts.length}. Search under
          “All” for others.
        </p>
      )}
      <div
        ref={scroller}
        className="h-[65vh] overflow-y-auto lg:h-auto lg:flex-1"
        tabIndex={-1}
        onScroll={(event) => {
          top.current = alerts[Math.floor(event.currentTarget.scrollTop / ROW_PX)]?.alert_id ?? null;
        }}
      >
        <ul aria-label="Alerts" className="relative" style={{ height: rows.getTotalSize() }}>
          {visible.map((row) => {
            const alert = alerts[row.index];
            if (alert === undefined) return null;
            return (
              <li
                key={row.key}
                aria-posinset={row.index + 1}
                aria-setsize={found.more ? -1 : alerts.length}
                className={`absolute inset-x-0 border-b border-line ${alert.alert_id === active ? "bg-raised" : ""}`}
                style={{ height: ROW_PX, transform: `translateY(${row.start}px)` }}
              >
                <Row alert={alert} people={people} onFocus={() => setActive(alert.alert_id)} />
                {mayChange && alert.handling.workflow === "open" && (
                  <Button
                    className="absolute right-3 bottom-1 min-h-[26px]! px-2! text-xs!"
                    aria-label={`Acknowledge: ${alert.title}, ${alert.subject.id}`}
                    onClick={() => onAcknowledge(alert)}
                  >
                    Acknowledge
                  </Button>
                )}
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}

const EDGE: Record<Alert["severity"], string> = {
  critical: "border-l-critical",
  high: "border-l-high",
  medium: "border-l-medium",
  low: "border-l-low",
};

function Row({ alert, people, onFocus }: { alert: Alert; people: People; onFocus: () => void }) {
  const { handling } = alert;
  const place = placeOf(alert);
  return (
    <Link
      id={`row-${alert.alert_id}`}
      to={`/alerts/${alert.alert_id}`}
      onFocus={onFocus}
      className={`flex h-full flex-col justify-center gap-0.5 border-l-4 px-3 hover:bg-raised focus-visible:-outline-offset-2 ${EDGE[alert.severity]}`}
    >
      <span className="flex min-w-0 items-center gap-2 text-sm">
        <span className="w-[5.4rem] shrink-0">
          <SeverityMark severity={alert.severity} />
        </span>
        <span className="truncate font-medium">{alert.title}</span>
        <span className="hidden shrink-0 items-center gap-1 sm:flex">
          {alert.status !== "confirmed" && <Tag tone="dashed">{STATUS_WORD[alert.status]}</Tag>}
          {handling.workflow === "acknowledged" && <Tag tone="strong">Acknowledged</Tag>}
          {handling.workflow === "resolved" && (
            <Tag>Resolved: {RESOLUTION_WORD[handling.resolution] ?? "no finding"}</Tag>
          )}
          {handling.assignee && <Tag>{people.name(handling.assignee)}</Tag>}
        </span>
        <span className="ml-auto shrink-0 text-xs text-ink-2">
          <Ago time={alert.event_time} site={alert.site} />
        </span>
      </span>
      <span className="line-clamp-2 text-[0.83rem] text-ink-2">{alert.narrative}</span>
      <span className="mr-28 flex items-center gap-3 overflow-hidden text-xs whitespace-nowrap text-ink-2">
        <span className="font-medium text-ink">{place || alert.site}</span>
        {alert.subject.id !== place && alert.subject.kind !== "site" && (
          <span>
            {alert.subject.kind} {alert.subject.id}
          </span>
        )}
        {alert.count > 1 && <span>{alert.count} events</span>}
        {alert.value_at_risk !== null && <span>{money(alert.value_at_risk)} at risk</span>}
      </span>
    </Link>
  );
}
