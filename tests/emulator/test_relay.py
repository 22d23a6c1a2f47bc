"""The way of an alert: Firestore's outbox → relay → Pub/Sub → bridge → Kafka, with everything killed once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer
from confluent_kafka.cimpl import NewTopic
from google.cloud.firestore import Client
from google.pubsub_v1 import PubsubMessage

from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.google.pubsub_publisher import PubSubPublisher
from guardian.adapters.google.pubsub_puller import PubSubPuller
from guardian.adapters.publishing import UnavailableError
from guardian.alerts.document import read_alert
from guardian.events.topics import FRAUD_ALERTS, TOPICS
from guardian.runtime.alert_message import alert_message
from stack.kafka.broker import Broker, free_ports
from tests.emulator.relaying import PROJECT, alerts, rows
from tests.servers.pubsub import PubSubEmulator
from tests.unit.alerts.alerts import alert

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0
QUARANTINE = "quarantine"

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600), pytest.mark.xdist_group("kafka")]


def wait_for(true: Callable[[], object], what: Callable[[], str] = lambda: "it never happened") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)  # only paces the question


# --- Firestore → Pub/Sub


class Relaying:
    """Relay processes of one site, and what has arrived in the topic."""

    def __init__(self, pubsub: PubSubEmulator, folder: Path) -> None:
        self.site = f"site-{uuid.uuid4().hex[:12]}"
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self.received: list[PubsubMessage] = []
        self._pubsub = pubsub
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        pubsub.create([self.prefix + FRAUD_ALERTS])
        self.store = FirestoreStore(Client(project=PROJECT), self.site)

    def start(self, first: int, count: int) -> subprocess.Popen[bytes]:
        with self._file(len(self._started)).open("wb") as file:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.emulator.relaying"),
                    *(self.site, self.prefix, str(first), str(count)),
                ],
                cwd=ROOT,
                env={**os.environ, "PUBSUB_EMULATOR_HOST": self._pubsub.host},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def output(self, number: int = -1) -> str:
        return self._file(number % len(self._started)).read_text()

    def done(self) -> int:
        """Commits that the newest process has reported."""
        return sum(line.startswith("done ") for line in self.output().splitlines())

    def receive(self) -> set[str]:
        """Takes what has arrived; the rows that have arrived so far."""
        found = self._pubsub.pull(self.prefix + FRAUD_ALERTS, wait_s=0.5)
        self.received += [each.message for each in found]
        return {message.attributes["outbox-id"] for message in self.received}

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _file(self, number: int) -> Path:
        return self._folder / f"relay-{number}.log"


@pytest.fixture
def relaying(firestore_emulator: str, pubsub: PubSubEmulator, tmp_path: Path) -> Iterator[Relaying]:
    made = Relaying(pubsub, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_killed_again_and_again_every_alert_arrives(relaying: Relaying) -> None:
    chance = random.Random(7)
    first = 0
    killed_with_rest = 0
    for _ in range(5):
        process = relaying.start(first, 100_000)
        goal = chance.randrange(20, 120)
        wait_for(lambda goal=goal: relaying.done() >= goal, relaying.output)
        time.sleep(chance.random() / 10)  # anywhere within a commit, a request, a removal
        process.kill()
        process.wait()
        killed_with_rest += bool(relaying.store.pending(1))
        first += relaying.done() + 1  # the one after may be committed, or not
    assert killed_with_rest, "killed with nothing left to show"

    process = relaying.start(first, 0)
    wait_for(lambda: "relaying" in relaying.output(), relaying.output)
    wait_for(lambda: not relaying.store.pending(1), relaying.output)
    expected: set[str] = set()
    for number in range(5):
        expected |= {
            row
            for line in relaying.output(number).splitlines()
            if line.startswith("done ")
            for row in rows(int(line.removeprefix("done ")))
        }
    wait_for(lambda: relaying.receive() >= expected, relaying.output)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    assert "stopped True" in relaying.output()

    possible = {row for number in range(first) for row in rows(number)}
    assert {message.attributes["outbox-id"] for message in relaying.received} <= possible
    stored = {each.alert.alert_id: each.alert for each in relaying.store.alerts()}
    last = {
        (document.alert_id, document.count)
        for document in (read_alert(message.data) for message in relaying.received)
    }
    assert {(one.alert_id, one.count) for one in stored.values()} <= last


def test_undisturbed_every_row_arrives_once_and_as_it_was(relaying: Relaying) -> None:
    relaying.start(0, 200)
    expected = {row for number in range(200) for row in rows(number)}
    wait_for(lambda: relaying.receive() >= expected, relaying.output)
    wait_for(lambda: not relaying.store.pending(1), relaying.output)
    relaying.receive()
    by_row = {message.attributes["outbox-id"]: message for message in relaying.received}
    assert len(relaying.received) == len(by_row) == 400
    one = alerts(5)[0]
    (row,) = (row for row in rows(5) if row.startswith(one.alert_id))
    data, attributes = alert_message(row, one, UTC)
    assert by_row[row].data == data
    assert dict(by_row[row].attributes) == attributes


def test_two_processes_share_an_outbox(relaying: Relaying) -> None:
    first, second = relaying.start(0, 150), relaying.start(1_000, 150)
    expected = {row for start in (0, 1_000) for number in range(start, start + 150) for row in rows(number)}
    wait_for(lambda: relaying.receive() >= expected, relaying.output)
    wait_for(lambda: not relaying.store.pending(1), relaying.output)
    for process in (first, second):
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    repeated = Counter(message.attributes["outbox-id"] for message in relaying.received)
    assert repeated.keys() == expected


# --- Pub/Sub → Kafka


class Back:
    """Bridges that carry alerts from a subscription of their own to a broker of their own."""

    def __init__(self, broker: Broker, pubsub: PubSubEmulator, folder: Path) -> None:
        self.broker = broker
        self.pubsub = pubsub
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self.subscription = f"{self.prefix}{FRAUD_ALERTS}-kafka"
        (self.port,) = free_ports(1)
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self.create()
        self._publisher = PubSubPublisher(pubsub.project, prefix=self.prefix, emulator_host=pubsub.host)
        self._reader = Consumer(
            {
                "bootstrap.servers": broker.bootstrap,
                "group.id": "reader",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._reader.subscribe([FRAUD_ALERTS])
        self.found: list[tuple[str, bytes, dict[str, bytes]]] = []

    def create(self) -> None:
        self.pubsub.create(self.prefix + name for name in (FRAUD_ALERTS, QUARANTINE))
        with self.pubsub.subscriber() as client:
            client.create_subscription(
                request={
                    "name": f"projects/{self.pubsub.project}/subscriptions/{self.subscription}",
                    "topic": f"projects/{self.pubsub.project}/topics/{self.prefix}{FRAUD_ALERTS}",
                    "ack_deadline_seconds": 10,
                }
            )

    def bridge(self, **environment: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"bridge-{len(self._started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cloud_run.bridge.main"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "GUARDIAN_KAFKA_BOOTSTRAP": self.broker.bootstrap,
                    "GUARDIAN_PUBSUB_PREFIX": self.prefix,
                    "GUARDIAN_ALERTS_SUBSCRIPTION": self.subscription,
                    "GOOGLE_CLOUD_PROJECT": self.pubsub.project,
                    "PUBSUB_EMULATOR_HOST": self.pubsub.host,
                    "PORT": str(self.port),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def log(self) -> str:
        return (self._folder / f"bridge-{len(self._started) - 1}.log").read_text()

    def publish(self, first: int, count: int) -> None:
        messages = []
        for number in range(first, first + count):
            one = alert(alert_id=f"al_{number}", evidence={"note": "x" * 1_000})
            messages.append(alert_message(f"row-{number}", one, UTC))
        self._publisher.publish(FRAUD_ALERTS, messages)

    def publish_raw(self, data: bytes) -> None:
        self._publisher.publish(FRAUD_ALERTS, [(data, {"who": "me"})])

    def ids(self) -> set[str]:
        """The keys that have arrived in Kafka so far."""
        for polled in self._reader.consume(500, 0.2):
            if polled.error() is None:
                headers = dict(polled.headers() or [])
                self.found.append(((polled.key() or b"").decode(), polled.value() or b"", headers))
        return {key for key, _, _ in self.found}

    def health(self) -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def count(self, name: str) -> int:
        """A count of the alerts in the bridge's health; -1 while it does not answer."""
        return int(self.health()[1].get("alerts", {}).get(name, -1))

    def close(self) -> None:
        self._reader.close()
        self._publisher.close()
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()


