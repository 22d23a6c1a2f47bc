"""The store implementations under contract. To put another one under it, add it to `BACKENDS`."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Workflow
from guardian.ports import StateStore


class Backend(ABC):
    """One place to keep data, the stores that open it, and what the port has no method for.

    lasting: data is still there after `close`, and two stores may have it open.
    """

    lasting = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def open(self, *, durable: bool = False) -> StateStore:
        """A store on this place."""

    @abstractmethod
    def work_on(self, store: StateStore, alert_id: str, workflow: Workflow, note: str) -> None:
        """Does what a person does with an alert."""

    @abstractmethod
    def history(self, store: StateStore) -> dict[tuple[str, str], tuple[int, Any]]:
        """(kind, id) → time and row of everything in history."""

    @abstractmethod
    def failures(self, store: StateStore) -> list[tuple[str, str, str, str]]:
        """Every failure, in order of arrival."""


class SqliteFile(Backend):
    @property
    def path(self) -> Path:
        return self.folder / "guardian.db"

    def open(self, *, durable: bool = False) -> StateStore:
        return SqliteStore(self.path, durable=durable)

    def work_on(self, store: StateStore, alert_id: str, workflow: Workflow, note: str) -> None:
        self._run(
            store,
            "UPDATE alerts SET workflow = ?, note = ? WHERE alert_id = ?",
            (workflow.value, note, alert_id),
        )

    def history(self, store: StateStore) -> dict[tuple[str, str], tuple[int, Any]]:
        rows = self._run(store, "SELECT kind, id, time, row FROM history")
        return {(kind, id_): (time, msgspec.json.decode(row)) for kind, id_, time, row in rows}

    def failures(self, store: StateStore) -> list[tuple[str, str, str, str]]:
        return self._run(store, "SELECT detector, key, event, error FROM failures ORDER BY number")

    def _run(self, store: StateStore, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """As another process does: on a connection of its own."""
        with closing(sqlite3.connect(self.path, timeout=10)) as db, db:
            return db.execute(sql, values).fetchall()


class SqliteMemory(SqliteFile):
    lasting = False

    def open(self, *, durable: bool = False) -> StateStore:
        return SqliteStore(":memory:", durable=durable)

    def _run(self, store: StateStore, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        assert isinstance(store, SqliteStore)
        return store._db.execute(sql, values).fetchall()


BACKENDS: list[type[Backend]] = [SqliteFile, SqliteMemory]
LASTING = [backend for backend in BACKENDS if backend.lasting]
