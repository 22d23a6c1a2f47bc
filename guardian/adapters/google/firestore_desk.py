"""The desk of the cloud shape: alerts and people's work in the same documents, `sites/{site}/alerts/{id}`.

Every site is asked for itself and the answers are merged: no index spans sites, and neither does a mistake.
What people did is in `sites/{site}/audit`, written with the change itself.
"""

from __future__ import annotations

import heapq
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import msgspec
from google.api_core.exceptions import FailedPrecondition, GoogleAPICallError, NotFound, RetryError
from google.cloud.firestore import (
    SERVER_TIMESTAMP,
    Client,
    CollectionReference,
    DocumentReference,
    DocumentSnapshot,
    FieldFilter,
    Query,
)

from guardian.adapters.cursors import read_cursor, write_cursor
from guardian.adapters.google.firestore_documents import (
    CHANGED,
    NARRATIVE_BY,
    Fields,
    document_id,
    handling_fields,
    stored_alert,
    stored_handling,
)
from guardian.alerts.handling import HandlingChange, apply
from guardian.alerts.model import Severity, Status, Workflow
from guardian.alerts.place import is_at
from guardian.desk_ports import (
    MOST_ITEMS,
    AlertPage,
    AlertQuery,
    AlertWithHandling,
    AuditEntry,
    Changes,
    CursorError,
    NotFoundError,
    Order,
    StaleError,
    StoreUnavailableError,
)

TIMEOUT_S: Final = 20.0
"""Seconds after which a request is given up."""
ATTEMPTS: Final = 8
"""Times a change is tried again because the machine has written to the same document."""
MOST_SCANNED: Final = 2_000
"""Alerts looked at for one page, where not every filter can be asked of the server. The next page goes on."""
MOST_DISJUNCTIONS: Final = 30
"""Combinations of values that one query may ask for: Firestore's limit."""
OVERLAP: Final = timedelta(seconds=5)
"""The server's time in a document is when the write came in, not when it was there to be seen. So changes are
read from a little before the cursor, and those come again."""
MOST_HISTORY: Final = 1_000

_OPEN_STATUSES: Final = [Status.SUSPECTED.value, Status.CONFIRMED.value]


