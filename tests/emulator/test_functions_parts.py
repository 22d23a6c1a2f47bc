"""The functions that decide, as they are deployed: under functions-framework, pushed at by Pub/Sub, killed.

Between Pub/Sub and the function stands a gate that notes what has been acknowledged: events overtake each
other within a piece of the day, never beyond it.
"""

from __future__ import annotations

import http.client
import json
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.firestore import Client
from google.pubsub_v1 import PubsubMessage, PushConfig

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.alerts.document import read_alert
from guardian.detectors.parts import PARTS, Part, topics_of
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS
from guardian.ports import StateStore
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.part import TICKS
from guardian.runtime.settings import load_settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from stack.part import Part as Program
from stack.ports import free_ports
from stack.runner import Process
from tests.emulator.correlator import Finding, findings, from_kafka, until, wrapped
from tests.servers.pubsub import PubSubEmulator

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("stack"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]
TARGETS = {Part.QR_VERIFICATION: "verify", Part.EVENT_CHECKS: "check"}
LATENESS_S = {Part.QR_VERIFICATION: 1_800, Part.EVENT_CHECKS: 15}
STORE = StoreConfig(hours=0.1, long_queues=4.0, crashes=4.0, odd_weights=20.0)
SCENARIOS = ("cloned_labels", "tampered_labels", "swapped_goods", "relabelling")
WAREHOUSE = WarehouseConfig(
    products=50, sensor_every_s=100.0, scans_per_hour=10.0, deliveries_per_day=4.0, scenarios=SCENARIOS
)


class Day:
    """The events of a part's topics on a simulated day, and what an embedded engine of the part finds."""

    def __init__(self, folder: Path, part: Part) -> None:
        self.part = part
        self.folder = folder
        self.site = "site"
        self.settings = folder / "site.toml"
        keys = folder / "qr_keys.json"
        self.settings.write_text(
            f'site = "{self.site}"\nlateness_s = {LATENESS_S[part]}.0\nidle_after_s = 3600.0\n'
            + (f'qr_keys = "{keys}"\n' if keys.exists() else "")
            + ("detectors.QR_LOCATION_MISMATCH.settle_s = 2000.0\n" if keys.exists() else "")
        )
        self.events: list[Event] = []
        source = FileSource(find_recordings([folder]), decoder_now(load_settings(self.settings))[0])
        while (batch := source.poll(10_000, 0.0)) is not None:
            self.events += [event for event in batch.events if event.topic in topics_of(part)]
        source.close()
        with closing(SqliteStore(MEMORY)) as store:
            worker = Worker(self.engine(), store)
            worker.process(Batch(list(self.events)))
            worker.finish()
            self.expected = findings(store)

    def engine(self) -> Engine:
        site = load_settings(self.settings)
        catalogue = load_catalogue(find_catalogue([self.folder]))
        return build_engine(site, catalogue, site_codes(site), self.part)

    def found(self, store: StateStore) -> Counter[Finding]:
        """What is in a store once every deadline has passed."""
        Worker(self.engine(), store).finish()
        return findings(store)

    def pieces(self) -> list[list[tuple[int, Event]]]:
        """The events with their numbers, in pieces of less time than the allowed lateness."""
        span_ms = LATENESS_S[self.part] * 600
        cuts, begin = [0], self.events[0].time
        for number, event in enumerate(self.events):
            if event.time - begin >= span_ms:
                cuts.append(number)
                begin = event.time
        numbered = list(enumerate(self.events))
        return [numbered[first:end] for first, end in pairwise([*cuts, len(numbered)])]


