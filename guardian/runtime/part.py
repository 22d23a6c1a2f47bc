"""A part of the cloud shape as a process: settings, store, engine, and the thread that owns them.

`PartProcess` is what every part is made of. `PartFunction` is one behind functions-framework.
"""

from __future__ import annotations

import atexit
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import tzinfo
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.pubsub_message import Message, PushError, message_in
from guardian.detectors.parts import Part
from guardian.events.model import Event, Rejected
from guardian.runtime.composition import (
    build_engine,
    decoder_now,
    latest,
    load_catalogue,
    site_codes,
    site_zone,
)
from guardian.runtime.grouping import (
    BusyError,
    Done,
    Grouping,
    GroupLimits,
    NotCommittedError,
    StoppedError,
)
from guardian.runtime.relay import Relay
from guardian.runtime.settings import SettingsError, load_settings
from guardian.runtime.worker import Worker

if TYPE_CHECKING:
    from guardian.adapters.google.firestore_store import FirestoreStore

FIRESTORE: Final = "firestore"
_SQLITE: Final = "sqlite:"

RELAY_STOP_S: Final = 2.0
"""For publishing what is in memory when the process ends; the sweep of another one finds the rest."""

TICKS: Final = "ticks"
"""A topic whose messages say nothing but that a minute has passed."""

log = structlog.get_logger()


# --- Settings


class PartSettings(msgspec.Struct, frozen=True, kw_only=True):
    """part: None means all detectors. store: FIRESTORE, or the path of an SQLite file, of this part alone.

    relay: whether alerts are published, for which the store must be Firestore.
    worker: names whose watermark it is, where several share a store. answer_s: a message that has waited so
    long for its commit has to come again. stop_s: for finishing what is under way when the process ends.
    """

    part: Part | None
    store: str | Path
    worker: str
    relay: bool = False
    site_settings: Path | None = None
    catalogue: Path | None = None
    project: str | None = None
    database: str | None = None
    answer_s: float = 50.0
    stop_s: int = 9
    limits: GroupLimits = GroupLimits()


def part_settings(environment: Mapping[str, str], part: Part | None, worker: str) -> PartSettings:
    """The settings in the environment, see docs/functions.md. Raises SettingsError, naming the variable."""
    defaults = GroupLimits()
    return PartSettings(
        part=part,
        store=(store := _store_setting(environment)),
        worker=worker,
        relay=_relay_setting(environment, store),
        site_settings=path_setting(environment, "GUARDIAN_SETTINGS"),
        catalogue=path_setting(environment, "GUARDIAN_CATALOG"),
        project=environment.get("GOOGLE_CLOUD_PROJECT") or None,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or None,
        stop_s=number_setting(environment, "GUARDIAN_STOP_S", 9, 1, 600),
        limits=GroupLimits(
            most_records=number_setting(
                environment, "GUARDIAN_GROUP_RECORDS", defaults.most_records, 1, 10_000
            ),
            most_wait_s=number_setting(environment, "GUARDIAN_GROUP_WAIT_MS", 5, 0, 10_000) / 1000,
            most_waiting=number_setting(
                environment, "GUARDIAN_MOST_WAITING", defaults.most_waiting, 1, 1_000_000
            ),
        ),
    )


def _relay_setting(environment: Mapping[str, str], store: str | Path) -> bool:
    """On where there is an outbox that somebody must empty."""
    switch = environment.get("GUARDIAN_RELAY", "")
    if switch not in {"", "off"}:
        raise SettingsError(f"GUARDIAN_RELAY: expected off or nothing, found {switch!r}")
    return store == FIRESTORE and not switch


def path_setting(environment: Mapping[str, str], name: str) -> Path | None:
    """A path, or None where the variable is not set or empty."""
    return Path(environment[name]) if environment.get(name) else None


