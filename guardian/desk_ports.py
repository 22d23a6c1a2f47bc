"""What the people's side asks of the world: alerts with what was done about them, users, sessions, the log.

Adapters implement these over the embedded product's files and over Firestore.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from guardian.alerts.handling import Handling, HandlingChange
from guardian.alerts.model import Alert, Severity, Status, Workflow
from guardian.engine.plan import HistoryRow

ALL_SITES = "*"
"""In a user's sites: every one."""

MOST_ITEMS = 500
"""Alerts on one page at most."""


class NotFoundError(Exception):
    """There is no such thing, or not at this site."""


class StaleError(Exception):
    """Somebody else has changed it since it was read. current: what it is now."""

    def __init__(self, current: AlertWithHandling) -> None:
        super().__init__(f"now at revision {current.handling.revision}")
        self.current = current


class CursorError(ValueError):
    """A cursor that no page has given out."""


class StoreUnavailableError(Exception):
    """The store does not answer, or is not there yet. Says which, and shows nothing of it."""


class Order(StrEnum):
    """How alerts are listed: by event time, or by severity and then event time; the newest first."""

    NEWEST = "newest"
    SEVERITY = "severity"


class AlertQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts. An empty tuple or None means any.

    sites: those the asker may see; None: all. since, until: event time, epoch milliseconds, the first
    included, the second not. place: a station or location and everything in it (`guardian.alerts.place`).
    text: words that narrative or subject contain, in any case. cursor: from the
    page before.
    """

    sites: tuple[str, ...] | None = None
    severities: tuple[Severity, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[Status, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    place: str = ""
    assignee: str | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    order: Order = Order.NEWEST
    limit: int = 50
    cursor: str = ""


class AlertWithHandling(msgspec.Struct, frozen=True):
    """An alert, and where people stand with it. narrative_by: who wrote the narrative, if not a template."""

    alert: Alert
    handling: Handling
    narrative_by: dict[str, str] | None = None


class AlertPage(msgspec.Struct, frozen=True):
    """next_cursor: empty on the last page.

    total_open: alerts of these sites, whatever else is asked, that nobody has taken up and the machine has
    not cleared.
    """

    items: list[AlertWithHandling]
    next_cursor: str
    total_open: int


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person did. at: epoch milliseconds. by: user id. site: empty for what has none.

    action: "alert.resolve", "user.create", … subject: the alert or user it was done to. detail: plain JSON.
    """

    id: str
    at: int
    by: str
    site: str
    action: str
    subject: str
    detail: dict[str, Any]


class Changes(msgspec.Struct, frozen=True):
    """cursor: where to go on. items: what has changed, each once, as it is now."""

    items: list[AlertWithHandling]
    cursor: str


class AlertDesk(Protocol):
    """Alerts and what people do with them. Every method may raise StoreUnavailableError."""

    def find(self, query: AlertQuery) -> AlertPage:
        """A page. Walking all pages gives every alert that was there once, in order. Raises CursorError.

        In the order of severity, one that rises or falls meanwhile may be met twice or not at all.
        """

    def get(self, site: str | None, alert_id: str) -> AlertWithHandling:
        """One alert, of this site or, with None, of any. Raises NotFoundError."""

    def change(
        self, site: str, alert_id: str, revision: int, change: HandlingChange, by: str, at: int
    ) -> AlertWithHandling:
        """Does it, with a row in the audit, or nothing of both.

        revision: that of the handling which the person has seen.
        Raises StaleError, NotFoundError, RefusedChangeError.
        """

    def history(self, site: str, alert_id: str) -> list[AuditEntry]:
        """What people did with an alert, in order."""

    def audit(self, sites: tuple[str, ...] | None, limit: int, cursor: str) -> tuple[list[AuditEntry], str]:
        """What people did, the latest first, and the cursor of the next page or nothing. Raises CursorError.

        What belongs to no site is shown to those who may see all sites.
        """

    def record(self, entry: AuditEntry) -> None:
        """Adds a row to the audit; its id is given by the store."""

    def changes(self, after: str, sites: tuple[str, ...] | None, limit: int) -> Changes:
        """What has changed since a cursor, in order, by people or by the machine. Raises CursorError.

        Nothing that is committed is passed over. One that has changed several times may come once, and one
        that has come may come again. Nothing new: the same cursor, or a later one.
        """

    def latest_change(self) -> str:
        """The cursor behind everything there is."""

    def sites(self) -> list[str]:
        """Every site that has alerts."""

    def reachable(self) -> None:
        """Raises StoreUnavailableError."""

    def close(self) -> None:
        """Releases everything."""


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event as it came. value: as JSON."""

    topic: str
    event_id: str
    event_time: int
    value: msgspec.Raw


class EventLog(Protocol):
    """Events as they came, kept for a while."""

    def around(self, alert: Alert, before_ms: int, after_ms: int, limit: int) -> list[LoggedEvent]:
        """Events of what an alert is about, from so long before its start until so long after its end.

        Those its evidence cites come first if there are more than `limit`. In order of event time.
        """


class Role(StrEnum):
    """What a user may do; each may do what the ones before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ANALYST = "analyst"
    ADMIN = "admin"


