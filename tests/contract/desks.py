"""The desk implementations under contract, each with the store that the machine writes its alerts to."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path

from google.cloud.firestore import Client

from guardian.adapters.embedded.desk import SqliteDesk
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.firestore_desk import FirestoreDesk
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.alerts.model import Alert
from guardian.desk_ports import AlertDesk
from guardian.engine.plan import Plan


class Place(ABC):
    """An empty product. server: the fixture it needs. examples: how many runs it is fast enough for."""

    server: str | None = None
    examples = 60

    @abstractmethod
    def desk(self) -> AlertDesk:
        """A desk of its own."""

    @abstractmethod
    def commit(self, alerts: Iterable[Alert]) -> None:
        """As the machine does."""

    @abstractmethod
    def close(self) -> None:
        """Releases everything."""


class Sqlite(Place):
    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{uuid.uuid4().hex}.db"
        self._store = SqliteStore(self.path, durable=False)
        self._files: list[DeskFile] = []

    def desk(self) -> AlertDesk:
        self._files.append(DeskFile(self.path))
        return SqliteDesk(self._files[-1])

    def commit(self, alerts: Iterable[Alert]) -> None:
        self._store.commit(Plan(alerts={alert.alert_id: alert for alert in alerts}))

    def close(self) -> None:
        for file in self._files:
            file.close()
        self._store.close()


class Firestore(Place):
    """A project of its own in the emulator that everybody shares."""

    server = "firestore_emulator"
    examples = 8

    def __init__(self, folder: Path) -> None:
        self._client = Client(project=f"desk-{uuid.uuid4().hex[:12]}")
        self._stores: dict[str, FirestoreStore] = {}

    def desk(self) -> AlertDesk:
        return FirestoreDesk(self._client)

    def commit(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            store = self._stores.setdefault(alert.site, FirestoreStore(self._client, alert.site))
            store.commit(Plan(alerts={alert.alert_id: alert}))

    def close(self) -> None:
        for store in self._stores.values():
            store.close()
        self._client.close()


PLACES: list[type[Place]] = [Sqlite, Firestore]
