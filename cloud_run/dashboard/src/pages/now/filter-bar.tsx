import { useRef, type ReactNode } from "react";
import { narrowing, SEVERITIES, toggled, type Filters } from "../../alerts/filters";
import { STATUS_WORD, WORKFLOW_WORD } from "../../alerts/words";
import type { MachineStatus, Workflow } from "../../api/types";
import { useKeys } from "../../keyboard/keys";
import { useBoard, useCell, useLive } from "../../live/context";
import { useUser } from "../../session/context";
import { Button } from "../../ui/parts";
import { SearchField } from "../../ui/search-field";
import { SeverityMark } from "../../ui/severity";
import type { Found } from "./use-alerts";

export function FilterBar({
  filters,
  found,
  onChange,
}: {
  filters: Filters;
  found: Found;
  onChange: (change: Partial<Filters>) => void;
}) {
  const user = useUser();
  const { alerts } = useBoard();
  const sites = useCell(useLive().status)?.sites ?? [];
  const search = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => search.current?.focus() });
  const types = new Map(alerts.map((alert) => [alert.type, alert.title]));
  for (const alert of found.alerts) types.set(alert.type, alert.title);
  for (const type of filters.types) if (!types.has(type)) types.set(type, type);
  const all = filters.scope === "all";
  const workflows: readonly Workflow[] = all
    ? ["open", "acknowledged", "resolved"]
    : ["open", "acknowledged"];
  const statuses: readonly MachineStatus[] = all
    ? ["suspected", "confirmed", "cleared"]
    : ["suspected", "confirmed"];

  return (
    <div role="search" aria-label="Filter alerts" className="space-y-2 border-b border-line p-3">
      <div className="flex flex-wrap items-center gap-2">
        <div role="group" aria-label="Which alerts" className="flex rounded-md border border-line p-0.5">
          <Segment on={!all} onClick={() => onChange({ scope: "todo", workflows: [], statuses: [] })}>
            To do <span className="text-ink-2">{found.todo}</span>
          </Segment>
          <Segment on={all} onClick={() => onChange({ scope: "all" })}>
            All
          </Segment>
        </div>
        <div className="min-w-40 flex-1">
          <SearchField
            label="Search in what happened"
            placeholder="Article, person, place … ( / )"
            text={filters.text}
            onText={(text) => onChange({ text })}
            field={search}
          />
        </div>
        <select
          aria-label="Order"
          className="field w-auto!"
          value={filters.order}
          onChange={(event) =>
            onChange({ order: event.target.value === "newest" ? "newest" : "severity" })
          }
        >
          <option value="severity">Most severe first</option>
          <option value="newest">Newest first</option>
        </select>
      </div>
      <div className="flex flex-wrap items-center gap-1.5 text-sm">
        {SEVERITIES.map((severity) => (
          <Chip
            key={severity}
            on={filters.severities.includes(severity)}
            onClick={() => onChange({ severities: toggled(filters.severities, severity) })}
          >
            <SeverityMark severity={severity} />
          </Chip>
        ))}
        <span aria-hidden="true" className="mx-1 hidden h-5 w-px bg-line sm:block" />
        {workflows.map((one) => (
          <Chip
            key={one}
            on={filters.workflows.includes(one)}
            onClick={() => onChange({ workflows: toggled(filters.workflows, one) })}
          >
            {WORKFLOW_WORD[one]}
          </Chip>
        ))}
        <Chip
          on={filters.assignee === user.id}
          onClick={() => onChange({ assignee: filters.assignee === user.id ? "" : user.id })}
        >
          Mine
        </Chip>
        <select
          aria-label="Type of alert"
          className="field min-h-7! w-auto! max-w-48 py-0! text-sm!"
          value={filters.types[0] ?? ""}
          onChange={(event) => onChange({ types: event.target.value ? [event.target.value] : [] })}
        >
          <option value="">Every type</option>
          {[...types]
            .sort((a, b) => a[1].localeCompare(b[1]))
            .map(([type, title]) => (
              <option key={type} value={type}>
                {title}
              </option>
            ))}
        </select>
        <select
          aria-label="The machine's verdict"
          className="field min-h-7! w-auto! py-0! text-sm!"
          value={filters.statuses[0] ?? ""}
          onChange={(event) => {
            const one = statuses.find((status) => status === event.target.value);
            onChange({ statuses: one ? [one] : [] });
          }}
        >
          <option value="">Any verdict</option>
          {statuses.map((one) => (
            <option key={one} value={one}>
              {STATUS_WORD[one]}
            </option>
          ))}
        </select>
        {(sites.length > 1 || filters.site) && (
          <select
            aria-label="Site"
            className="field min-h-7! w-auto! py-0! text-sm!"
            value={filters.site}
            onChange={(event) => onChange({ site: event.target.value })}
          >
            <option value="">All sites</option>
            {sites.map((site) => (
              <option key={site.id} value={site.id}>
                {site.name}
              </option>
            ))}
          </select>
        )}
        {filters.place && (
          <Chip on onClick={() => onChange({ place: "" })}>
            At {filters.place} <span aria-hidden="true">✕</span>
          </Chip>
        )}
        <span className="ml-auto flex items-center gap-2 text-xs text-ink-2" role="status">
          {found.phase === "ready" && `${found.alerts.length}${found.more ? "+" : ""} shown`}
          {narrowing(filters) > 0 && (
            <Button
              kind="quiet"
              className="min-h-7! px-2! text-xs!"
              onClick={() =>
                onChange({
                  severities: [],
                  workflows: [],
                  statuses: [],
                  types: [],
                  site: "",
                  place: "",
                  assignee: "",
                  text: "",
                })
              }
            >
              Clear filters
            </Button>
          )}
        </span>
      </div>
    </div>
  );
}

function Segment({ on, ...rest }: { on: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      className={`min-h-7 cursor-pointer rounded px-3 text-sm font-medium ${on ? "bg-raised text-ink" : "text-ink-2"}`}
      {...rest}
    />
  );
}

function Chip({ on, ...rest }: { on: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      className={`min-h-7 cursor-pointer rounded-full border px-2.5 text-[0.8rem] ${
        on ? "border-accent bg-accent/10 text-ink" : "border-line text-ink-2 hover:text-ink"
      }`}
      {...rest}
    />
  );
}
