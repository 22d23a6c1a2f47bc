import { useQuery } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { placeOf } from "../../alerts/filters";
import { useAssignable, usePeople } from "../../alerts/people";
import { ResolveDialog } from "../../alerts/resolve-dialog";
import { useChange } from "../../alerts/use-change";
import { money, RESOLUTION_WORD, STATUS_WORD, WORKFLOW_WORD } from "../../alerts/words";
import { ApiError } from "../../api/problem";
import type { AlertChange, AlertDetail } from "../../api/types";
import { useKeys } from "../../keyboard/keys";
import { useSiteClock } from "../../live/context";
import { useSession, useUser } from "../../session/context";
import { clock, dateTime, duration, relative, zoneLabel } from "../../time/format";
import { Sign } from "../../ui/icons";
import { Button, Empty, Failed, Loading, Panel, Tag } from "../../ui/parts";
import { SeverityMark } from "../../ui/severity";
import { Evidence } from "./evidence";
import { History } from "./history";
import { NoteDialog } from "./note-dialog";
import { TimeLine } from "./time-line";

export function AlertPage() {
  const { id = "" } = useParams();
  const session = useSession();
  const { data, error, refetch } = useQuery({
    queryKey: ["alert", id],
    queryFn: ({ signal }) => session.ask<AlertDetail>(`alerts/${encodeURIComponent(id)}`, { signal }),
  });
  useEffect(() => {
    if (data) document.title = `${data.title}: ${data.subject.id} · Business Guardian`;
  }, [data]);
  if (data !== undefined) return <Shown alert={data} />;
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Empty title="There is no such alert">
        <p className="mb-3">The address may be wrong, or it belongs to a site that you do not see.</p>
        <Link className="text-accent underline" to="/">
          To what is happening now
        </Link>
      </Empty>
    );
  }
  if (error) return <Failed what="The alert" error={error} again={() => void refetch()} />;
  return <Loading what="the alert" />;
}

