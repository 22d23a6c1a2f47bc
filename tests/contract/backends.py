"""The store implementations under contract. To put another one under it, add it to `BACKENDS`."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import msgspec
from google.cloud.firestore import Client

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.alerts.model import Workflow
from guardian.ports import Outbox, StateStore
from tests.servers.firestore import HOST_VARIABLE, PROJECT


class Store(StateStore, Outbox, Protocol):
    """What is under contract."""


class Backend(ABC):
    """One place to keep data, the stores that open it, and what the port has no method for.

    lasting: data is still there after `close`, and two stores may have it open.
    lists_keys: a store gives lists of keys as long as it is the only one that writes.
    server: the fixture that starts what the stores talk to, if they do.
    examples: how many runs against the model this is fast enough for.
    """

    lasting = True
    lists_keys = True
    server: str | None = None
    examples = 40

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def open(self, *, durable: bool = False) -> Store:
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

    def settle(self) -> None:  # noqa: B027
        """Waits until nothing is under way any more that a killed process has begun."""


class SqliteFile(Backend):
    @property
    def path(self) -> Path:
        return self.folder / "guardian.db"

    def open(self, *, durable: bool = False) -> Store:
        return SqliteStore(self.path, durable=durable, outbox=True)

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

    def open(self, *, durable: bool = False) -> Store:
        return SqliteStore(":memory:", durable=durable, outbox=True)

    def _run(self, store: StateStore, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        assert isinstance(store, SqliteStore)
        return store._db.execute(sql, values).fetchall()


class FirestoreEmulator(Backend):
    """A site of its own in the emulator that everybody shares."""

    lists_keys = False
    server = "firestore_emulator"
    examples = 10

    @property
    def site(self) -> str:
        """From the folder, so that other processes find it."""
        return "shop-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]

    @property
    def client(self) -> Client:
        return client_of(os.environ[HOST_VARIABLE])

    def open(self, *, durable: bool = False) -> Store:
        return FirestoreStore(self.client, self.site)

    def work_on(self, store: StateStore, alert_id: str, workflow: Workflow, note: str) -> None:
        alert = self.client.document(f"sites/{self.site}/alerts/{alert_id}")
        alert.update({"workflow": workflow.value, "note": note})

    def history(self, store: StateStore) -> dict[tuple[str, str], tuple[int, Any]]:
        rows = [row.to_dict() or {} for row in self.client.collection(f"sites/{self.site}/history").stream()]
        return {(row["kind"], row["id"]): (row["time"], msgspec.json.decode(row["row"])) for row in rows}

    def failures(self, store: StateStore) -> list[tuple[str, str, str, str]]:
        assert isinstance(store, FirestoreStore)
        return [(one["detector"], one["key"], one["event"], one["error"]) for one in store.failures()]

    def settle(self) -> None:
        """A request that was sent goes on without its sender; each counts something."""
        last, now = None, self.open().counters()
        while last != now:
            time.sleep(0.3)
            last, now = now, self.open().counters()


@cache
def client_of(host: str) -> Client:
    """A client of the emulator at `host`, which the environment names too."""
    return Client(project=PROJECT)


BACKENDS: list[type[Backend]] = [SqliteFile, SqliteMemory, FirestoreEmulator]
LASTING = [backend for backend in BACKENDS if backend.lasting]
