"""Events as they came, kept for a while in a file of their own: what happened around an alert."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog

from guardian.adapters.event_keys import cited_by, keys_of, keys_of_alert
from guardian.alerts.model import Alert
from guardian.desk_ports import LoggedEvent, StoreUnavailableError
from guardian.events.model import Event

LARGEST: Final = 100_000
"""Bytes in the largest event that is kept."""

KEPT_MS: Final = 7 * 86_400_000
KEPT_BYTES: Final = 1 << 30
TRIM_EVERY_S: Final = 30.0
_TRIM_ROWS: Final = 20_000
_PAGE: Final = 4_096
_BUSY_S: Final = 5.0

_SCHEMA: Final = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    f"PRAGMA page_size = {_PAGE}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    """CREATE TABLE IF NOT EXISTS events (
        number INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        topic TEXT NOT NULL,
        ref TEXT NOT NULL,
        value BLOB NOT NULL
    )""",
    "CREATE UNIQUE INDEX IF NOT EXISTS events_by_ref ON events (ref, topic)",
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (time)",
    """CREATE TABLE IF NOT EXISTS event_keys (
        key TEXT NOT NULL,
        time INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (key, time, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS event_keys_by_number ON event_keys (number)",
)

log = structlog.get_logger()


def event_log_path(store: Path) -> Path:
    """The log's file for the engine's: guardian.events.db beside guardian.db."""
    return store.with_name(f"{store.stem}.events{store.suffix}")


class EventLogWriter:
    """Appends what has been committed. One thread's business.

    It never stops the engine: what cannot be written is counted in `lost`, and told in the log once.
    """

    def __init__(self, path: Path, *, kept_ms: int = KEPT_MS, kept_bytes: int = KEPT_BYTES) -> None:
        """kept_ms: events older than that, behind the newest, are dropped. kept_bytes: of the whole file."""
        path.touch(0o600)
        self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._kept_ms = kept_ms
        self._kept_pages = max(16, kept_bytes // _PAGE)
        self._trimmed = monotonic()
        self._newest = 0
        self.lost = 0

    def append(self, events: Sequence[Event]) -> None:
        """Keeps these events; those that are there already are left as they are."""
        if not events:
            return
        try:
            self._append(events)
            if monotonic() - self._trimmed >= TRIM_EVERY_S:
                self._trimmed = monotonic()
                self.trim()
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if not self.lost:
                log.error("event_log_not_written", error=type(error).__name__)
            self.lost += len(events)

    def trim(self) -> None:
        """Drops what is too old and, if the file is still too large, the oldest; some at a time."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        before = self._newest - self._kept_ms
        full = pages - free > self._kept_pages
        self._db.execute("BEGIN IMMEDIATE")
        condition = "1" if full else "time < ?"
        rows = self._db.execute(
            f"SELECT number FROM events WHERE {condition} ORDER BY time LIMIT ?",  # noqa: S608
            ((_TRIM_ROWS,) if full else (before, _TRIM_ROWS)),
        ).fetchall()
        self._db.executemany("DELETE FROM event_keys WHERE number = ?", rows)
        self._db.executemany("DELETE FROM events WHERE number = ?", rows)
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA incremental_vacuum").fetchall()

    def close(self) -> None:
        """Releases the file."""
        self._db.close()

    def _append(self, events: Sequence[Event]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        for event in events:
            if len(event.raw) > LARGEST:
                self.lost += 1
                continue
            done = self._db.execute(
                "INSERT INTO events (time, topic, ref, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (event.time, event.topic, event.ref, event.raw),
            )
            if done.rowcount:
                self._newest = max(self._newest, event.time)
                rows = [(key, event.time, done.lastrowid) for key in keys_of(event.value)]
                self._db.executemany("INSERT INTO event_keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
        self._db.execute("COMMIT")


class SqliteEventLog:
    """An `EventLog` over that file, which another process writes. For many threads."""

    def __init__(self, path: Path) -> None:
        """path: need not be there (yet): then nothing happened around anything."""
        self._path = path.absolute()

    def around(self, alert: Alert, before_ms: int, after_ms: int, limit: int) -> list[LoggedEvent]:
        """Events of what an alert is about; see the port."""
        if not self._path.exists():
            return []
        since, until = alert.started_at - before_ms, alert.ended_at + after_ms
        cited = cited_by(alert)
        try:
            with closing(
                sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=_BUSY_S)
            ) as db:
                found = dict(_cited(db, cited, since, until))
                for key in sorted(keys_of_alert(alert)):
                    if len(found) >= limit:
                        break
                    found |= dict(_by_key(db, key, since, until, limit))
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the event log: {type(error).__name__}") from error
        kept = list(found.values())[:limit]
        return sorted(kept, key=lambda event: (event.event_time, event.topic, event.event_id))


def _cited(
    db: sqlite3.Connection, refs: Iterable[str], since: int, until: int
) -> Iterator[tuple[int, LoggedEvent]]:
    # In event time too: without ids of its own, a producer's records are named by their place.
    for ref in refs:
        yield from _rows(
            db.execute(
                "SELECT number, topic, ref, time, value FROM events WHERE ref = ? AND time BETWEEN ? AND ?",
                (ref, since, until),
            )
        )


def _by_key(
    db: sqlite3.Connection, key: str, since: int, until: int, limit: int
) -> Iterator[tuple[int, LoggedEvent]]:
    yield from _rows(
        db.execute(
            "SELECT number, topic, ref, e.time, value FROM event_keys AS k JOIN events AS e USING (number)"
            " WHERE k.key = ? AND k.time BETWEEN ? AND ? ORDER BY k.time LIMIT ?",
            (key, since, until, limit),
        )
    )


def _rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, LoggedEvent]]:
    for number, topic, ref, time, value in rows:
        yield number, LoggedEvent(topic, ref, time, msgspec.Raw(value))