def alert_ids(count: int) -> set[str]:
    return {f"al_{number}" for number in range(count)}


@pytest.fixture(scope="module")
def own_broker(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One that a test may kill. `kafka` is asked for its skipping only."""
    broker = Broker(tmp_path_factory.mktemp("broker") / "broker", *free_ports(2))
    broker.start()
    broker.create_topics(NewTopic(name, 1, 1) for name in (*TOPICS, FRAUD_ALERTS))
    yield broker
    broker.stop()


@pytest.fixture
def back(own_broker: Broker, pubsub: PubSubEmulator, tmp_path: Path) -> Iterator[Back]:
    made = Back(own_broker, pubsub, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_alerts_come_back_to_kafka_as_they_are(back: Back) -> None:
    process = back.bridge()
    back.publish(0, 300)
    back.publish_raw(b"no alert")
    wait_for(lambda: back.ids() >= alert_ids(300), back.log)
    wait_for(lambda: back.count("delivered") == 300, back.log)
    wait_for(lambda: back.count("quarantined") == 1, back.log)
    # It is told a moment before it is let go of.
    wait_for(lambda: back.health()[1]["alerts"]["held"] == 0, back.log)
    status, counts = back.health()
    assert status == 200
    assert counts["alerts"]["alive"] is True
    quarantined = [each.message for each in back.pubsub.pull(back.prefix + QUARANTINE)]
    assert [message.data for message in quarantined] == [b"no alert"]
    assert quarantined[0].attributes["quarantine-reason"] == "not an alert document in JSON"
    assert quarantined[0].attributes["pubsub-attribute-who"] == "me"
    key, value, headers = next(each for each in back.found if each[0] == "al_7")
    document = msgspec.json.decode(value)
    assert document["alert_id"] == key
    assert document["evidence"] == {"note": "x" * 1_000}
    assert headers["outbox-id"] == b"row-7"
    assert headers["content-type"] == b"application/json"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0, back.log()
    puller = PubSubPuller(back.pubsub.project, back.subscription, emulator_host=back.pubsub.host, wait_s=1.0)
    assert puller.pull(10) == [], "all are acknowledged"
    puller.close()


def test_a_bridge_killed_with_alerts_in_hand_loses_none(back: Back) -> None:
    process = back.bridge()
    wait_for(lambda: back.count("pulled") == 0, back.log)
    back.publish(0, 800)
    back.publish(800, 800)
    wait_for(lambda: 0 < back.count("delivered") < 1_600, back.log)
    process.kill()
    process.wait()

    # Once more while nothing can be written: what it has pulled is in its hands alone.
    back.publish(1_600, 100)
    process = back.bridge(GUARDIAN_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_ports(1)[0]}")
    wait_for(lambda: back.count("held") > 0, back.log)
    process.kill()
    process.wait()

    process = back.bridge()
    wait_for(lambda: back.ids() >= alert_ids(1_700), back.log)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0, back.log()


def test_a_broker_killed_and_started_again_gets_every_alert(back: Back) -> None:
    process = back.bridge()
    back.publish(0, 100)
    wait_for(lambda: back.ids() >= alert_ids(100), back.log)
    back.publish(100, 600)
    back.broker.kill()
    try:
        back.publish(700, 100)
        wait_for(lambda: "alerts_not_written" in back.log(), back.log)
        status, counts = back.health()
        assert status == 200
        assert counts["alerts"]["held"] > 0
    finally:
        back.broker.start()
    wait_for(lambda: back.ids() >= alert_ids(800), back.log)
    wait_for(lambda: back.count("held") == 0, back.log)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0, back.log()


def test_pubsub_away_and_back(own_broker: Broker, pubsub: PubSubEmulator, tmp_path: Path) -> None:
    own = PubSubEmulator(tmp_path / "pubsub", free_ports(1)[0])
    own.start()
    back = Back(own_broker, own, tmp_path)
    try:
        process = back.bridge()
        back.publish(0, 10)
        wait_for(lambda: back.ids() >= alert_ids(10), back.log)
        own.stop()
        wait_for(lambda: "alerts_not_pulled" in back.log(), back.log)
        assert back.health()[0] == 200
        own.start()
        back.create()
        back.publish(10, 10)
        wait_for(lambda: back.ids() >= alert_ids(20), back.log)
        assert process.poll() is None
    finally:
        back.close()
        own.stop()


def test_a_subscription_that_is_missing_is_told() -> None:
    puller = PubSubPuller("project", "nothing", emulator_host=f"127.0.0.1:{free_ports(1)[0]}")
    for ask in (lambda: puller.pull(1), lambda: puller.extend(["a"], 1), lambda: puller.acknowledge(["a"])):
        with pytest.raises(UnavailableError):
            ask()
    puller.close()