class FirestoreDesk:
    """An `AlertDesk` over a Firestore database. The client is the caller's. For many threads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, query: AlertQuery) -> AlertPage:
        """A page; see the port. A page may be short, or empty, and still not be the last."""
        after = read_cursor(query.cursor, query.order.value, (int, int, str))
        limit = min(query.limit, MOST_ITEMS)
        items: list[AlertWithHandling] = []
        with _unavailable():
            sites = self._sites(query.sites)
            last: tuple[int, int, str] | None = None
            more = False
            for scanned, (place, item) in enumerate(self._walk(sites, query, after, limit)):
                if len(items) == limit or scanned == MOST_SCANNED:
                    more = True
                    break
                last = place
                if _matches(item, query):
                    items.append(item)
            total = sum(self._open_at(site) for site in sites)
        cursor = write_cursor(query.order.value, last) if more and last is not None else ""
        return AlertPage(items, cursor, total)

    def get(self, site: str | None, alert_id: str) -> AlertWithHandling:
        """One alert. Raises NotFoundError."""
        with _unavailable():
            sites = self._sites(None if site is None else (site,))
            places = [self._alerts(one).document(document_id(alert_id)) for one in sites]
            for found in self._client.get_all(places, timeout=TIMEOUT_S):
                if found.exists:
                    return _item(found)
        raise NotFoundError("no such alert")

    def change(
        self, site: str, alert_id: str, revision: int, change: HandlingChange, by: str, at: int
    ) -> AlertWithHandling:
        """Does it, with a row in the audit, or nothing of both; see the port."""
        document = self._alerts(self._site(site)).document(document_id(alert_id))
        for _ in range(ATTEMPTS):
            with _unavailable():
                found = document.get(timeout=TIMEOUT_S)
            if not found.exists:
                raise NotFoundError("no such alert")
            before = _item(found)
            if before.handling.revision != revision:
                raise StaleError(before)
            handling = apply(before.handling, change, by, at)
            entry = AuditEntry(
                id="",
                at=at,
                by=by,
                site=site,
                action=f"alert.{change.action.value}",
                subject=alert_id,
                detail={"before": before.handling, "after": handling},
            )
            batch = self._client.batch()
            unchanged = self._client.write_option(last_update_time=found.update_time)
            batch.update(document, {**handling_fields(handling), CHANGED: SERVER_TIMESTAMP}, option=unchanged)
            batch.create(*self._audit_row(entry))
            try:
                with _unavailable():
                    batch.commit(timeout=TIMEOUT_S)
                return msgspec.structs.replace(before, handling=handling)
            except (FailedPrecondition, NotFound):
                continue  # the machine has written, or somebody else: look again
        raise StoreUnavailableError("the alert keeps changing")

    def history(self, site: str, alert_id: str) -> list[AuditEntry]:
        """What people did with an alert, in order."""
        self.get(site, alert_id)
        asked = self._audit(site).where(filter=FieldFilter("subject", "==", alert_id)).limit(MOST_HISTORY)
        with _unavailable():
            entries = [_entry(found) for found in asked.stream(timeout=TIMEOUT_S)]
        entries = [entry for entry in entries if entry.action.startswith("alert.")]
        return sorted(entries, key=lambda entry: entry.detail["after"]["revision"])

    def audit(self, sites: tuple[str, ...] | None, limit: int, cursor: str) -> tuple[list[AuditEntry], str]:
        """What people did, the latest first; see the port. Between servers, as their clocks say."""
        after = read_cursor(cursor, "audit", (int,))
        limit = min(limit, MOST_ITEMS)
        with _unavailable():
            of = [site.collection("audit") for site in self._sites(sites)]
            if sites is None:
                of.append(self._client.collection("audit"))
            rows: list[Iterator[DocumentSnapshot[Any]]] = []
            for one in of:
                asked = one.order_by("number", direction=Query.DESCENDING).limit(limit + 1)
                if after is not None:
                    asked = asked.where(filter=FieldFilter("number", "<", after[0]))
                rows.append(iter(asked.stream(timeout=TIMEOUT_S)))
            merged = heapq.merge(*rows, key=lambda found: found.get("number"), reverse=True)
            found = list(islice(merged, limit + 1))
        entries = [_entry(one) for one in found[:limit]]
        more = len(found) > limit
        # A browser's numbers are no whole ones of that size.
        return entries, write_cursor("audit", (int(found[limit - 1].get("number")),)) if more else ""

    def record(self, entry: AuditEntry) -> None:
        """Adds a row to the audit."""
        document, fields = self._audit_row(entry)
        with _unavailable():
            document.create(fields, timeout=TIMEOUT_S)

    def changes(self, after: str, sites: tuple[str, ...] | None, limit: int) -> Changes:
        """What has changed since a cursor, and what had shortly before it; see the port."""
        place = read_cursor(after, "changes", (int, str, str))
        if place is None:
            raise CursorError("no cursor")
        with _unavailable():
            recent = [self._changed(site, place, limit) for site in self._sites(sites)]
            merged = heapq.merge(*recent, key=lambda one: one[0])
            found = list(islice(merged, limit))
            # What is a little older than the cursor: read again, for it may only now have become visible.
            again = [self._changed_before(site, place, limit) for site in self._sites(sites)]
            older = [item for part in again for item in part]
        cursor = write_cursor("changes", found[-1][0]) if found else after
        items = {item.alert.alert_id: item for item in (*older, *(item for _, item in found))}
        return Changes(list(items.values()), cursor)

    def latest_change(self) -> str:
        """The cursor behind everything there is."""
        last = (0, "", "")
        with _unavailable():
            for site in self._sites(None):
                newest = self._alerts(site).order_by(CHANGED, direction=Query.DESCENDING).limit(1)
                for found in newest.stream(timeout=TIMEOUT_S):
                    # Others may bear the same time, so no id: all of that time come again.
                    last = max(last, (_micros(found.get(CHANGED)), "", ""))
        return write_cursor("changes", last)

    def sites(self) -> list[str]:
        """Every site that has alerts."""
        names = set()
        with _unavailable():
            for site in self._sites(None):
                for found in self._alerts(site).limit(1).stream(timeout=TIMEOUT_S):
                    names.add(found.get("site"))
        return sorted(names)

    def reachable(self) -> None:
        """Raises StoreUnavailableError."""
        with _unavailable():
            list(self._client.collection("sites").limit(1).stream(timeout=TIMEOUT_S))

    def close(self) -> None:
        """Nothing: the client is the caller's."""

    # --- Places

    def _site(self, site: str) -> DocumentReference:
        document: DocumentReference = self._client.collection("sites").document(document_id(site))
        return document

    def _sites(self, names: tuple[str, ...] | None) -> list[DocumentReference]:
        """These sites, or all: also those whose own document does not exist, as it mostly does not."""
        if names is None:
            return list(self._client.collection("sites").list_documents(timeout=TIMEOUT_S))
        return [self._site(name) for name in names]

    @staticmethod
    def _alerts(site: DocumentReference) -> CollectionReference:
        alerts: CollectionReference = site.collection("alerts")
        return alerts

    def _audit(self, site: str) -> CollectionReference:
        """What belongs to no site is beside the sites."""
        of: Any = self._site(site) if site else self._client
        audit: CollectionReference = of.collection("audit")
        return audit

    def _audit_row(self, entry: AuditEntry) -> tuple[DocumentReference, Fields]:
        number = time.time_ns()
        fields = {
            "number": number,
            "at": entry.at,
            "by": entry.by,
            "site": entry.site,
            "action": entry.action,
            "subject": entry.subject,
            "detail": msgspec.json.encode(entry.detail).decode(),
        }
        return self._audit(entry.site).document(f"{number:020d}-{secrets.token_hex(4)}"), fields

    # --- Alerts in order

    def _walk(
        self,
        sites: Sequence[DocumentReference],
        query: AlertQuery,
        after: tuple[Any, ...] | None,
        size: int,
    ) -> Iterator[tuple[tuple[int, int, str], AlertWithHandling]]:
        """Alerts of all sites in the order asked for, each with its place in it, from behind `after`."""
        ladder: list[Severity | None] = [None]
        if query.order is Order.SEVERITY:
            ladder = [one for one in reversed(Severity) if one in (query.severities or Severity)]
        for severity in ladder:
            rank = 0 if severity is None else list(Severity).index(severity)
            behind: tuple[int, str] | None = None
            if after is not None:
                if severity is not None and rank > after[0]:
                    continue
                behind = (after[1], after[2]) if severity is None or rank == after[0] else None
            parts = [self._newest(site, query, severity, behind, size) for site in sites]
            merged = heapq.merge(*parts, key=lambda found: (found.get("event_time"), found.id), reverse=True)
            for found in merged:
                yield (rank, found.get("event_time"), found.id), _item(found)

    def _newest(
        self,
        site: DocumentReference,
        query: AlertQuery,
        severity: Severity | None,
        behind: tuple[int, str] | None,
        size: int,
    ) -> Iterator[DocumentSnapshot[Any]]:
        """One site's alerts, the newest first, `size` + 1 at a time."""
        alerts = self._alerts(site)
        asked: Query = alerts.order_by("event_time", direction=Query.DESCENDING).order_by(
            "__name__", direction=Query.DESCENDING
        )
        for one in _server_filters(query, severity):
            asked = asked.where(filter=one)
        if behind is not None:
            asked = asked.start_after({"event_time": behind[0], "__name__": alerts.document(behind[1])})
        while True:
            page = list(asked.limit(size + 1).stream(timeout=TIMEOUT_S))
            yield from page
            if len(page) <= size:
                return
            asked = asked.start_after(page[-1])

    def _open_at(self, site: DocumentReference) -> int:
        asked = self._alerts(site).where(filter=FieldFilter("workflow", "==", Workflow.OPEN.value))
        asked = asked.where(filter=FieldFilter("status", "in", _OPEN_STATUSES))
        count: Any = asked.count()
        ((counted,),) = count.get(timeout=TIMEOUT_S)
        return int(counted.value)

    # --- Changes in order

    def _changed(
        self, site: DocumentReference, place: tuple[Any, ...], limit: int
    ) -> Iterator[tuple[tuple[int, str, str], AlertWithHandling]]:
        """What has changed at a site behind a place, by time, site and id."""
        at, site_id, alert_id = place
        alerts = self._alerts(site)
        asked: Query = alerts.order_by(CHANGED).order_by("__name__").limit(limit)
        if site.id == site_id:
            asked = asked.start_after({CHANGED: _moment(at), "__name__": alerts.document(alert_id)})
        else:
            asked = asked.where(filter=FieldFilter(CHANGED, ">=" if site.id > site_id else ">", _moment(at)))
        for found in asked.stream(timeout=TIMEOUT_S):
            yield (_micros(found.get(CHANGED)), site.id, found.id), _item(found)

    def _changed_before(
        self, site: DocumentReference, place: tuple[Any, ...], limit: int
    ) -> list[AlertWithHandling]:
        """What bears a time shortly before a place, the latest `limit`."""
        at = _moment(place[0])
        asked = self._alerts(site).order_by(CHANGED, direction=Query.DESCENDING).limit(limit)
        asked = asked.where(filter=FieldFilter(CHANGED, ">=", at - OVERLAP))
        asked = asked.where(filter=FieldFilter(CHANGED, "<=", at))
        return [_item(found) for found in asked.stream(timeout=TIMEOUT_S)]


