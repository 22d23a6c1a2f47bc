import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import type { ReportList, ReportResult } from "../../api/types";
import { useSiteClock } from "../../live/context";
import { useSession, useUser } from "../../session/context";
import { may } from "../../session/session";
import { Button, Empty, Failed, Loading, Panel } from "../../ui/parts";
import { SearchField } from "../../ui/search-field";
import { csv } from "./csv";
import { ReportChart } from "./report-chart";

const DAY = 86_400_000;

/** Reports over history: which one, about which days and site; chart, numbers, CSV. */
export default function ReportsPage() {
  const session = useSession();
  const user = useUser();
  const { now } = useSiteClock();
  const [search, setSearch] = useSearchParams();
  const analyst = may(user, "analyst");
  const { data, error, refetch } = useQuery({
    queryKey: ["reports"],
    queryFn: ({ signal }) => session.ask<ReportList>("reports", { signal }),
    enabled: analyst,
  });
  if (!analyst)
    return <Empty title="Reports are for analysts">Ask an administrator for the role.</Empty>;
  if (error) return <Failed what="The reports" error={error} again={() => void refetch()} />;
  if (!data) return <Loading what="reports" />;
  const [first] = data.items;
  if (first === undefined) {
    return <Empty title="No history is kept here">Start the engine with --history.</Empty>;
  }
  const chosen = data.items.find((one) => one.name === search.get("report")) ?? first;
  const last = search.get("to") ?? day(now);
  const from = search.get("from") ?? day(Date.parse(last) - (chosen.days - 1) * DAY);
  const site = search.get("site") ?? "";
  const change = (name: string, value: string) =>
    setSearch(
      (before) => {
        before.set(name, value);
        return before;
      },
      { replace: true },
    );
  return (
    <div className="space-y-4 p-3 sm:p-4">
      <div className="flex flex-wrap items-end gap-3">
        <h1 className="mr-auto text-xl font-semibold">Reports</h1>
        <select
          aria-label="Report"
          className="field w-auto!"
          value={chosen.name}
          onChange={(event) => change("report", event.target.value)}
        >
          {data.items.map((one) => (
            <option key={one.name} value={one.name}>
              {one.title}
            </option>
          ))}
        </select>
        <Day name="From" value={from} change={(value) => change("from", value)} />
        <Day name="To" value={last} change={(value) => change("to", value)} />
        <SearchField
          label="Site"
          placeholder="All sites"
          className="w-auto!"
          text={site}
          onText={(wanted) => change("site", wanted)}
        />
      </div>
      <p className="text-sm text-ink-2">{chosen.description}</p>
      <Result name={chosen.name} from={from} to={last} site={site} />
    </div>
  );
}

function Day({ name, value, change }: { name: string; value: string; change: (value: string) => void }) {
  return (
    <input
      type="date"
      aria-label={name}
      className="field w-auto!"
      value={value}
      onChange={(event) => event.target.value && change(event.target.value)}
    />
  );
}

function Result({ name, from, to, site }: { name: string; from: string; to: string; site: string }) {
  const session = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: ["report", name, from, to, site],
    queryFn: ({ signal }) =>
      session.ask<ReportResult>(`reports/${name}`, {
        query: { since: Date.parse(from), until: Date.parse(to) + DAY, ...(site && { site }) },
        signal,
      }),
  });
  if (error) return <Failed what="The report" error={error} again={() => void refetch()} />;
  if (!data) return <Loading what="report" />;
  if (data.rows.length === 0) return <Empty title="Nothing in these days">Choose others.</Empty>;
  const numbers = data.columns.map((_, place) =>
    data.rows.some((row) => typeof row[place] === "number"),
  );
  return (
    <>
      <ReportChart report={data} />
      <Panel title={data.title} aside={`${data.rows.length} rows${data.partial ? ", not all" : ""}`}>
        <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={data.title}>
          <table className="table">
            <thead>
              <tr>
                {data.columns.map((column, place) => (
                  <th key={column} scope="col" className={numbers[place] ? "number" : undefined}>
                    {column.replaceAll("_", " ")}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.rows.map((row, number) => (
                <tr key={number}>
                  {row.map((value, place) => (
                    <td key={place} className={numbers[place] ? "number" : undefined}>
                      {shown(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div className="mt-3">
          <Button onClick={() => save(`${name} ${from} ${to}.csv`, csv(data))}>Save as CSV</Button>
        </div>
      </Panel>
    </>
  );
}

function shown(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value === "number") return value.toLocaleString("en", { maximumFractionDigits: 2 });
  return String(value);
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
