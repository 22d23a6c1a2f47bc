import { useQuery } from "@tanstack/react-query";
import { useEffect, type SyntheticEvent } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import type { Catalogue, ReportList, ReportResult } from "../../api/types";
import { useCell, useLive, useSiteClock } from "../../live/context";
import { useSession } from "../../session/context";
import { Sign } from "../../ui/icons";
import { Button, Empty, Failed, Field, Loading } from "../../ui/parts";
import { DAY_MS, impossible, periodOf, type Period } from "./period";
import { ReportChart } from "./report-chart";
import { useReportList } from "./report-list";
import { ReportTable } from "./report-table";

/** An answer is good for this long: each may read much, and cost. */
const FRESH_MS = 600_000;

/** A report over history, about some days. */
export default function ReportPage() {
  const { name } = useParams();
  const { data, error, refetch, analyst } = useReportList();
  const report = data?.items.find((one) => one.name === name);
  return (
    <div className="space-y-4 p-3 sm:p-4">
      <p className="text-sm">
        <Link to="/reports" className="inline-flex items-center gap-1 text-accent hover:underline">
          <Sign name="back" className="size-4" /> All reports
        </Link>
      </p>
      {!analyst ? (
        <Empty title="Reports are for analysts">Ask an administrator for the role.</Empty>
      ) : error ? (
        <Failed what="The report" error={error} again={() => void refetch()} />
      ) : !data ? (
        <Loading what="report" />
      ) : report === undefined ? (
        <Empty title="There is no such report" />
      ) : (
        <Report report={report} />
      )}
    </div>
  );
}

function Report({ report }: { report: ReportList["items"][number] }) {
  const { now } = useSiteClock();
  const [search, setSearch] = useSearchParams();
  const sites = useCell(useLive().status)?.sites ?? [];
  const site = search.get("site") ?? "";
  const period = periodOf(search, report.days, now);
  useEffect(() => {
    document.title = `${report.title} · Business Guardian`;
  }, [report.title]);
  const show = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const wanted = new FormData(event.currentTarget);
    setSearch([...wanted].filter(([, value]) => value !== "") as [string, string][]);
  };
  const why = impossible(period);
  return (
    <>
      <header>
        <h1 className="text-xl font-semibold">{report.title}</h1>
        <p className="mt-1 text-sm text-ink-2">{report.description}</p>
      </header>
      {/* Asked for when all of it has been chosen, since each answer may cost. */}
      <form
        key={`${period.from} ${period.to} ${site}`}
        onSubmit={show}
        className="no-print flex flex-wrap items-end gap-3"
      >
        <Field label="From" name="from" type="date" required defaultValue={period.from} />
        <Field label="To" name="to" type="date" required defaultValue={period.to} />
        {(sites.length > 1 || site !== "") && (
          <label className="text-sm font-medium">
            <span className="mb-1 block">Site</span>
            <select name="site" className="field w-auto!" defaultValue={site}>
              <option value="">All sites</option>
              {[...new Set([...sites.map((one) => one.id), ...(site && [site])])].map((one) => (
                <option key={one} value={one}>
                  {sites.find(({ id }) => id === one)?.name ?? one}
                </option>
              ))}
            </select>
          </label>
        )}
        <Button type="submit" kind="main" className="min-h-9">
          Show
        </Button>
        <p className="min-h-9 content-center text-xs text-ink-2">Days of UTC, both included</p>
      </form>
      {why ? (
        <p role="alert" className="text-sm font-medium text-critical">
          {why}
        </p>
      ) : (
        <Result name={report.name} period={period} site={site} />
      )}
    </>
  );
}

function Result({ name, period, site }: { name: string; period: Period; site: string }) {
  const session = useSession();
  const { zone } = useSiteClock(site || null);
  const { from, to } = period;
  const { data, error, isFetching, refetch } = useQuery({
    queryKey: ["report", name, from, to, site],
    queryFn: ({ signal }) =>
      session.ask<ReportResult>(`reports/${name}`, {
        query: { since: Date.parse(from), until: Date.parse(to) + DAY_MS, site },
        signal,
      }),
    staleTime: FRESH_MS,
    refetchOnWindowFocus: false,
    retry: false,
  });
  const { data: catalogue } = useQuery({
    queryKey: ["catalogue"],
    queryFn: ({ signal }) => session.ask<Catalogue>("catalogue", { signal }),
    staleTime: Infinity,
  });
  if (error && !isFetching)
    return <Failed what="The report" error={error} again={() => void refetch()} />;
  if (!data) return <Loading what="report" />;
  if (data.rows.length === 0)
    return <Empty title="There is nothing in these days">Choose others, or more of them.</Empty>;
  const words = { titles: catalogue?.titles ?? {}, zone };
  return (
    <>
      <ReportChart report={data} words={words} />
      <ReportTable report={data} period={period} words={words} />
    </>
  );
}
