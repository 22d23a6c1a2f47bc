import { useState } from "react";
import { useSearchParams } from "react-router";
import { filtersOf, searchOf, type Filters } from "../../alerts/filters";
import { ResolveDialog } from "../../alerts/resolve-dialog";
import { useChange } from "../../alerts/use-change";
import type { Alert } from "../../api/types";
import { useLive } from "../../live/context";
import { AlertList } from "./alert-list";
import { FilterBar } from "./filter-bar";
import { Places } from "./places";
import { Summary } from "./summary";
import { useAlerts } from "./use-alerts";

/** What is happening now, and what has to be done about it. */
export function NowPage() {
  const live = useLive();
  const [search, setSearch] = useSearchParams();
  const filters = filtersOf(search);
  const found = useAlerts(filters);
  const changing = useChange();
  const [resolving, setResolving] = useState<Alert | null>(null);
  const [done, setDone] = useState("");

  const filter = (change: Partial<Filters>) =>
    setSearch(searchOf({ ...filters, ...change }), { replace: true, preventScrollReset: true });

  const acknowledge = async (alert: Alert) => {
    if (!changing.allowed || alert.handling.workflow !== "open") return;
    if ((await changing.change(alert, { action: "acknowledge" })) === "done")
      setDone(`Acknowledged: ${alert.title}`);
  };

  return (
    <div className="grid gap-4 p-3 sm:p-4 lg:h-full lg:grid-cols-[minmax(0,1fr)_minmax(20rem,26rem)] lg:grid-rows-1">
      <h1 className="sr-only">Now</h1>
      <section
        aria-label="Alerts"
        className="order-2 flex min-h-0 flex-col overflow-hidden rounded-lg border border-line bg-surface lg:order-1"
      >
        <FilterBar filters={filters} found={found} onChange={filter} />
        {changing.error && (
          <p role="alert" className="border-b border-line bg-critical/10 px-4 py-2 text-sm">
            {changing.error}
          </p>
        )}
        <p role="status" className="sr-only">
          {done}
        </p>
        <AlertList
          found={found}
          filters={filters}
          mayChange={changing.allowed}
          onAcknowledge={(alert) => void acknowledge(alert)}
          onResolve={(alert) => {
            if (changing.allowed && alert.handling.workflow !== "resolved") setResolving(alert);
          }}
          onClearFilters={() => setSearch(new URLSearchParams(), { replace: true })}
        />
      </section>
      <aside
        aria-label="Overview"
        className="contents lg:order-2 lg:flex lg:min-h-0 lg:flex-col lg:gap-4 lg:overflow-y-auto"
      >
        <Summary
          onSeverity={(severity) => filter({ severities: [severity] })}
          chosen={filters.severities}
        />
        <Places chosen={filters.place} onChoose={(place) => filter({ place })} />
      </aside>
      {resolving && (
        <ResolveDialog
          alert={live.board.get(resolving.alert_id) ?? resolving}
          busy={changing.busy}
          error={changing.error}
          onClose={() => setResolving(null)}
          onResolve={async (change) => {
            const alert = live.board.get(resolving.alert_id) ?? resolving;
            const outcome = await changing.change(alert, change);
            if (outcome === "done") setDone(`Resolved: ${alert.title}`);
            if (outcome !== "failed") setResolving(null);
          }}
        />
      )}
      {changing.conflict}
    </div>
  );
}