function Shown({ alert }: { alert: AlertDetail }) {
  const go = useNavigate();
  const user = useUser();
  const people = usePeople();
  const assignable = useAssignable(alert.site);
  const changing = useChange();
  const { zone, now } = useSiteClock(alert.site);
  const [dialog, setDialog] = useState<"resolve" | "reopen" | "note" | null>(null);
  const [copied, setCopied] = useState(false);
  const { handling } = alert;
  const place = placeOf(alert);

  const change = async (wanted: AlertChange) => {
    if ((await changing.change(alert, wanted)) !== "failed") setDialog(null);
  };
  const canAcknowledge = changing.allowed && handling.workflow === "open";
  const canResolve = changing.allowed && handling.workflow !== "resolved";
  useKeys({
    u: () => void go("/"),
    a: () => canAcknowledge && void change({ action: "acknowledge" }),
    r: () => canResolve && setDialog("resolve"),
    n: () => changing.allowed && setDialog("note"),
  });

  return (
    <article className="mx-auto max-w-6xl space-y-4 p-4 sm:p-6">
      <header>
        <p className="no-print mb-2 text-sm">
          <Link to="/" className="inline-flex items-center gap-1 text-accent hover:underline">
            <Sign name="back" className="size-4" /> All alerts
          </Link>
        </p>
        <div className="flex flex-wrap items-start justify-between gap-3">
          <div>
            <h1 className="text-2xl font-semibold tracking-tight">{alert.title}</h1>
            <p className="mt-1.5 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
              <SeverityMark severity={alert.severity} />
              <Tag tone={alert.status === "suspected" ? "dashed" : "plain"}>
                {STATUS_WORD[alert.status]}
              </Tag>
              <Tag tone={handling.workflow === "open" ? "strong" : "plain"}>
                {WORKFLOW_WORD[handling.workflow]}
                {handling.resolution && `: ${RESOLUTION_WORD[handling.resolution]}`}
              </Tag>
              <span className="text-ink-2">
                {place || alert.site} · {relative(alert.event_time, now)}
              </span>
            </p>
          </div>
          <div className="no-print flex flex-wrap gap-2">
            <Button
              onClick={() => {
                void navigator.clipboard?.writeText(window.location.href).then(() => setCopied(true));
              }}
            >
              <Sign name="link" className="size-4" /> {copied ? "Copied" : "Copy link"}
            </Button>
            {canAcknowledge && (
              <Button disabled={changing.busy} onClick={() => void change({ action: "acknowledge" })}>
                Acknowledge
              </Button>
            )}
            {canResolve && (
              <Button kind="main" disabled={changing.busy} onClick={() => setDialog("resolve")}>
                Resolve
              </Button>
            )}
            {changing.allowed && handling.workflow === "resolved" && (
              <Button disabled={changing.busy} onClick={() => setDialog("reopen")}>
                Reopen
              </Button>
            )}
          </div>
        </div>
        {changing.error && (
          <p role="alert" className="mt-3 rounded-md bg-critical/10 px-3 py-2 text-sm">
            {changing.error}
          </p>
        )}
      </header>

      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0 space-y-4">
          <Panel
            title="What happened"
            aside={alert.narrative_by ? `told by ${alert.narrative_by["by"] ?? "a model"}` : undefined}
          >
            <p className="text-lg leading-relaxed">{alert.narrative}</p>
            {alert.status === "suspected" && (
              <p className="mt-2 text-sm text-ink-2">
                The machine suspects this, and confirms or clears it by itself when it knows more.
              </p>
            )}
          </Panel>
          <Panel title="What to do">
            <ol className="list-decimal space-y-1.5 pl-5 leading-relaxed">
              {alert.recommended_actions.map((action) => (
                <li key={action}>{action}</li>
              ))}
            </ol>
          </Panel>
          <Panel title="Time line" aside={`times in ${zoneLabel(zone)}`}>
            <TimeLine alert={alert} zone={zone} />
          </Panel>
        </div>
        <div className="min-w-0 space-y-4">
          <Panel title="Facts">
            <dl className="space-y-2 text-sm">
              <Fact name="When">
                {dateTime(alert.event_time, zone)}
                <span className="block text-xs text-ink-2">{relative(alert.event_time, now)}</span>
              </Fact>
              {alert.started_at !== alert.ended_at && (
                <Fact name="Since, until">
                  {clock(alert.started_at, zone)} – {clock(alert.ended_at, zone)}
                  <span className="block text-xs text-ink-2">
                    {duration(Date.parse(alert.ended_at) - Date.parse(alert.started_at))}
                  </span>
                </Fact>
              )}
              <Fact name="About">
                {alert.subject.kind} {alert.subject.id}
              </Fact>
              <Fact name="Site">{alert.site}</Fact>
              <Fact name="How often">
                {alert.count} {alert.count === 1 ? "event" : "events"}
              </Fact>
              {alert.value_at_risk !== null && (
                <Fact name="Value at risk">{money(alert.value_at_risk)}</Fact>
              )}
              <Fact name="Found by">
                {alert.detector.id}
                <span className="block text-xs text-ink-2">version {alert.detector.version}</span>
              </Fact>
            </dl>
          </Panel>
          <Panel title="People">
            <dl className="space-y-2 text-sm">
              <Fact name="Assigned to">
                {handling.assignee ? (
                  people.name(handling.assignee)
                ) : (
                  <span className="text-ink-2">nobody</span>
                )}
              </Fact>
              {handling.note && (
                <Fact name="Note">
                  <span className="whitespace-pre-wrap">{handling.note}</span>
                </Fact>
              )}
            </dl>
            {changing.allowed && (
              <div className="no-print mt-3 flex flex-wrap gap-2">
                {assignable.length > 0 ? (
                  <select
                    aria-label="Assign to"
                    className="field w-auto! flex-1"
                    value={handling.assignee}
                    disabled={changing.busy}
                    onChange={(event) => void change({ action: "assign", assignee: event.target.value })}
                  >
                    <option value="">Nobody</option>
                    {handling.assignee && !assignable.some((one) => one.id === handling.assignee) && (
                      <option value={handling.assignee}>{people.name(handling.assignee)}</option>
                    )}
                    {assignable.map((one) => (
                      <option key={one.id} value={one.id}>
                        {people.name(one.id)}
                      </option>
                    ))}
                  </select>
                ) : (
                  <Button
                    disabled={changing.busy}
                    onClick={() =>
                      void change({
                        action: "assign",
                        assignee: handling.assignee === user.id ? "" : user.id,
                      })
                    }
                  >
                    {handling.assignee === user.id ? "Give it back" : "Assign to me"}
                  </Button>
                )}
                <Button disabled={changing.busy} onClick={() => setDialog("note")}>
                  {handling.note ? "Change note" : "Write a note"}
                </Button>
              </div>
            )}
            {!changing.allowed && (
              <p className="mt-2 text-xs text-ink-2">You may look at alerts, not change them.</p>
            )}
          </Panel>
          <Panel title="Evidence">
            <Evidence alert={alert} zone={zone} />
          </Panel>
          <Panel title="History">
            <History alert={alert} zone={zone} people={people} />
          </Panel>
        </div>
      </div>

      {dialog === "resolve" && (
        <ResolveDialog
          alert={alert}
          busy={changing.busy}
          error={changing.error}
          onClose={() => setDialog(null)}
          onResolve={(wanted) => void change(wanted)}
        />
      )}
      {(dialog === "note" || dialog === "reopen") && (
        <NoteDialog
          title={dialog === "note" ? "Note" : "Reopen: why?"}
          action={dialog === "note" ? "Save" : "Reopen"}
          initial={dialog === "note" ? handling.note : ""}
          busy={changing.busy}
          error={changing.error}
          onClose={() => setDialog(null)}
          onSave={(note) => void change({ action: dialog, note })}
        />
      )}
      {changing.conflict}
    </article>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="grid grid-cols-[6.5rem_minmax(0,1fr)] gap-2">
      <dt className="text-ink-2">{name}</dt>
      <dd className="break-words">{children}</dd>
    </div>
  );
}