def number_setting(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number between two others. Raises SettingsError."""
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise SettingsError(f"{name}: expected a number from {least} to {most}, found {text!r}")
    return int(text)


def _store_setting(environment: Mapping[str, str]) -> str | Path:
    text = environment.get("GUARDIAN_STORE", "")
    if text == FIRESTORE:
        return FIRESTORE
    path = text.removeprefix(_SQLITE)
    if text.startswith(_SQLITE) and path:
        return Path(path)
    raise SettingsError(f"GUARDIAN_STORE: expected {FIRESTORE} or {_SQLITE}PATH, found {text!r}")


# --- The process


class PartProcess:
    """Everything a part needs in one process, whatever brings it its messages.

    site, zone: of the site. store: also the outbox of what is committed. relay: publishes that; None: nobody
    here does. grouping: takes requests as soon as it runs.
    """

    def __init__(self, settings: PartSettings) -> None:
        """Opens the store; `start` begins. Raises SettingsError."""
        site = load_settings(settings.site_settings)
        self.site = site.site
        self.zone = site_zone(site)
        self._decoder, self._times = decoder_now(site)
        self._decoding = Lock()
        engine = build_engine(site, load_catalogue(settings.catalogue), site_codes(site), settings.part)
        self._stop_s = settings.stop_s
        self._on_done: tuple[Callable[[Done], None], ...] = ()
        self.store = open_store(settings, site.site)
        try:
            worker = Worker(engine, self.store)
            self.relay = _relay(settings, self.store, self.zone)
        except BaseException:
            self.store.close()
            raise
        self.grouping = Grouping(
            worker, settings.limits, idle_after_s=site.idle_after_s, on_done=self._tell_done
        )
        self._owner = Thread(target=self._run, name="worker", daemon=True)

    def start(self, *on_done: Callable[[Done], None]) -> None:
        """Begins to decide and commit. on_done: called with every batch that is done, in that thread."""
        self._on_done = on_done
        if self.relay is not None:
            self.relay.start()
        self._owner.start()

    def record(self, message: Message) -> Event | Rejected:
        """What a message holds. By any thread."""
        with self._decoding:
            self._times.latest_ms = latest()
            return message.event(self._decoder)

    def submit(self, message: Message) -> Future[None]:
        """Hands a message in: see `Grouping.submit`."""
        record = self.record(message)
        if isinstance(record, Event):
            return self.grouping.submit([record])
        return self.grouping.submit([], [record])

    def tick(self) -> Future[None]:
        """Has deadlines and the outbox looked at now: see `Grouping.ask_tick`."""
        if self.relay is not None:
            self.relay.sweep_soon()
        return self.grouping.ask_tick()

    def close(self) -> bool:
        """Takes no more requests, commits those that wait, and releases the store.

        False: that took too long; a commit is still under way.
        """
        self.grouping.stop()
        if self._owner.ident is not None:
            self._owner.join(self._stop_s)
        if self._owner.is_alive():
            return False
        if self.relay is not None and not self.relay.stop(RELAY_STOP_S):
            log.info("alerts_left_to_the_sweep")
        self.store.close()
        return True

    def _tell_done(self, done: Done) -> None:
        if self.relay is not None and done.plan is not None:
            self.relay.committed(done.plan)
        for tell in self._on_done:
            tell(done)

    def _run(self) -> None:
        try:
            self.grouping.run()
        except BaseException as error:
            log.critical("worker_died", error=type(error).__name__)
            raise


def open_store(settings: PartSettings, site: str) -> SqliteStore | FirestoreStore:
    """The part's store."""
    if isinstance(settings.store, Path):
        return SqliteStore(settings.store)
    from google.cloud.firestore import Client

    from guardian.adapters.google.firestore_store import CORRELATOR, FirestoreStore

    client = Client(project=settings.project, database=settings.database)
    part = settings.part or CORRELATOR
    return FirestoreStore(client, site, worker=settings.worker, part=part)


def _relay(settings: PartSettings, store: SqliteStore | FirestoreStore, zone: tzinfo) -> Relay | None:
    if not settings.relay:
        return None
    if not settings.project:
        raise SettingsError("GOOGLE_CLOUD_PROJECT: missing; alerts are published there (GUARDIAN_RELAY=off)")
    from guardian.adapters.google.pubsub_publisher import PubSubPublisher

    return Relay(store, PubSubPublisher(settings.project), zone)


# --- Behind functions-framework


class NotTakenError(Exception):
    """A message was not committed: it has to come again."""


class PartFunction:
    """A part whose messages come as CloudEvents of Pub/Sub, on many threads.

    The process behind it is made with the first message: functions-framework forks after it has loaded the
    function, and neither threads nor connections survive that.
    """

    def __init__(self, part: Part, environment: Mapping[str, str]) -> None:
        """Raises SettingsError."""
        # Instances come and go, and each has a watermark: a name of its own, too.
        self._settings = part_settings(environment, part, f"{part}-{secrets.token_hex(4)}")
        load_settings(self._settings.site_settings)
        self._process: PartProcess | None = None
        self._making = Lock()

    def take(self, source: str, data: Any) -> None:
        """Takes a message, and returns when it is committed. Raises NotTakenError.

        source, data: of the CloudEvent.
        """
        try:
            message = message_in(source, data)
        except PushError as error:
            log.error("message_unreadable", field=error.field)
            return  # it would not be any better next time
        process = self._made()
        try:
            done = process.tick() if message.stream == TICKS else process.submit(message)
            done.result(self._settings.answer_s)
        except (BusyError, StoppedError, NotCommittedError, TimeoutError) as error:
            # After a timeout it may still be committed; its identity tells that it is the same.
            raise NotTakenError(type(error).__name__) from None

    def close(self) -> None:
        """Commits what waits, and releases the store."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.close():
            log.info("part_stopped", part=self._settings.part)
        else:
            log.error("part_stopped_in_a_commit", part=self._settings.part)

    def _made(self) -> PartProcess:
        with self._making:
            process = self._process
            if process is not None and process.grouping.alive:
                return process
            if process is None:
                atexit.register(self.close)  # requests have been answered by then
            else:
                process.close()
            process = self._process = PartProcess(self._settings)
            process.start()
            log.info(
                "part_started", part=self._settings.part, site=process.site, worker=self._settings.worker
            )
            return process