_RANK = {role: rank for rank, role in enumerate(Role)}


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may use the product. sites: where; ALL_SITES for everywhere."""

    id: str
    name: str
    role: Role
    sites: tuple[str, ...]
    tenant: str = ""

    def may(self, role: Role) -> bool:
        """Whether this user may do what that role may."""
        return _RANK[self.role] >= _RANK[role]

    def sees(self, site: str) -> bool:
        """Whether this site is one of the user's."""
        return ALL_SITES in self.sites or site in self.sites

    @property
    def scope(self) -> tuple[str, ...] | None:
        """The sites to look in; None: all."""
        return None if ALL_SITES in self.sites else self.sites


class Progress(msgspec.Struct, frozen=True):
    """How far the machine is at a site. watermark: event time, epoch ms; None: nothing is known.

    counters: sums of everything counted ("events.pos-transactions"); empty where nobody tells.
    """

    watermark: int | None
    counters: dict[str, int]


class Rows(Protocol):
    """What the machine keeps besides alerts, for those who look: history rows by kind, and its progress.

    Every method may raise StoreUnavailableError. A site nobody knows has no rows.
    """

    def sites(self) -> list[str]:
        """Every site there is, in order."""

    def get(self, site: str, kind: str, row_id: str) -> HistoryRow | None:
        """One row, or None."""

    def page(self, site: str, kind: str, *, prefix: str, after: str, limit: int) -> list[HistoryRow]:
        """At most `limit` rows by id: those whose ids begin with `prefix` and come after `after`."""

    def newest(self, site: str, kind: str, limit: int) -> list[HistoryRow]:
        """At most `limit` rows, those of the latest time first."""

    def progress(self, site: str) -> Progress:
        """How far the machine is."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person has asked for and that takes a while. Times are epoch ms, 0 for not yet.

    by: user id. sites: what it looks at. result: plain JSON once it is done; when it failed, `reason`.
    """

    id: str
    kind: str
    by: str
    sites: tuple[str, ...]
    asked_at: int
    state: JobState = JobState.QUEUED
    ended_at: int = 0
    result: dict[str, Any] = {}


class Jobs(Protocol):
    """Keeps jobs and their results. Every method may raise StoreUnavailableError."""

    def put(self, job: Job) -> None:
        """Adds the job, or replaces what was known of it."""

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""


class ReportInfo(msgspec.Struct, frozen=True):
    """A report there is. days: how much time it is usually about."""

    name: str
    title: str
    description: str
    days: int


class ReportTable(msgspec.Struct, frozen=True, kw_only=True):
    """What a report gave. site: None for all. since, until: ISO-8601, the second not included.

    rows: by column; texts, numbers and null, times and dates as ISO-8601.
    """

    name: str
    title: str
    description: str
    site: str | None
    since: str
    until: str
    columns: tuple[str, ...]
    rows: list[list[str | int | float | bool | None]]


class Reports(Protocol):
    """Reports over history."""

    def list(self) -> list[ReportInfo]:
        """Every report there is, by name."""

    def run(self, name: str, site: str | None, since: datetime, until: datetime) -> ReportTable:
        """One of them, for a site or, with None, for all. Raises NotFoundError, StoreUnavailableError."""
