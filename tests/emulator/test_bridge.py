"""The bridge as a process, between a real Kafka broker and the Pub/Sub emulator."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from google.pubsub_v1 import PubsubMessage

from guardian.adapters.kafka.bridge import COMMIT_EVERY_S
from guardian.events.topics import TOPICS
from stack.kafka.broker import Broker, free_ports
from tests.servers.pubsub import PubSubEmulator

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0
PARTITIONS = 3
POS = "pos-transactions"

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600), pytest.mark.xdist_group("kafka")]


@pytest.fixture(scope="module", autouse=True)
def topics(kafka: Broker) -> None:
    """The input topics, shared: each test has a group of its own that begins where the test begins."""
    kafka.create_topics(
        NewTopic(name, PARTITIONS, 1, config={"max.message.bytes": "33554432"}) for name in TOPICS
    )


class Scene:
    """A prefix of Pub/Sub topics, a consumer group at the end of everything, and bridges between them."""

    def __init__(self, kafka: Broker, pubsub: PubSubEmulator, folder: Path) -> None:
        self.kafka = kafka
        self.pubsub = pubsub
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self.group = f"bridge-{self.prefix}"
        self.sent: dict[str, tuple[str, bytes]] = {}
        """By identity: key and value."""
        self.received: list[PubsubMessage] = []
        self.environment = {
            **os.environ,
            "GUARDIAN_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "GUARDIAN_KAFKA_GROUP": self.group,
            "GUARDIAN_PUBSUB_PREFIX": self.prefix,
            "GOOGLE_CLOUD_PROJECT": pubsub.project,
            "PUBSUB_EMULATOR_HOST": pubsub.host,
        }
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._producer = Producer(
            {"bootstrap.servers": kafka.bootstrap, "message.max.bytes": 33_554_432, "linger.ms": 5}
        )
        self._begin_at_the_end()
        self.create_topics()

    def create_topics(self) -> None:
        self.pubsub.create(self.prefix + name for name in (*TOPICS, "quarantine"))

    def bridge(self, **environment: str) -> subprocess.Popen[bytes]:
        number = len(self._started)
        with (self._folder / f"bridge-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "cloud_run/bridge/main.py"],
                cwd=ROOT,
                env={**self.environment, "PYTHONPATH": str(ROOT), **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def log(self, number: int = -1) -> str:
        number %= len(self._started)
        return (self._folder / f"bridge-{number}.log").read_text()

    def produce(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: str = "k",
        headers: list[tuple[str, str | bytes | None]] | None = None,
        partition: int | None = None,
    ) -> None:
        where = {} if partition is None else {"partition": partition}

        def delivered(error: object, message: Any) -> None:
            assert error is None, error
            identity = f"{message.topic()}/{message.partition()}/{message.offset()}"
            self.sent[identity] = (key, value or b"")

        self._producer.produce(topic, value, key=key, headers=headers, on_delivery=delivered, **where)
        self._producer.poll(0)

    def sale(self, number: int) -> None:
        value = {"timestamp": "2025-06-03T10:00:00", "station_id": "SCC1", "event_id": f"e-{number}"}
        self.produce(POS, json.dumps({**value, "n": number}).encode(), key=f"c{number % 17}")

    def flush(self) -> None:
        assert self._producer.flush(PATIENCE_S) == 0

    def receive(self, done: Callable[[], bool], topics: tuple[str, ...] = (POS,)) -> None:
        """Takes what arrives until `done`."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, self.log()
            for topic in topics:
                self.received += [each.message for each in self.pubsub.pull(self.prefix + topic, wait_s=0.5)]

    def arrived(self) -> Counter[str]:
        """How often each record has arrived."""
        return Counter(identity(message) for message in self.received)

    def all_arrived(self) -> bool:
        return self.arrived().keys() >= self.sent.keys()

    def committed(self) -> dict[int, int]:
        """The group's offsets of POS by partition."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        (answer,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self.group)]).values()
        found = answer.result(PATIENCE_S).topic_partitions
        return {each.partition: each.offset for each in found if each.topic == POS}

    def end_of(self, topic: str = POS) -> dict[int, int]:
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "nobody"})
        try:
            return {
                partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
                for partition in range(PARTITIONS)
            }
        finally:
            consumer.close()

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _begin_at_the_end(self) -> None:
        offsets = [
            TopicPartition(topic, partition, offset)
            for topic in TOPICS
            for partition, offset in self.end_of(topic).items()
        ]
        consumer = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": self.group})
        consumer.commit(offsets=offsets, asynchronous=False)
        consumer.close()


def identity(message: PubsubMessage) -> str:
    names = message.attributes
    return f"{names['kafka-topic']}/{names['kafka-partition']}/{names['kafka-offset']}"


def wait_for(true: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)  # only paces the question


def stopped(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(PATIENCE_S)


@pytest.fixture
def scene(kafka: Broker, pubsub: PubSubEmulator, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(kafka, pubsub, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_every_record_arrives_with_its_identity(scene: Scene) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers: list[tuple[str, str | bytes | None]] = [
        ("traceparent", trace),
        ("source", "till"),
        ("raw", b"\xff\x00"),
    ]
    for name in TOPICS:
        scene.produce(name, f'{{"event_id": "id of {name}"}}'.encode(), key=f"key-{name}", headers=headers)
        scene.produce(name, b'{"no": "id"}', key="\xfc", headers=headers)
    scene.flush()
    bridge = scene.bridge()
    scene.receive(scene.all_arrived, tuple(TOPICS))
    assert stopped(bridge) == 0, scene.log()
    assert set(scene.arrived().values()) == {1}
    assert scene.arrived().keys() == scene.sent.keys()
    for message in scene.received:
        names = dict(message.attributes)
        key, value = scene.sent[identity(message)]
        assert message.data == value
        assert names["kafka-key"] == key
        assert names["kafka-header-source"] == "till"
        assert base64.b64decode(names["kafka-binary-header-raw"]) == b"\xff\x00"
        assert names["traceparent"] == trace
        assert names["ce-id"] == identity(message)
        assert names["ce-specversion"] == "1.0"
        own = json.loads(value).get("event_id")
        assert names["event-id"] == (own or identity(message))


def test_killed_in_the_middle(scene: Scene) -> None:
    for number in range(6_000):
        scene.sale(number)
    scene.flush()
    small = {"GUARDIAN_BRIDGE_MOST_RECORDS": "200"}
    bridge = scene.bridge(**small)
    scene.receive(lambda: len(scene.arrived()) >= 1_000)
    bridge.kill()
    bridge.wait()
    assert len(scene.arrived()) < 6_000, "killed too late to show anything"

    # Once more while nothing can be published: whatever it has read is on its way, and lost with it.
    before = scene.committed()
    status, nowhere = free_ports(2)
    bridge = scene.bridge(**small, PORT=str(status), PUBSUB_EMULATOR_HOST=f"127.0.0.1:{nowhere}")
    wait_for(lambda: "bridge_started" in scene.log(), scene.log)
    wait_for(lambda: _status(status)["waiting"] >= 200, scene.log)
    time.sleep(3 * COMMIT_EVERY_S)  # time enough for a commit that must not happen
    bridge.kill()
    bridge.wait()
    assert scene.committed() == before

    bridge = scene.bridge(**small)
    scene.receive(scene.all_arrived)
    assert stopped(bridge) == 0, scene.log()
    assert scene.arrived().keys() == scene.sent.keys()
    assert scene.committed() == scene.end_of()


def test_stopped_in_good_order_repeats_nothing(scene: Scene) -> None:
    for number in range(4_000):
        scene.sale(number)
    scene.flush()
    bridge = scene.bridge(GUARDIAN_BRIDGE_MOST_RECORDS="200")
    scene.receive(lambda: len(scene.arrived()) >= 500)
    assert stopped(bridge) == 0, scene.log()
    assert "bridge_stopped" in scene.log()
    bridge = scene.bridge()
    scene.receive(scene.all_arrived)
    assert stopped(bridge) == 0, scene.log()
    assert set(scene.arrived().values()) == {1}


def test_pubsub_away_and_back(kafka: Broker, tmp_path: Path, pubsub: PubSubEmulator) -> None:
    own = PubSubEmulator(tmp_path / "pubsub", free_ports(1)[0])
    own.start()
    scene = Scene(kafka, own, tmp_path)
    try:
        bridge = scene.bridge(GUARDIAN_BRIDGE_MOST_RECORDS="300")
        for number in range(500):
            scene.sale(number)
        scene.flush()
        scene.receive(scene.all_arrived)
        own.stop()
        for number in range(500, 1_500):
            scene.sale(number)
        scene.flush()
        wait_for(lambda: "publish_failed" in scene.log(), scene.log)
        # The new emulator knows nothing; without topics it refuses, without subscriptions it forgets.
        # So the bridge is held still for as long as these are missing.
        bridge.send_signal(signal.SIGSTOP)
        try:
            own.start()
            scene.create_topics()
        finally:
            bridge.send_signal(signal.SIGCONT)
        scene.receive(scene.all_arrived)
        assert bridge.poll() is None, scene.log()
        wait_for(lambda: scene.committed() == scene.end_of(), scene.log)
        assert stopped(bridge) == 0, scene.log()
    finally:
        scene.close()
        own.stop()


def test_two_bridges_share_the_work(scene: Scene) -> None:
    first = scene.bridge(PORT=str(port := free_ports(1)[0]))
    for number in range(1_000):
        scene.sale(number)
    scene.flush()
    scene.receive(lambda: len(scene.arrived()) >= 300)
    second = scene.bridge()
    wait_for(lambda: "partitions_assigned" in scene.log(1), lambda: scene.log(1))
    wait_for(lambda: "partitions_revoked" in scene.log(0), lambda: scene.log(0))
    for number in range(1_000, 3_000):
        scene.sale(number)
    scene.flush()
    scene.receive(scene.all_arrived)
    assert set(scene.arrived().values()) == {1}, "a partition that goes in good order repeats nothing"
    assert 0 < _status(port)["partitions"] < PARTITIONS * len(TOPICS)
    assert stopped(first) == 0, scene.log(0)
    for number in range(3_000, 3_300):  # the second has all of it now
        scene.sale(number)
    scene.flush()
    scene.receive(scene.all_arrived)
    assert stopped(second) == 0, scene.log(1)
    assert set(scene.arrived().values()) == {1}


def test_what_cannot_be_published_goes_to_quarantine_whole(scene: Scene) -> None:
    huge = os.urandom(1 << 20) * 12
    scene.produce(POS, huge, partition=0)
    scene.produce(POS, b"\0\0\0\0\x07{}", partition=0)
    scene.produce(POS, None, partition=0)
    scene.produce(POS, b"x" * 9_990_000, partition=0, key="below the limit")
    scene.produce(POS, b'{"after": true}', partition=0)
    scene.flush()
    bridge = scene.bridge()
    first = min(int(each.rpartition("/")[2]) for each in scene.sent)

    def quarantined() -> dict[int, dict[int, PubsubMessage]]:
        """By record and by part: any of them may arrive more than once."""
        found: dict[int, dict[int, PubsubMessage]] = {}
        for message in scene.received:
            told = message.attributes
            if "quarantine-reason" in told:
                number = int(told.get("quarantine-part", 1))
                found.setdefault(int(told["kafka-offset"]) - first, {})[number] = message
        return found

    def whole() -> bool:
        return scene.all_arrived() and all(
            len(parts) == int(next(iter(parts.values())).attributes.get("quarantine-parts", 1))
            for parts in quarantined().values()
        )

    scene.receive(whole, (POS, "quarantine"))
    wait_for(lambda: scene.committed() == scene.end_of(), scene.log)
    assert stopped(bridge) == 0, scene.log()
    bad = {offset: [parts[number] for number in sorted(parts)] for offset, parts in quarantined().items()}
    assert sorted(bad) == [0, 1, 2]
    parts = bad[0]
    assert b"".join(part.data for part in parts) == huge
    assert {part.attributes["quarantine-parts"] for part in parts} == {str(len(parts))} != {"1"}
    assert parts[0].attributes["quarantine-sha256"] == hashlib.sha256(huge).hexdigest()
    assert bad[1][0].data == b"\0\0\0\0\x07{}"
    assert "schema registry" in bad[1][0].attributes["quarantine-reason"]
    assert bad[2][0].attributes["quarantine-length"] == "0"
    sizes = {len(m.data) for m in scene.received if "quarantine-reason" not in m.attributes}
    assert sizes == {15, 9_990_000}


AVRO = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "station_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}


@contextmanager
def registry() -> Iterator[tuple[str, list[int]]]:
    """A schema registry that knows schema 1 (Avro) and 2 (JSON), and answers with the status set."""
    status = [503]
    schemas = {
        "1": {"schema": json.dumps(AVRO)},
        "2": {"schema": '{"type": "object"}', "schemaType": "JSON"},
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = schemas.get(self.path.partition("?")[0].rpartition("/")[2])
            code = status[0] if status[0] != 200 or found else 404
            body = json.dumps(found if code == 200 else {"error_code": code * 100, "message": "no"}).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", status
        finally:
            server.shutdown()
            thread.join()


def test_registered_values_are_decoded_once_the_registry_answers(scene: Scene) -> None:
    encoded = io.BytesIO()
    fastavro.schemaless_writer(
        encoded, fastavro.parse_schema(AVRO), {"station_id": "SCC1", "at": 1_748_944_800_000}
    )
    scene.produce(POS, b"\0\0\0\0\x01" + encoded.getvalue(), partition=0)
    scene.produce(POS, b'\0\0\0\0\x02{"event_id": "j"}', partition=0)
    scene.produce(POS, b"\0\0\0\0\x03what", partition=0)
    scene.produce(POS, b"\0\0\0\0\x01cut", partition=0)
    scene.flush()
    with registry() as (url, status):
        bridge = scene.bridge(GUARDIAN_SCHEMA_REGISTRY_URL=url)
        wait_for(lambda: "schema_registry_unavailable" in scene.log(), scene.log)
        assert scene.pubsub.pull(scene.prefix + "quarantine", wait_s=0.5) == []
        status[0] = 200
        scene.receive(scene.all_arrived, (POS, "quarantine"))
        assert stopped(bridge) == 0, scene.log()
    good = [m for m in scene.received if "quarantine-reason" not in m.attributes]
    values = sorted(m.data for m in good)
    assert values == [b'{"event_id": "j"}', b'{"station_id":"SCC1","at":"2025-06-03T10:00:00Z"}']
    reasons = sorted(
        m.attributes["quarantine-reason"] for m in scene.received if "quarantine-reason" in m.attributes
    )
    assert len(reasons) == 2
    assert "schema 1:" in reasons[0]
    assert "schema 3 is unknown" in reasons[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"GUARDIAN_KAFKA_BOOTSTRAP": ""}, "GUARDIAN_KAFKA_BOOTSTRAP"),
        ({"GOOGLE_CLOUD_PROJECT": ""}, "GOOGLE_CLOUD_PROJECT"),
        ({"PORT": "http"}, "PORT"),
    ],
)
def test_unusable_settings_are_told(scene: Scene, change: dict[str, str], reason: str) -> None:
    bridge = scene.bridge(**change)
    assert bridge.wait(PATIENCE_S) == 2
    assert reason in scene.log()


def _status(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