class Gate:
    """Passes pushes on to a function, and notes which messages were acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.target = 0
        """The function's port."""
        self._lock = Lock()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = gate.pass_on(self.path, body)
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *given: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def pass_on(self, path: str, body: bytes) -> int:
        try:
            status = push(self.target, path, body)
        except (OSError, http.client.HTTPException):
            return 503
        if status == 200:
            with self._lock:
                self.acknowledged[json.loads(body)["message"]["messageId"]] += 1
        return status

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def push(port: int, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@contextmanager
def function(part: Part, port: int, folder: Path, environment: dict[str, str]) -> Iterator[Process]:
    """The function, not started yet; gone at the end."""
    process = Process(
        Program(
            name=part,
            about="",
            command=(
                *(sys.executable, "-m", "functions_framework"),
                *("--target", TARGETS[part], "--source", str(ROOT / "functions" / part / "main.py")),
                *("--host", "127.0.0.1", "--port", str(port)),
            ),
            environment={"THREADS": "16", **environment},
            port=port,
            health=f"http://127.0.0.1:{port}/",
        ),
        folder / f"{part}.log",
    )
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def subscribed(emulator: PubSubEmulator, topics: Sequence[str], url: str) -> Iterator[dict[str, str]]:
    """Topics of this test's own, pushed to `url` as functions-framework wants it; their names."""
    prefix = f"f{uuid.uuid4().hex[:8]}-"
    root = f"projects/{emulator.project}"
    with emulator.publisher() as publisher, emulator.subscriber() as subscriber:
        for topic in topics:
            publisher.create_topic(name=f"{root}/topics/{prefix}{topic}")
            subscriber.create_subscription(
                request={
                    "name": f"{root}/subscriptions/{prefix}{topic}",
                    "topic": f"{root}/topics/{prefix}{topic}",
                    "push_config": PushConfig(push_endpoint=f"{url}/projects/x/topics/{topic}"),
                    "ack_deadline_seconds": 10,
                }
            )
        try:
            yield {topic: f"{root}/topics/{prefix}{topic}" for topic in topics}
        finally:
            for topic in topics:
                subscriber.delete_subscription(subscription=f"{root}/subscriptions/{prefix}{topic}")


@contextmanager
def alerts_told(emulator: PubSubEmulator, project: str) -> Iterator[Callable[[], set[str]]]:
    """What gives the ids of the alerts published in a project since it was asked last."""
    topic = f"projects/{project}/topics/{FRAUD_ALERTS}"
    subscription = f"projects/{project}/subscriptions/{FRAUD_ALERTS}"
    with emulator.publisher() as publisher, emulator.subscriber() as subscriber:
        publisher.create_topic(name=topic)
        subscriber.create_subscription(request={"name": subscription, "topic": topic})

        def told() -> set[str]:
            try:
                found = subscriber.pull(
                    subscription=subscription, max_messages=1_000, retry=None, timeout=1.0
                ).received_messages
            except DeadlineExceeded:
                return set()
            if found:
                subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in found])
            return {read_alert(one.message.data).alert_id for one in found}

        yield told


def play(day: Day, emulator: PubSubEmulator, gate: Gate, process: Process) -> list[bytes]:
    """Publishes the day piece by piece, everything twice, and kills the function within the largest.

    Returns what was published besides that is no event.
    """
    topics = [*topics_of(day.part), TICKS]
    pieces = day.pieces()
    poison = [b"no JSON", b'{"timestamp": "never"}', b"\xff\xfe"]
    sent: set[str] = set()
    largest = max(range(len(pieces)), key=lambda number: len(pieces[number]))
    with subscribed(emulator, topics, gate.url) as paths, emulator.publisher() as publisher:

        def publish(topic: str, messages: list[PubsubMessage]) -> None:
            sent.update(publisher.publish(topic=paths[topic], messages=messages).message_ids)

        def settled() -> bool:
            return sent <= gate.acknowledged.keys()

        for number, piece in enumerate(pieces):
            for topic in topics_of(day.part):
                messages = [
                    PubsubMessage(data=event.raw, attributes=from_kafka(event, place))
                    for place, event in piece
                    if event.topic == topic
                ]
                if messages:
                    publish(topic, [*messages, *messages])
            if number == 1:
                publish(topics[0], [PubsubMessage(data=data) for data in poison])
                publish(TICKS, [PubsubMessage(data=b"tick")])
            if number == largest:
                before = len(gate.acknowledged)
                until(lambda before=before: len(gate.acknowledged) > before)  # type: ignore[misc]
                process.kill()
                assert not settled()
                process.start()
                process.wait_until_ready()
            until(settled)
    return poison