def _server_filters(query: AlertQuery, severity: Severity | None) -> Iterator[FieldFilter]:
    """What the server is asked for. The rest is looked at here (`_matches`)."""
    if query.since is not None:
        yield FieldFilter("event_time", ">=", query.since)
    if query.until is not None:
        yield FieldFilter("event_time", "<", query.until)
    if query.assignee is not None:
        yield FieldFilter("assignee", "==", query.assignee)
    severities = query.severities if severity is None else (severity,)
    combinations = 1
    for field, wanted in (
        ("severity", severities),
        ("workflow", query.workflows),
        ("status", query.statuses),
        ("type", query.types),
    ):
        values = sorted({str(one) for one in wanted})
        if values and combinations * len(values) <= MOST_DISJUNCTIONS:
            combinations *= len(values)
            yield (
                FieldFilter(field, "==", values[0]) if len(values) == 1 else FieldFilter(field, "in", values)
            )


def _matches(item: AlertWithHandling, query: AlertQuery) -> bool:
    alert, text = item.alert, query.text.casefold()
    return (
        (not query.severities or alert.severity in query.severities)
        and (not query.workflows or item.handling.workflow in query.workflows)
        and (not query.statuses or alert.status in query.statuses)
        and (not query.types or alert.type in query.types)
        and (not query.place or is_at(alert, query.place))
        and (not text or text in alert.narrative.casefold() or text in alert.subject.id.casefold())
    )


def _item(found: DocumentSnapshot[Any]) -> AlertWithHandling:
    fields = found.to_dict() or {}
    return AlertWithHandling(stored_alert(fields).alert, stored_handling(fields), fields.get(NARRATIVE_BY))


def _entry(found: DocumentSnapshot[Any]) -> AuditEntry:
    fields = found.to_dict() or {}
    detail = fields["detail"]  # of a browser's change as a map, which the security rules can look into
    return AuditEntry(
        id=found.id,
        at=fields["at"],
        by=fields["by"],
        site=fields["site"],
        action=fields["action"],
        subject=fields["subject"],
        detail=msgspec.json.decode(detail) if isinstance(detail, str) else detail,
    )


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        raise CursorError("no cursor of ours") from None


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turns what the server may do to us into our own error; what a writer has to look at stays."""
    try:
        yield
    except (FailedPrecondition, NotFound):
        raise
    except (GoogleAPICallError, RetryError) as error:
        raise StoreUnavailableError(f"Firestore: {type(error).__name__}") from error
