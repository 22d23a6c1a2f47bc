import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import type { CodeHistory } from "../../api/types";
import { useSiteClock } from "../../live/context";
import { useSession } from "../../session/context";
import { dateTime } from "../../time/format";
import { Button, Empty, Failed, Field, Loading, Panel, Tag } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";

/** What has become of an article's codes. */
export function CodesOfArticle() {
  const session = useSession();
  const { zone } = useSiteClock();
  const [search, setSearch] = useSearchParams();
  const article = search.get("article") ?? "";
  const [wanted, setWanted] = useState(article);
  const found = useInfiniteQuery({
    queryKey: ["codes", article],
    queryFn: ({ pageParam, signal }) =>
      session.ask<CodeHistory>(`qr/${encodeURIComponent(article)}/history`, {
        query: { cursor: pageParam },
        signal,
      }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor || undefined,
    enabled: article !== "",
  });
  const codes = found.data?.pages.flatMap((page) => page.codes) ?? [];
  const alerts = found.data?.pages[0]?.alerts ?? [];
  const at = (time: string | null, place: string | null) =>
    time ? `${dateTime(time, zone)}${place ? `, ${place}` : ""}` : "never";
  return (
    <Panel title="Codes of an article" className="no-print">
      <form
        className="flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          setSearch(wanted.trim() ? { article: wanted.trim() } : {});
        }}
      >
        <Field label="Article" value={wanted} onChange={(event) => setWanted(event.target.value)} />
        <Button type="submit" className="min-h-9">
          Show
        </Button>
      </form>
      {article === "" ? null : found.isPending ? (
        <Loading what={`codes of ${article}`} />
      ) : found.error ? (
        <Failed what="The codes" error={found.error} again={() => void found.refetch()} />
      ) : (
        <>
          {codes.length === 0 && !found.hasNextPage ? (
            <Empty title={`The register knows no code of ${article}`}>
              Codes enter it when they are announced, or with their first genuine scan.
            </Empty>
          ) : (
            <div
              className="mt-3 overflow-x-auto"
              tabIndex={0}
              role="region"
              aria-label={`Codes of ${article}`}
            >
              <table className="table">
                <thead>
                  <tr>
                    <th scope="col">Code</th>
                    <th scope="col">Stage</th>
                    <th scope="col">Belongs to</th>
                    <th scope="col" className="number">
                      Scans
                    </th>
                    <th scope="col">First scan</th>
                    <th scope="col">Last scan</th>
                  </tr>
                </thead>
                <tbody>
                  {codes.map((code) => (
                    <tr key={`${code.site} ${code.qr_id}`}>
                      <td className="font-mono text-xs">{code.qr_id}</td>
                      <td>
                        <Tag>{code.stage}</Tag>
                      </td>
                      <td>{code.location}</td>
                      <td className="number">{code.scans}</td>
                      <td>{at(code.first_scan_at, code.first_scan_location)}</td>
                      <td>{at(code.last_scan_at, code.last_scan_location)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          {found.hasNextPage && (
            <Button
              className="mt-2"
              disabled={found.isFetchingNextPage}
              onClick={() => void found.fetchNextPage()}
            >
              Look further
            </Button>
          )}
          {alerts.length > 0 && (
            <>
              <h3 className="mt-5 mb-2 text-sm font-semibold">Alerts that name {article}</h3>
              <ul className="space-y-1 text-sm">
                {alerts.map((alert) => (
                  <li key={alert.alert_id} className="flex items-baseline gap-2">
                    <SeverityMark severity={alert.severity} word={false} />
                    <Link
                      className="leading-7 font-medium whitespace-nowrap hover:underline"
                      to={`/alerts/${alert.alert_id}`}
                    >
                      {alert.title}
                    </Link>
                    <span className="truncate text-ink-2">{alert.narrative}</span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </>
      )}
    </Panel>
  );
}