@pytest.fixture(scope="module", params=[Part.QR_VERIFICATION, Part.EVENT_CHECKS])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == Part.QR_VERIFICATION:
        simulate_warehouse(WAREHOUSE, seed=5).write(folder)
    else:
        simulate_store(STORE, seed=11).write(folder)
    recorded = Day(folder, request.param)
    raises = {"CODE_REGISTRY"} ^ PARTS[recorded.part] if recorded.part == Part.QR_VERIFICATION else set()
    assert raises <= {finding[0] for finding in recorded.expected}
    assert len({finding[0] for finding in recorded.expected}) >= 3
    return recorded


def test_killed_and_everything_twice_ends_as_the_alerts_of_an_embedded_engine(
    day: Day,
    pubsub: PubSubEmulator,
    firestore_emulator: str,
    tmp_path: Path,
) -> None:
    project = f"{day.part.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
    environment = {
        "FIRESTORE_EMULATOR_HOST": firestore_emulator,
        "PUBSUB_EMULATOR_HOST": pubsub.host,
        "GOOGLE_CLOUD_PROJECT": project,
        "GUARDIAN_STORE": "firestore",
        "GUARDIAN_SETTINGS": str(day.settings),
        "GUARDIAN_CATALOG": str(day.folder / "products_list.csv"),
    }
    (port,) = free_ports(1)
    store = FirestoreStore(Client(project=project), day.site, worker="test", part=day.part)
    with (
        alerts_told(pubsub, project) as told,
        closing(Gate()) as gate,
        function(day.part, port, tmp_path, environment) as process,
    ):
        gate.target = port
        process.start()
        process.wait_until_ready()
        poison = play(day, pubsub, gate, process)
        raised = {stored.alert.alert_id for stored in store.alerts()}
        assert raised
        seen: set[str] = set()
        until(lambda: raised <= (seen.update(told()) or seen))  # type: ignore[func-returns-value]
        process.ask_to_stop()
        until(lambda: not process.running())
        assert process.status == 0
        assert '"message": "part_stopped"' in process.log()
    assert day.found(store) == day.expected
    assert {record.raw for record in store.quarantine()} == set(poison)
    # What was committed and not acknowledged came a third time.
    heard = sum(number for name, number in store.counters().items() if name.startswith("events."))
    assert heard >= 2 * len(day.events)


def test_stopped_it_finishes_what_it_has_begun(tmp_path: Path) -> None:
    """Under SIGTERM every push is answered or was never begun, and what was answered is committed."""
    db = tmp_path / "checks.db"
    (port,) = free_ports(1)
    row = {"timestamp": "2025-06-03T10:00:00", "station_id": "SCC1", "status": "Active"}
    answers: Counter[int | str] = Counter()

    def send(number: int) -> None:
        data = msgspec.json.encode(row | {"data": {"customer_count": 3, "average_dwell_time": 10.0}})
        try:
            status: int | str = push(port, "/projects/p/topics/queue-monitor", wrapped(data, f"m{number}"))
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        answers[status] += 1

    environment = {"GUARDIAN_STORE": f"sqlite:{db}"}
    with function(Part.EVENT_CHECKS, port, tmp_path, environment) as process:
        process.start()
        process.wait_until_ready()
        with ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(send, number) for number in range(2_000)]
            until(lambda: answers[200] > 200)
            process.ask_to_stop()
            for one in waiting:
                one.result()
        until(lambda: not process.running())
        assert process.status == 0
        assert '"message": "part_stopped"' in process.log()
    with closing(SqliteStore(db)) as store:
        committed = store.counters()["events.queue-monitor"]
    assert answers.keys() <= {200, "ConnectionRefusedError", "ConnectionResetError", "RemoteDisconnected"}
    assert 200 < answers[200] <= committed < 2_000


def test_without_settings_it_does_not_come_up(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with function(Part.EVENT_CHECKS, port, tmp_path, {}) as process:
        process.start()
        until(lambda: not process.running())
        assert process.status != 0
        assert "GUARDIAN_STORE" in process.log()
