"""The state store of the embedded product: one SQLite file."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any

import msgspec
from msgspec.structs import astuple

from guardian.alerts.model import Alert, Workflow
from guardian.engine.plan import HistoryRow, Plan, StateRef
from guardian.engine.state import NEVER
from guardian.events.model import Rejected
from guardian.ports import Conflict, OutboxRow, StoredAlert, StoredState, outbox_id

MEMORY = ":memory:"

QUARANTINE_WHOLE = 16 * 1024 * 1024
"""Originals up to this many bytes are quarantined whole."""

QUARANTINE_KEPT = 1024 * 1024
"""How many bytes are kept of longer ones."""

APPLICATION_ID = int.from_bytes(b"BGrd", "big")

_BUSY_S = 10.0
_CHUNK = 16
_SWEEP_PAGE = 256
_HISTORY_PAGE = 256

# The state table has a rowid: rows lie in order of creation, so the keys of the day share pages and a
# commit rewrites few of them; a table clustered on (detector, key) took up to twice as long.
#
# sweep_at is why a write need not touch the expiry index, which would double its cost: it is `expires` as of
# the last time the sweep looked, never later than `expires`, and only the sweep moves it.
_SCHEMA_1 = (
    """CREATE TABLE state (
        detector TEXT NOT NULL,
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        wake INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        sweep_at INTEGER NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (detector, key)
    )""",
    f"CREATE INDEX state_by_wake ON state (wake) WHERE wake < {NEVER}",
    "CREATE INDEX state_by_sweep ON state (detector, sweep_at)",
    """CREATE TABLE alerts (
        alert_id TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        severity TEXT NOT NULL,
        status TEXT NOT NULL,
        site TEXT NOT NULL,
        event_time INTEGER NOT NULL,
        detected_at INTEGER NOT NULL,
        doc TEXT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        workflow TEXT NOT NULL DEFAULT 'open',
        note TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX alerts_by_time ON alerts (event_time, alert_id)",
    """CREATE TABLE quarantine (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT,
        field TEXT,
        reason TEXT NOT NULL,
        source TEXT NOT NULL,
        position INTEGER NOT NULL,
        raw BLOB NOT NULL
    )""",
    """CREATE TABLE history (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        time INTEGER NOT NULL,
        row TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    )""",
    """CREATE TABLE failures (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        detector TEXT NOT NULL,
        key TEXT NOT NULL,
        event TEXT NOT NULL,
        error TEXT NOT NULL
    )""",
    "CREATE TABLE positions (source TEXT PRIMARY KEY, position BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_SCHEMA_2 = (
    """CREATE TABLE outbox (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        doc TEXT NOT NULL
    )""",
)

