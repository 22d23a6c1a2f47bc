"""The desk's file: what people do, beside the file in which the engine keeps what it decides.

A file of its own, because the engine is fast for as long as it is the only one that writes to its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from urllib.parse import quote

from guardian.adapters.embedded.sqlite_store import (
    APPLICATION_ID,
    MIGRATIONS as ENGINE_MIGRATIONS,
    SchemaError,
)
from guardian.desk_ports import StoreUnavailableError

DESK_APPLICATION_ID = int.from_bytes(b"BGdk", "big")

_BUSY_S = 10.0

_SCHEMA_1 = (
    """CREATE TABLE handling (
        alert_id TEXT PRIMARY KEY,
        site TEXT NOT NULL,
        workflow TEXT NOT NULL,
        resolution TEXT NOT NULL,
        assignee TEXT NOT NULL,
        note TEXT NOT NULL,
        changed_by TEXT NOT NULL,
        changed_at INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        changed INTEGER NOT NULL
    )""",
    "CREATE INDEX handling_by_change ON handling (changed)",
    """CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        site TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL
    )""",
    "CREATE INDEX audit_by_subject ON audit (subject, number)",
    """CREATE TABLE users (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        role TEXT NOT NULL,
        sites TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        password TEXT NOT NULL,
        created_at INTEGER NOT NULL
    )""",
    """CREATE TABLE refresh_tokens (
        digest TEXT PRIMARY KEY,
        family TEXT NOT NULL,
        user_id TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    "CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family)",
    "CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id)",
    "CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at)",
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {DESK_APPLICATION_ID}",
)

_SCHEMA_2 = (
    "CREATE TABLE jobs (id TEXT PRIMARY KEY, asked_at INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX jobs_by_time ON jobs (asked_at)",
)

_SCHEMA_3 = (
    """CREATE TABLE login_links (
        digest TEXT PRIMARY KEY,
        user_id TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3)
"""Statements that lead from schema version n to n + 1, n being the place in this tuple. Only ever append."""


def desk_path(store: Path) -> Path:
    """The desk's file for the engine's: guardian.desk.db beside guardian.db."""
    return store.with_name(f"{store.stem}.desk{store.suffix}")


class DeskFile:
    """One connection to the desk's file, which reads the engine's beside it as `engine`.

    For many threads, one at a time. Anybody may write to the file at the same time: `guardian users` does.
    """

    def __init__(self, store: Path) -> None:
        """store: the engine's file; it need not be there yet. Raises SchemaError, StoreUnavailableError."""
        self._store = store.absolute()
        self._lock = RLock()
        self._attached = False
        path = desk_path(self._store)
        with _unavailable("the desk's file"):
            _create_private(path)
            self.db = sqlite3.connect(
                _uri(path, "rw"), uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
        try:
            with _unavailable("the desk's file"):
                self.db.execute("PRAGMA journal_mode = WAL")
                self.db.execute("PRAGMA synchronous = FULL")
                self._migrate(path)
        except BaseException:
            self.db.close()
            raise

    @contextmanager
    def reading(self, *, engine: bool = True) -> Iterator[sqlite3.Connection]:
        """The desk's tables and, with engine, the engine's (`engine.…`), as of one moment each."""
        with self._transaction("DEFERRED", engine=engine) as db:
            yield db

    @contextmanager
    def writing(self, *, engine: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is done inside. engine: its tables are read, too."""
        with self._transaction("IMMEDIATE", engine=engine) as db:
            yield db

    def close(self) -> None:
        """Releases the files."""
        with self._lock:
            self.db.close()

    @contextmanager
    def _transaction(self, kind: str, *, engine: bool) -> Iterator[sqlite3.Connection]:
        with self._lock, _unavailable("the desk's file or the engine's"):
            if engine and not self._attached:
                self._attach()
            self.db.execute(f"BEGIN {kind}")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def _attach(self) -> None:
        if not self._store.exists():
            raise StoreUnavailableError("the engine has not made its file yet")
        self.db.execute("ATTACH DATABASE ? AS engine", (_uri(self._store, "ro"),))
        application = self.db.execute("PRAGMA engine.application_id").fetchone()[0]
        version = self.db.execute("PRAGMA engine.user_version").fetchone()[0]
        if application != APPLICATION_ID or version != len(ENGINE_MIGRATIONS):
            self.db.execute("DETACH DATABASE engine")
            raise StoreUnavailableError(f"the engine's file is of schema version {version}, not ours")
        self._attached = True

    def _migrate(self, path: Path) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            version: int = self.db.execute("PRAGMA user_version").fetchone()[0]
            application: int = self.db.execute("PRAGMA application_id").fetchone()[0]
            if application != (DESK_APPLICATION_ID if version else 0) or version > len(MIGRATIONS):
                raise SchemaError(
                    f"{path}: not a desk's file, or one of a newer version of Business Guardian"
                )
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self.db.execute(statement)
            self.db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _create_private(path: Path) -> None:
    """Passwords and keys are in it: only its owner may read it. SQLite gives its companions the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """Turns what the machine may do to us into our own error."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise StoreUnavailableError(f"{what}: {type(error).__name__}") from error
