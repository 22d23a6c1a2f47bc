"""The correlator as a process, and what to send it."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.engine.engine import Engine
from guardian.events.model import Event
from guardian.ports import StateStore
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings, load_settings
from guardian.runtime.worker import Worker

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0

Finding = tuple[str, str, str, str]


class Correlator:
    """One process on a port of its own. Its log goes to a file."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = _free_port()
        self.log = folder / f"correlator-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloud_run.correlator.main"],
                cwd=ROOT,
                env={**os.environ, "GUARDIAN_HOST": "127.0.0.1", "PORT": str(self.port), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether it takes requests."""
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        try:
            return self.ask("GET", "/readyz")[0] == 204
        except (OSError, http.client.HTTPException):
            return False

    def metric(self, name: str) -> float:
        """The value of a sample by its full name, labels included; 0 while there is none."""
        _, text = self.ask("GET", "/metrics")
        for line in text.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def stop(self) -> int:
        """Ends it with SIGTERM, and returns its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Correlator]:
    """A correlator that is ready; gone at the end, whatever happens."""
    correlator = Correlator(folder, environment)
    try:
        until(correlator.ready)
        yield correlator
    finally:
        with suppress(ProcessLookupError):
            correlator.process.terminate()
        try:
            correlator.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            correlator.process.kill()
            correlator.process.wait()


def until(condition: Callable[[], bool]) -> None:
    """Waits for something that will happen, or fails."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)  # paces the question; what counts is the condition


def wrapped(data: bytes, message_id: str, **attributes: str) -> bytes:
    """The body of a push."""
    message = {"data": base64.b64encode(data).decode(), "messageId": message_id, "attributes": attributes}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def from_kafka(event: Event, number: int) -> dict[str, str]:
    """The attributes that the bridge gives an event, as far as the correlator reads them."""
    return {"kafka-topic": event.topic, "kafka-partition": "0", "kafka-offset": str(number)}


# --- A recorded day


class Day(msgspec.Struct):
    """Recorded events in order of time, and what a replay of them finds."""

    folder: Path
    settings: Path
    events: list[Event]
    expected: Counter[Finding]

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a correlator for this day."""
        return {
            "GUARDIAN_SETTINGS": str(self.settings),
            "GUARDIAN_CATALOG": str(self.folder / "products_list.csv"),
            "GUARDIAN_OIDC": "off",
        }

    def pieces(self, span_ms: int) -> list[list[tuple[int, Event]]]:
        """The events with their numbers, in pieces of so much time: what may overtake each other."""
        pieces: list[list[tuple[int, Event]]] = []
        begin = -span_ms
        for number, event in enumerate(self.events):
            if event.time - begin >= span_ms:
                pieces.append([])
                begin = event.time
            pieces[-1].append((number, event))
        return pieces

    def engine(self) -> Engine:
        """An engine that is set up for this day."""
        return _engine(self.folder, load_settings(self.settings))

    def found(self, store: StateStore) -> Counter[Finding]:
        """What is in a store once every deadline has passed, as at the end of a replay."""
        Worker(self.engine(), store).finish()
        return findings(store)


def day(folder: Path, settings: str) -> Day:
    """The day recorded in a folder, with settings in TOML."""
    path = folder / "site.toml"
    path.write_text(settings)
    site = load_settings(path)
    decoder, _ = decoder_now(site)
    source = FileSource(find_recordings([folder]), decoder)
    source.resume({})
    events: list[Event] = []
    while (batch := source.poll(10_000, 0.0)) is not None:
        events += batch.events
    source.close()
    store, source = SqliteStore(MEMORY), FileSource(find_recordings([folder]), decoder)
    replay(Worker(_engine(folder, site), store), source)
    source.close()
    expected = findings(store)
    store.close()
    return Day(folder, path, events, expected)


def findings(store: StateStore) -> Counter[Finding]:
    """Type, subject, severity and status of every alert."""
    alerts = [stored.alert for stored in store.alerts()]
    return Counter((one.type, one.subject.id, str(one.severity), str(one.status)) for one in alerts)


def _engine(folder: Path, site: Settings) -> Engine:
    return build_engine(site, load_catalogue(find_catalogue([folder])))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
