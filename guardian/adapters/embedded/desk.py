"""The desk of the embedded product: alerts from the engine's file, people's work in a file beside it."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from guardian.adapters.cursors import read_cursor, write_cursor
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.alerts.handling import UNTOUCHED, Handling, HandlingChange, Resolution, apply
from guardian.alerts.model import Alert, Severity, Workflow
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
)

_HANDLING: Final = "h.workflow, h.resolution, h.assignee, h.note, h.changed_by, h.changed_at, h.revision"
_SELECT: Final = f"SELECT a.doc, {_HANDLING}"
_FROM: Final = " FROM engine.alerts AS a LEFT JOIN handling AS h ON h.alert_id = a.alert_id"
_RANK: Final = f"CASE a.severity {' '.join(f'WHEN {s.value!r} THEN {n}' for n, s in enumerate(Severity))} END"
_OPEN: Final = "coalesce(h.workflow, 'open') = 'open' AND a.status <> 'cleared'"

_PUT: Final = """INSERT INTO handling
        (alert_id, site, workflow, resolution, assignee, note, changed_by, changed_at, revision, changed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM handling))
    ON CONFLICT (alert_id) DO UPDATE SET
        workflow = excluded.workflow, resolution = excluded.resolution, assignee = excluded.assignee,
        note = excluded.note, changed_by = excluded.changed_by, changed_at = excluded.changed_at,
        revision = excluded.revision, changed = excluded.changed"""
_RECORD: Final = "INSERT INTO audit (at, by, site, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)"
_LATEST: Final = """SELECT (SELECT coalesce(max(changed), 0) FROM engine.alerts),
    (SELECT coalesce(max(changed), 0) FROM handling)"""

_decode_alert = msgspec.json.Decoder(Alert).decode
_encode = msgspec.json.Encoder().encode


class SqliteDesk:
    """An `AlertDesk` over two SQLite files. For many threads."""

    def __init__(self, file: DeskFile) -> None:
        """file: the caller's, who closes it."""
        self._file = file
        file.db.create_function("holds", 3, _holds, deterministic=True)
        file.db.create_function("at_place", 2, _at_place, deterministic=True)

    def find(self, query: AlertQuery) -> AlertPage:
        """A page; see the port."""
        where, values = _conditions(query)
        by_severity = query.order is Order.SEVERITY
        after = read_cursor(query.cursor, query.order.value, (int, int, str))
        if after is not None:
            columns = f"({_RANK}, a.event_time, a.alert_id)" if by_severity else "(a.event_time, a.alert_id)"
            where.append(f"{columns} < ({', '.join('?' * (3 if by_severity else 2))})")
            values += after if by_severity else after[1:]
        limit = min(query.limit, MOST_ITEMS)
        order = f"{_RANK} DESC, " if by_severity else ""
        # Only the documents of the page are read, unless their text is asked for.
        sql = f"SELECT a.alert_id {_FROM} WHERE {' AND '.join(where)}"
        sql += f" ORDER BY {order}a.event_time DESC, a.alert_id DESC LIMIT ?"
        with self._file.reading() as db:
            ids = [row[0] for row in db.execute(sql, (*values, limit + 1))]
            items = _items(db, ids[:limit])
            sites, named = _of_sites(query.sites)
            (open_,) = db.execute(f"SELECT count(*) {_FROM} WHERE {sites} AND {_OPEN}", named).fetchone()
        cursor = _cursor(query.order, items[-1].alert) if len(ids) > limit else ""
        return AlertPage(items, cursor, open_)

    def get(self, site: str | None, alert_id: str) -> AlertWithHandling:
        """One alert. Raises NotFoundError."""
        with self._file.reading() as db:
            return _one(db, site, alert_id)

    def change(
        self, site: str, alert_id: str, revision: int, change: HandlingChange, by: str, at: int
    ) -> AlertWithHandling:
        """Does it, with a row in the audit, or nothing of both; see the port."""
        with self._file.writing(engine=True) as db:
            before = _one(db, site, alert_id)
            if before.handling.revision != revision:
                raise StaleError(before)
            handling = apply(before.handling, change, by, at)
            db.execute(
                _PUT,
                (
                    alert_id,
                    site,
                    handling.workflow.value,
                    handling.resolution.value,
                    handling.assignee,
                    handling.note,
                    handling.changed_by,
                    handling.changed_at,
                    handling.revision,
                ),
            )
            detail = {"before": before.handling, "after": handling}
            row = (at, by, site, f"alert.{change.action.value}", alert_id, _encode(detail).decode())
            db.execute(_RECORD, row)
        return AlertWithHandling(before.alert, handling)

    def history(self, site: str, alert_id: str) -> list[AuditEntry]:
        """What people did with an alert, in order."""
        with self._file.reading() as db:
            _one(db, site, alert_id)
            rows = db.execute(
                "SELECT * FROM audit WHERE subject = ? AND site = ? AND action LIKE 'alert.%'"
                " ORDER BY number LIMIT 1000",
                (alert_id, site),
            )
            return [_entry(row) for row in rows]

    def audit(self, sites: tuple[str, ...] | None, limit: int, cursor: str) -> tuple[list[AuditEntry], str]:
        """What people did, the latest first; see the port."""
        after = read_cursor(cursor, "audit", (int,))
        where, values = ["1"], list[Any]()
        if sites is not None:
            where.append(f"site IN ({', '.join('?' * len(sites))})")
            values += sites
        if after is not None:
            where.append("number < ?")
            values += after
        limit = min(limit, MOST_ITEMS)
        sql = f"SELECT * FROM audit WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"  # noqa: S608
        with self._file.reading(engine=False) as db:
            rows = db.execute(sql, (*values, limit + 1)).fetchall()
        entries = [_entry(row) for row in rows[:limit]]
        return entries, write_cursor("audit", (rows[limit - 1][0],)) if len(rows) > limit else ""

    def record(self, entry: AuditEntry) -> None:
        """Adds a row to the audit."""
        with self._file.writing() as db:
            record(db, entry)

    def changes(self, after: str, sites: tuple[str, ...] | None, limit: int) -> Changes:
        """What has changed since a cursor; see the port. Machine and people number theirs apart."""
        engine, people = _change_numbers(after)
        half = max(1, limit // 2)
        wanted, named = _of_sites(sites)
        items: dict[str, AlertWithHandling] = {}
        with self._file.reading() as db:
            latest = db.execute(_LATEST).fetchone()
            if engine > latest[0] or people > latest[1]:
                raise CursorError("the cursor is of another store")
            reached = []
            for table, since, end in (("a", engine, latest[0]), ("h", people, latest[1])):
                sql = f"{_SELECT}, {table}.changed {_FROM} WHERE {table}.changed > ? AND {wanted}"
                sql += f" ORDER BY {table}.changed LIMIT ?"
                rows = db.execute(sql, (since, *named, half)).fetchall()
                found = [_item(row[:-1]) for row in rows]
                items |= {item.alert.alert_id: item for item in found}
                reached.append(rows[-1][-1] if len(rows) == half else end)
        return Changes(list(items.values()), f"{reached[0]}.{reached[1]}")

    def latest_change(self) -> str:
        """The cursor behind everything there is."""
        with self._file.reading() as db:
            engine, people = db.execute(_LATEST).fetchone()
        return f"{engine}.{people}"

    def sites(self) -> list[str]:
        """Every site that has alerts."""
        with self._file.reading() as db:
            return [row[0] for row in db.execute("SELECT DISTINCT site FROM engine.alerts ORDER BY site")]

    def reachable(self) -> None:
        """Raises StoreUnavailableError."""
        with self._file.reading() as db:
            db.execute(_LATEST).fetchone()

    def close(self) -> None:
        """Nothing: the file is the caller's."""


def record(db: sqlite3.Connection, entry: AuditEntry) -> None:
    """Adds a row to the audit, in a transaction that is under way."""
    detail = _encode(entry.detail).decode()
    db.execute(_RECORD, (entry.at, entry.by, entry.site, entry.action, entry.subject, detail))


def _conditions(query: AlertQuery) -> tuple[list[str], list[Any]]:
    sites, named = _of_sites(query.sites)
    where: list[str] = [sites]
    values: list[Any] = [*named]
    for column, wanted in (
        ("a.severity", query.severities),
        ("a.type", query.types),
        ("a.status", query.statuses),
        ("coalesce(h.workflow, 'open')", query.workflows),
    ):
        if wanted:
            where.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values += map(str, wanted)
    if query.assignee is not None:
        where.append("coalesce(h.assignee, '') = ?")
        values.append(query.assignee)
    if query.place:
        where.append("at_place(?, a.doc)")
        values.append(query.place)
    if query.since is not None:
        where.append("a.event_time >= ?")
        values.append(query.since)
    if query.until is not None:
        where.append("a.event_time < ?")
        values.append(query.until)
    if query.text:
        where.append("holds(?, json_extract(a.doc, '$.narrative'), json_extract(a.doc, '$.subject.id'))")
        values.append(query.text.casefold())
    return where, values


def _of_sites(sites: tuple[str, ...] | None) -> tuple[str, tuple[str, ...]]:
    """A condition on `a.site`, and its values."""
    if sites is None:
        return "1", ()
    return f"a.site IN ({', '.join('?' * len(sites))})", sites


def _holds(text: str, narrative: str, subject: str) -> bool:
    return text in narrative.casefold() or text in subject.casefold()


def _at_place(place: str, document: str) -> bool:
    return is_at(_decode_alert(document), place)


def _one(db: sqlite3.Connection, site: str | None, alert_id: str) -> AlertWithHandling:
    sql = f"{_SELECT} {_FROM} WHERE a.alert_id = ? AND (? IS NULL OR a.site = ?)"
    row = db.execute(sql, (alert_id, site, site)).fetchone()
    if row is None:
        raise NotFoundError("no such alert")
    return _item(row)


def _items(db: sqlite3.Connection, ids: list[str]) -> list[AlertWithHandling]:
    """These alerts, all there, in this order."""
    sql = f"{_SELECT} {_FROM} WHERE a.alert_id IN ({', '.join('?' * len(ids))})"
    found = {item.alert.alert_id: item for item in map(_item, db.execute(sql, ids))}
    return [found[alert_id] for alert_id in ids]


def _item(row: tuple[Any, ...]) -> AlertWithHandling:
    doc, workflow, *rest = row
    if workflow is None:
        return AlertWithHandling(_decode_alert(doc), UNTOUCHED)
    resolution, assignee, note, changed_by, changed_at, revision = rest
    handling = Handling(
        workflow=Workflow(workflow),
        resolution=Resolution(resolution),
        assignee=assignee,
        note=note,
        changed_by=changed_by,
        changed_at=changed_at,
        revision=revision,
    )
    return AlertWithHandling(_decode_alert(doc), handling)


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    number, at, by, site, action, subject, detail = row
    return AuditEntry(
        id=str(number),
        at=at,
        by=by,
        site=site,
        action=action,
        subject=subject,
        detail=msgspec.json.decode(detail),
    )


def _cursor(order: Order, alert: Alert) -> str:
    rank = list(Severity).index(alert.severity)
    return write_cursor(order.value, (rank, alert.event_time, alert.alert_id))


def _change_numbers(cursor: str) -> tuple[int, int]:
    engine, _, people = cursor.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in (engine, people)):
        raise CursorError("no cursor of ours")
    return int(engine), int(people)
