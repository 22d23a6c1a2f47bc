"""What the engine has decided and people have done, read from their files as it changes."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from guardian.adapters.embedded.desk_file import desk_path
from guardian.adapters.embedded.history.folder import HistoryFolder, replace_file
from guardian.adapters.embedded.history.parquet import write_rows
from guardian.adapters.history import tables
from guardian.adapters.history.rows import (
    Row,
    alert_row,
    code_row,
    incident_row,
    metric_row,
    quarantine_row,
    score_row,
)
from guardian.alerts.handling import Handling, Resolution
from guardian.alerts.model import Alert, Workflow
from guardian.detectors.warehouse.code_registry import CODES
from guardian.engine.plan import HistoryRow
from guardian.engine.watermark import Watermark
from guardian.events.catalogue import Catalogue
from guardian.events.model import Rejected
from guardian.events.topics import THREAT_SCORES

PAGE: Final = 10_000
"""Rows of each kind taken at a time."""
KEPT_EVERY_MS: Final = 3_600_000
"""Codes and scores have no order of changes, so what has changed lately is taken again every hour."""

_BUSY_S: Final = 10.0

_decode_alert = msgspec.json.Decoder(Alert).decode


class Cursor(msgspec.Struct):
    """Up to where everything has been taken. round: how often. kept_at: event time as of which codes and
    scores have been. counters: sums that have been told."""

    round: int = 0
    alerts: int = 0
    handling: int = 0
    quarantine: int = 0
    kept_at: int = 0
    counters: dict[str, int] = {}


class Follower:
    """Takes what has changed since the last round and writes it as Parquet.

    A round's files are named by its number, and the cursor moves when they are there: one that was killed
    is done again, and takes the place of what it had written.
    """

    def __init__(
        self, folder: HistoryFolder, store: Path, site: str, zone: tzinfo, catalogue: Catalogue
    ) -> None:
        """store: the engine's file; the desk's is beside it, or not."""
        self._folder = folder
        self._store = store
        self._site = site
        self._zone = zone
        self._catalogue = catalogue
        self._path = folder.path / "followed.json"
        self.cursor = self._read()

    def follow(self, *, last: bool = False) -> None:
        """Takes all there is. last: codes and scores too, whenever they were taken."""
        while self._round(last=last):
            last = False

    def _round(self, *, last: bool) -> bool:
        """One page of each kind; True if there may be more. Raises sqlite3.Error."""
        before = self.cursor
        cursor = msgspec.structs.replace(before, round=before.round + 1, counters=dict(before.counters))
        rows: dict[str, list[Row]] = defaultdict(list)
        if not self._store.exists():
            return False
        with closing(_open(self._store)) as db:
            db.execute("BEGIN")
            mark = _newest(db)
            rows[tables.ALERTS] += self._alerts(db, cursor)
            rows[tables.QUARANTINE] += self._quarantine(db, cursor, mark)
            rows[tables.METRICS] += self._metrics(db, cursor, mark)
            if last or mark - cursor.kept_at >= KEPT_EVERY_MS:
                rows[tables.CODES] += [code_row(row, self._site) for row in _kept(db, CODES, cursor)]
                rows[tables.SCORES] += [
                    score_row(row, self._site) for row in _kept(db, THREAT_SCORES, cursor)
                ]
                cursor.kept_at = mark
            if desk_path(self._store).exists():
                rows[tables.INCIDENTS] += self._incidents(db, cursor)
        if cursor.counters == before.counters and not any(rows.values()):
            return False
        name = f"r{cursor.round:010}"
        for stale in self._folder.data.glob(f"*/*/{name}.parquet"):
            stale.unlink()
        for table, of_table in rows.items():
            write_rows(self._folder, tables.TABLES[table], name, of_table)
        replace_file(self._path, msgspec.json.encode(cursor))
        self.cursor = cursor
        return any(len(rows[table]) >= PAGE for table in (tables.ALERTS, tables.INCIDENTS, tables.QUARANTINE))

    def _alerts(self, db: sqlite3.Connection, cursor: Cursor) -> Iterator[Row]:
        found = db.execute(
            "SELECT doc, revision, changed FROM alerts WHERE changed > ? ORDER BY changed LIMIT ?",
            (cursor.alerts, PAGE),
        )
        for doc, revision, cursor.alerts in found:
            yield alert_row(_decode_alert(doc), revision, self._zone, self._catalogue)

    def _quarantine(self, db: sqlite3.Connection, cursor: Cursor, mark: int) -> Iterator[Row]:
        found = db.execute(
            "SELECT number, topic, field, reason, source, position, raw FROM quarantine"
            " WHERE number > ? ORDER BY number LIMIT ?",
            (cursor.quarantine, PAGE),
        )
        for cursor.quarantine, *record in found:
            yield quarantine_row(cursor.quarantine, Rejected(*record), mark, self._site)

    def _metrics(self, db: sqlite3.Connection, cursor: Cursor, mark: int) -> Iterator[Row]:
        for name, value in db.execute("SELECT name, value FROM counters ORDER BY name"):
            if more := value - cursor.counters.get(name, 0):
                cursor.counters[name] = value
                yield metric_row(cursor.round, name, more, mark, self._site)

    def _incidents(self, db: sqlite3.Connection, cursor: Cursor) -> Iterator[Row]:
        db.execute("COMMIT")
        db.execute("ATTACH DATABASE ? AS desk", (_uri(desk_path(self._store)),))
        found = db.execute(
            "SELECT a.doc, h.workflow, h.resolution, h.assignee, h.changed_by, h.changed_at, h.revision,"
            " h.changed FROM desk.handling AS h JOIN alerts AS a USING (alert_id)"
            " WHERE h.changed > ? ORDER BY h.changed LIMIT ?",
            (cursor.handling, PAGE),
        )
        for doc, workflow, resolution, assignee, by, at, revision, cursor.handling in found:
            handling = Handling(
                workflow=Workflow(workflow),
                resolution=Resolution(resolution),
                assignee=assignee,
                changed_by=by,
                changed_at=at,
                revision=revision,
            )
            yield incident_row(_decode_alert(doc), handling, self._catalogue)

    def _read(self) -> Cursor:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Cursor)
        except FileNotFoundError:
            return Cursor()


def _kept(db: sqlite3.Connection, kind: str, cursor: Cursor) -> Iterator[HistoryRow]:
    found = db.execute(
        "SELECT id, time, row FROM history WHERE kind = ? AND time >= ?",
        (kind, cursor.kept_at - KEPT_EVERY_MS),
    )
    for row_id, time, row in found:
        yield HistoryRow(kind, row_id, time, msgspec.json.decode(row))


def _newest(db: sqlite3.Connection) -> int:
    """The newest event time, epoch ms; 0 before the first event."""
    row = db.execute("SELECT value FROM meta WHERE name = 'watermark'").fetchone()
    return 0 if row is None else max(0, msgspec.msgpack.decode(row[0], type=Watermark).newest)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(_uri(path), uri=True, timeout=_BUSY_S, isolation_level=None)


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}?mode=ro"