# changed: numbers the alerts in the order in which they were last written, for those who follow them.
_SCHEMA_3 = (
    "ALTER TABLE alerts ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
    "UPDATE alerts SET changed = rowid",
    "CREATE INDEX alerts_by_change ON alerts (changed)",
    # Everything that lists and counts go by, so that they need not read the documents.
    "CREATE INDEX alerts_in_short ON alerts (event_time, alert_id, severity, status, site, type)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3)
"""Statements that lead from schema version n to n + 1, n being the place in this tuple. Only ever append."""

# Parameters of both, in the order of StateWrite's fields: detector, key, data, wake, expires, version.
_CREATE = """INSERT INTO state (detector, key, data, wake, expires, sweep_at, version)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6 + 1) ON CONFLICT DO NOTHING"""
_REPLACE = """UPDATE state SET data = ?3, wake = ?4, expires = ?5, version = ?6 + 1
    WHERE detector = ?1 AND key = ?2 AND version = ?6"""

# S608: what is put into the text below are constants of ours.
_ROWS = f"(VALUES {', '.join(['(?, ?, ?, ?, ?, ?)'] * _CHUNK)}) AS new"
_CREATE_CHUNK = f"""INSERT INTO state (detector, key, data, wake, expires, sweep_at, version)
    SELECT column1, column2, column3, column4, column5, column5, column6 + 1 FROM {_ROWS} WHERE true
    ON CONFLICT DO NOTHING"""  # noqa: S608
_REPLACE_CHUNK = f"""UPDATE state
    SET data = new.column3, wake = new.column4, expires = new.column5, version = new.column6 + 1
    FROM {_ROWS}
    WHERE detector = new.column1 AND key = new.column2 AND version = new.column6"""  # noqa: S608

_VERSION = "SELECT version FROM state WHERE detector = ? AND key = ?"
_KEYS = "SELECT key FROM state WHERE detector = ? LIMIT ?"
_LOAD = "SELECT data, version, expires FROM state WHERE detector = ? AND key = ?"
_DUE = f"SELECT detector, key FROM state WHERE wake <= ? AND wake < {NEVER} ORDER BY wake, rowid"  # noqa: S608

_PUT_ALERT = """INSERT INTO alerts
        (alert_id, type, severity, status, site, event_time, detected_at, doc, changed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM alerts))
    ON CONFLICT (alert_id) DO UPDATE SET
        type = excluded.type, severity = excluded.severity, status = excluded.status, site = excluded.site,
        event_time = excluded.event_time, detected_at = excluded.detected_at, doc = excluded.doc,
        revision = revision + 1, changed = excluded.changed
    WHERE doc <> excluded.doc"""
_TELL = "INSERT OR REPLACE INTO outbox (id, doc) VALUES (?, ?)"
_PENDING = "SELECT id, doc FROM outbox ORDER BY number LIMIT ?"
_SENT = "DELETE FROM outbox WHERE id = ?"
_PUT_HISTORY = """INSERT INTO history (kind, id, time, row) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET time = excluded.time, row = excluded.row"""
_HISTORY_FROM = "SELECT id, time, row FROM history WHERE kind = ? AND id >= ? ORDER BY id LIMIT ?"
_HISTORY_AFTER = "SELECT id, time, row FROM history WHERE kind = ? AND id > ? ORDER BY id LIMIT ?"
_PUT_POSITION = """INSERT INTO positions (source, position) VALUES (?, ?)
    ON CONFLICT (source) DO UPDATE SET position = excluded.position"""
_PUT_WATERMARK = """INSERT INTO meta (name, value) VALUES ('watermark', ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_ADD_COUNTER = """INSERT INTO counters (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"""
_QUARANTINE = """INSERT INTO quarantine (topic, field, reason, source, position, raw)
    VALUES (?, ?, ?, ?, ?, ?)"""
_FAILED = "INSERT INTO failures (detector, key, event, error) VALUES (?, ?, ?, ?)"

_STALEST = """SELECT sweep_at, rowid, key, wake, expires FROM state
    WHERE detector = ? AND sweep_at < ? AND (sweep_at, rowid) > (?, ?) ORDER BY sweep_at, rowid LIMIT ?"""
_ANY_STALE = "SELECT 1 FROM state WHERE detector = ? AND sweep_at < ? LIMIT 1"
_IDLEST = """SELECT rowid, key, sweep_at, expires FROM state
    WHERE detector = ? ORDER BY sweep_at, rowid LIMIT ?"""
_COUNT = "SELECT detector, count(*) FROM state GROUP BY detector"
_LOOKED_AT = "UPDATE state SET sweep_at = expires WHERE rowid = ?"
_DELETE = "DELETE FROM state WHERE rowid = ?"

_encode_json = msgspec.json.Encoder().encode
_decode_alert = msgspec.json.Decoder(Alert).decode


class SchemaError(Exception):
    """The file is not ours, or of a schema version this program does not know."""


class SqliteStore:
    """A `StateStore` and `Outbox` in one SQLite file (write-ahead log), or in memory (":memory:").

    durable=True (synchronous=FULL): what `commit` has returned from survives a killed process, a crashed
    kernel and a power loss. durable=False (synchronous=NORMAL): it survives a killed process; after a
    power loss the last commits may be missing, the file being as it was after one of the commits before.
    In memory, nothing survives `close`.

    One process writes, others may read at the same time. A second writer is safe too: commits take turns
    (waiting for at most ten seconds, then `sqlite3.OperationalError`), and versions keep it from overwriting
    or going by what it has not seen. States that a plan leaves unchanged are looked at only once somebody
    else has written to the file.

    A store may be called from several threads, one at a time; do not run busy Python threads beside it, for
    they hold up every statement of a commit by the interpreter's switch interval.

    The `expires` of a state must not go backwards, or the sweep may come as late as it was before.
    """

    def __init__(self, path: Path | str, *, durable: bool = True, outbox: bool = False) -> None:
        """outbox: keep alerts in the outbox too; to be had only where somebody sends them, or it grows."""
        self._lock = Lock()
        self._outbox = outbox
        self._keys: Counter[str] | None = None
        """How many states each detector has; None: not counted yet."""
        self._keys_as_of = 0
        self._alone = True
        """Nobody else has written since the file was opened."""
        self._keys_given = False
        """Somebody may go by a list of keys."""
        memory = str(path) == MEMORY
        if not memory:
            _create_private(path)
        self._db = sqlite3.connect(
            MEMORY if memory else Path(path).absolute(),
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            with self._transaction("DEFERRED"):  # before the first thing that writes
                version = self._version(path)
            self._db.execute("PRAGMA page_size = 2048")
            if _write_ahead(self._db) != "wal" and not memory:
                raise SchemaError(f"{path}: no write-ahead log possible here (a network file system?)")
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("PRAGMA wal_autocheckpoint = 8000")  # pages: 16 MB
            self._db.execute("PRAGMA journal_size_limit = 67108864")
            self._db.execute("PRAGMA cache_size = -32768")  # KiB
            if version < len(MIGRATIONS):
                self._migrate(path)
            self._changes_seen = self._changes_by_others()
        except BaseException:
            self._db.close()
            raise

    def load(self, detector: str, key: str) -> StoredState | None:
        """One state, or None."""
        with self._lock:
            row = self._db.execute(_LOAD, (detector, key)).fetchone()
        return None if row is None else StoredState(*row)

    def load_many(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredState]:
        """Those of the states that exist, all as of the same commit."""
        found = {}
        with self._transaction("DEFERRED"):
            execute = self._db.execute
            for key in keys:
                row = execute(_LOAD, key).fetchone()
                if row is not None:
                    found[key] = StoredState(*row)
        return found

    def keys(self, detector: str, most: int) -> list[str] | None:
        """The keys of every state of a detector; None when there are more than `most`."""
        with self._lock:
            self._keys_given = True
            keys = [row[0] for row in self._db.execute(_KEYS, (detector, most + 1))]
        return keys if len(keys) <= most else None

    def due(self, until: int) -> list[tuple[str, str]]:
        """(detector, key) of every state whose wake-up is at `until` or before, the earliest first."""
        with self._lock:
            return self._db.execute(_DUE, (until,)).fetchall()

    def commit(self, plan: Plan) -> None:
        """Writes the whole plan or, raising `Conflict`, nothing of it."""
        # Whatever can be prepared is prepared before the lock on the file is taken.
        created = [astuple(write) for write in plan.states if not write.version]
        replaced = [astuple(write) for write in plan.states if write.version]
        alerts = [_alert_row(alert) for alert in plan.alerts.values()]
        # Of a row kept several times only the last stays: a replay's batch may span hours.
        history = [_history_row(row) for row in {(row.kind, row.id): row for row in plan.history}.values()]
        rejected = [_rejected_row(record) for record in plan.rejected]
        failures = [tuple(_text(value) for value in astuple(failure)) for failure in plan.failures]
        counters = [(name, value) for name, value in plan.counters.items() if value]
        rest: list[tuple[str, Sequence[tuple[Any, ...]]]] = [
            (_PUT_ALERT, alerts),
            (_TELL, [_outbox_row(row) for row in alerts] if self._outbox else []),
            (_PUT_HISTORY, history),
            (_QUARANTINE, rejected),
            (_FAILED, failures),
            (_PUT_POSITION, list(plan.positions.items())),
            (_ADD_COUNTER, counters),
            (_PUT_WATERMARK, [(plan.watermark,)] if plan.watermark else []),
        ]
        if not plan.states and not any(rows for _, rows in rest):
            return
        try:
            with self._transaction("IMMEDIATE"):
                self._check_unchanged(plan.unchanged)
                if self._write(_CREATE_CHUNK, _CREATE, created) < len(created):
                    raise Conflict(())
                if self._write(_REPLACE_CHUNK, _REPLACE, replaced) < len(replaced):
                    raise Conflict(())
                for sql, rows in rest:
                    if rows:
                        self._db.executemany(sql, rows)
        except Conflict:  # something did not match: only now find out what
            raise Conflict(self._stale(plan)) from None
        if created and self._keys is not None:
            self._keys.update(row[0] for row in created)

    def positions(self) -> dict[str, bytes]:
        """Where each input stands, as of the last commit."""
        with self._lock:
            return dict(self._db.execute("SELECT source, position FROM positions"))

    def watermark(self) -> bytes:
        """The engine's watermark of the last commit; empty before the first."""
        with self._lock:
            row = self._db.execute("SELECT value FROM meta WHERE name = 'watermark'").fetchone()
        return b"" if row is None else bytes(row[0])

    def counters(self) -> dict[str, int]:
        """The sums of all counters ever committed."""
        with self._lock:
            return dict(self._db.execute("SELECT name, value FROM counters"))

    def sweep(self, watermark: int, caps: Mapping[str, int], limit: int) -> tuple[int, list[tuple[str, str]]]:
        """Deletes at most `limit` states: expired ones without a wake-up, then the longest idle of each
        detector beyond its cap. Returns how many had expired, and the keys dropped for the cap."""
        with self._lock:
            keys = self._counted()
            stale = [name for name in keys if self._db.execute(_ANY_STALE, (name, watermark)).fetchone()]
        if limit <= 0 or not (stale or any(count > caps.get(name, count) for name, count in keys.items())):
            return 0, []
        with self._transaction("IMMEDIATE"):
            keys = self._counted().copy()
            expired = 0
            for detector in stale:
                gone = self._delete_expired(detector, watermark, limit - expired)
                keys[detector] -= gone
                expired += gone
            dropped: list[tuple[str, str]] = []
            for detector, cap in caps.items():
                excess = min(keys[detector] - cap, limit - expired - len(dropped))
                if excess > 0:
                    dropped += self._delete_idlest(detector, excess)
        keys.subtract(detector for detector, _ in dropped)
        self._keys = keys
        return expired, dropped

    def alerts(self) -> Iterator[StoredAlert]:
        """Every alert, by event time and id; each as it is when the iterator gets there."""
        with self._lock:
            ids = self._db.execute("SELECT alert_id FROM alerts ORDER BY event_time, alert_id").fetchall()
        for identifier in ids:
            with self._lock:
                doc, workflow, note = self._db.execute(
                    "SELECT doc, workflow, note FROM alerts WHERE alert_id = ?", identifier
                ).fetchone()
            yield StoredAlert(_decode_alert(doc), Workflow(workflow), note)

    def history(self, kind: str) -> Iterator[HistoryRow]:
        """Every row of a kind as it was kept last, by id; each as it is when the iterator gets there."""
        sql, last = _HISTORY_FROM, ""
        while True:
            with self._lock:
                page = self._db.execute(sql, (kind, last, _HISTORY_PAGE)).fetchall()
            for identifier, time, row in page:
                yield HistoryRow(kind, identifier, time, msgspec.json.decode(row))
            if len(page) < _HISTORY_PAGE:
                return
            sql, last = _HISTORY_AFTER, page[-1][0]

    def quarantine(self) -> Iterator[Rejected]:
        """Every quarantined record, in order of arrival."""
        last = 0
        while True:
            with self._lock:  # one at a time: a record may be 16 MB
                row = self._db.execute(
                    "SELECT number, topic, field, reason, source, position, raw FROM quarantine"
                    " WHERE number > ? ORDER BY number LIMIT 1",
                    (last,),
                ).fetchone()
            if row is None:
                return
            last = row[0]
            yield Rejected(*row[1:])

    def pending(self, limit: int) -> list[OutboxRow]:
        """Alerts that have not been sent, the oldest first; at most `limit`. None without `outbox`."""
        with self._lock:
            rows = self._db.execute(_PENDING, (limit,)).fetchall()
        return [OutboxRow(identifier, _decode_alert(doc)) for identifier, doc in rows]

    def sent(self, ids: Iterable[str]) -> None:
        """Removes these alerts from the outbox."""
        with self._transaction("IMMEDIATE"):
            self._db.executemany(_SENT, [(identifier,) for identifier in ids])

    def close(self) -> None:
        """Releases the file. Committed data stays."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        """All or nothing of what is done inside, and no other thread in between."""
        with self._lock:
            self._db.execute(f"BEGIN {kind}")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _write(self, chunk: str, single: str, rows: list[tuple[Any, ...]]) -> int:
        """Executes for all rows, in chunks as far as possible, and returns how many took effect.

        Python gives up the interpreter lock at every statement: chunks make that rare, and save time.
        """
        db, done, changed = self._db, 0, 0
        while len(rows) - done >= _CHUNK:
            values = list(chain.from_iterable(rows[done : done + _CHUNK]))
            changed += db.execute(chunk, values).rowcount
            done += _CHUNK
        if done < len(rows):
            changed += db.executemany(single, rows[done:]).rowcount
        return changed

    def _check_unchanged(self, states: list[StateRef]) -> None:
        """Raises Conflict unless these states are still what they were. To be called in a transaction."""
        if self._alone:
            if self._changes_by_others() == self._changes_seen:
                return
            self._alone = False
        if self._keys_given:
            self._keys_given = False
            raise Conflict(())  # nobody can tell what was passed over for want of a key
        for detector, key, version in states:
            row = self._db.execute(_VERSION, (detector, key)).fetchone()
            if version != (0 if row is None else row[0]):
                raise Conflict(())

    def _changes_by_others(self) -> int:
        """A number that changes when another connection has written to the file."""
        changes: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return changes

    def _stale(self, plan: Plan) -> list[tuple[str, str]]:
        """The keys of those states whose version is not the stored one."""
        writes = [(write.detector, write.key, write.version) for write in plan.states]
        writes += plan.unchanged
        expected = {(detector, key): version for detector, key, version in writes}
        stored = self.load_many(expected)
        versions = {key: stored[key].version if key in stored else 0 for key in expected}
        stale = [key for key, version in expected.items() if versions[key] != version]
        if not stale and len(expected) < len(writes):
            raise ValueError("a plan may hold each state only once")
        return stale

    def _counted(self) -> Counter[str]:
        """How many states each detector has. Counted again only when somebody else has written."""
        changes = self._changes_by_others()
        if self._keys is None or changes != self._keys_as_of:
            self._keys = Counter(dict(self._db.execute(_COUNT)))
            self._keys_as_of = changes
        return self._keys

    def _delete_expired(self, detector: str, watermark: int, limit: int) -> int:
        """Deletes expired states without a wake-up; those that turn out to live get their true `sweep_at`."""
        gone = 0
        last: tuple[int, int] = (-(2**63), 0)
        while gone < limit:
            page = self._db.execute(_STALEST, (detector, watermark, *last, _SWEEP_PAGE)).fetchall()
            delete: list[tuple[int]] = []
            live: list[tuple[int]] = []
            for sweep_at, row, _, wake, expires in page:
                if expires < watermark and wake >= NEVER:
                    delete.append((row,))
                    if gone + len(delete) == limit:
                        break
                elif sweep_at != expires:
                    live.append((row,))
            self._db.executemany(_LOOKED_AT, live)
            self._db.executemany(_DELETE, delete)
            gone += len(delete)
            if len(page) < _SWEEP_PAGE:
                break
            last = page[-1][:2]
        return gone

    def _delete_idlest(self, detector: str, excess: int) -> list[tuple[str, str]]:
        """Deletes the `excess` states that expire first. Their keys."""
        while True:
            rows = self._db.execute(_IDLEST, (detector, excess)).fetchall()
            doubtful = [(row,) for row, _, sweep_at, expires in rows if sweep_at != expires]
            if not doubtful:
                break
            # Some of these expire later than the index says: put them in their places and look again.
            self._db.executemany(_LOOKED_AT, doubtful)
        self._db.executemany(_DELETE, [(row,) for row, *_ in rows])
        return [(detector, key) for _, key, *_ in rows]

    def _version(self, path: Path | str) -> int:
        """The file's schema version; 0 for a new file. To be called in a transaction."""
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        application: int = self._db.execute("PRAGMA application_id").fetchone()[0]
        empty = self._db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
        if application != APPLICATION_ID and not (empty and version == application == 0):
            raise SchemaError(f"{path}: an SQLite database, but not one of Business Guardian")
        if not 0 <= version <= len(MIGRATIONS):
            raise SchemaError(
                f"{path}: schema version {version}, but this program knows only up to {len(MIGRATIONS)}:"
                " use the version of Business Guardian that wrote it, or a newer one"
            )
        return version

    def _migrate(self, path: Path | str) -> None:
        with self._transaction("IMMEDIATE"):
            version = self._version(path)  # asked again: another process may just have done it
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _create_private(path: Path | str) -> None:
    """Makes a new file that only its owner may read. SQLite gives its companions the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass


def _write_ahead(db: sqlite3.Connection) -> str:
    """Asks for the write-ahead log and returns the mode we got.

    SQLite does not wait here while another process is opening or closing the file, so we do.
    """
    deadline = monotonic() + _BUSY_S
    while True:
        try:
            return str(db.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(0.005)


def _alert_row(alert: Alert) -> tuple[Any, ...]:
    return (
        alert.alert_id,
        alert.type,
        alert.severity.value,
        alert.status.value,
        alert.site,
        alert.event_time,
        alert.detected_at,
        _encode_json(alert).decode(),
    )


def _outbox_row(alert_row: tuple[Any, ...]) -> tuple[str, str]:
    alert_id, doc = alert_row[0], alert_row[-1]
    return outbox_id(alert_id, doc.encode()), doc


def _history_row(row: HistoryRow) -> tuple[Any, ...]:
    return row.kind, row.id, row.time, _encode_json(row.row).decode()


def _rejected_row(record: Rejected) -> tuple[Any, ...]:
    topic, field, reason, source, position, raw = astuple(record)
    if len(raw) > QUARANTINE_WHOLE:
        digest = hashlib.sha256(raw).hexdigest()
        reason += f" [only the first {QUARANTINE_KEPT} of {len(raw)} bytes are kept, SHA-256 {digest}]"
        raw = raw[:QUARANTINE_KEPT]
    return _text(topic), _text(field), _text(reason), _text(source), position, raw


def _text(value: str | None) -> str | None:
    """Text that can be stored: whatever is wrong with a record, quarantine takes it."""
    return None if value is None else value.encode("utf-8", "backslashreplace").decode()
