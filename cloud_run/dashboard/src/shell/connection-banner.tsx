import { useCell, useLive, useSiteClock } from "../live/context";
import { clock, dateTime } from "../time/format";
import { Button } from "../ui/parts";

/** Says when what is shown is not live any more, and when it is a recording. */
export function ConnectionBanner() {
  const live = useLive();
  const link = useCell(live.link);
  const status = useCell(live.status);
  const site = useSiteClock();
  const stale = status?.streams.filter((stream) => stream.stale).map((stream) => stream.topic) ?? [];
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <div className="no-print">
      <div role="alert">
        {link.state === "lost" && (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-critical/40 bg-critical/10 px-5 py-2 text-sm">
            <p>
              <strong className="text-critical">Not live since {clock(link.at, local)}.</strong> What you
              see may be out of date. {link.reason}{" "}
              {link.retryAt === null
                ? "Trying again …"
                : `Trying again at ${clock(link.retryAt, local)}.`}
            </p>
            <Button onClick={() => live.retry()} disabled={link.retryAt === null}>
              Try now
            </Button>
          </div>
        )}
      </div>
      {link.state === "live" && stale.length > 0 && (
        <p role="status" className="border-b border-high/40 bg-high/10 px-5 py-1.5 text-sm">
          <strong className="text-high">Nothing comes from:</strong> {stale.join(", ")}, while other
          streams go on. What they would show is not seen.
        </p>
      )}
      {site.past && (
        <p className="border-b border-line bg-raised px-5 py-1 text-xs text-ink-2">
          The site is at {dateTime(site.now, site.zone)} ({site.zone}): a recording, or far behind. Times
          are counted from there.
        </p>
      )}
    </div>
  );
}
