"""The correlator as a real process: pushed at by the Pub/Sub emulator, stopped, killed, and knocked at."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import psutil
import pytest
from google.cloud.firestore import Client
from google.pubsub_v1 import PubsubMessage, PushConfig

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.engine.watermark import Watermark
from guardian.events.model import Event
from guardian.events.topics import POS, RFID
from guardian.ports import StateStore
from simulators.store import StoreConfig, simulate_store
from tests.emulator.correlator import PATIENCE_S, Correlator, Day, day, from_kafka, running, until, wrapped
from tests.servers.pubsub import PubSubEmulator
from tests.unit.adapters.test_oidc import AUDIENCE, CALLER, OTHER_PRIVATE, PUBLIC, token

pytestmark = [pytest.mark.emulator, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

LATENESS_S = 15
PIECE_MS = 10_000
"""Pushes overtake each other within a piece, which is less than the allowed lateness."""
SITE = f"lateness_s = {LATENESS_S}.0\nidle_after_s = 3600.0\n"


@pytest.fixture(scope="module")
def quarter_hour(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A quarter of an hour in a store."""
    folder = tmp_path_factory.mktemp("quarter")
    simulate_store(StoreConfig(hours=0.25), seed=11).write(folder)
    return day(folder, SITE)


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A few minutes in a store."""
    folder = tmp_path_factory.mktemp("minutes")
    simulate_store(StoreConfig(hours=0.1), seed=11).write(folder)
    return day(folder, SITE)


class Subscriptions:
    """Topics of one test, pushed to correlators."""

    def __init__(self, emulator: PubSubEmulator, targets: dict[str, str]) -> None:
        """targets: the endpoint to push to, by topic."""
        self._emulator = emulator
        self._prefix = f"c{uuid.uuid4().hex[:8]}-"
        self._names: list[str] = []
        with emulator.publisher() as publisher, emulator.subscriber() as subscriber:
            for topic, endpoint in targets.items():
                name = f"projects/{emulator.project}/subscriptions/{self._prefix}{topic}"
                publisher.create_topic(name=self._path(topic))
                subscriber.create_subscription(
                    request={
                        "name": name,
                        "topic": self._path(topic),
                        "push_config": PushConfig(push_endpoint=endpoint),
                        "ack_deadline_seconds": 60,
                    }
                )
                self._names.append(name)

    def publish(self, topic: str, messages: list[PubsubMessage]) -> None:
        with self._emulator.publisher() as publisher:
            publisher.publish(topic=self._path(topic), messages=messages)

    def close(self) -> None:
        with self._emulator.subscriber() as subscriber:
            for name in self._names:
                subscriber.delete_subscription(subscription=name)

    def _path(self, topic: str) -> str:
        return f"projects/{self._emulator.project}/topics/{self._prefix}{topic}"


def committed(correlator: Correlator, topic: str, outcome: str = "committed") -> float:
    return correlator.metric(f'guardian_events_total{{outcome="{outcome}",topic="{topic}"}}')


def publish_day(recorded: Day, correlator: Correlator, emulator: PubSubEmulator) -> None:
    """Publishes a day piece by piece. What Kafka would have told stands in the attributes of one half of the
    streams; the others are known by the path that they are pushed to."""
    topics = sorted({event.topic for event in recorded.events})
    bridged = set(topics[::2]) | {RFID}
    root = f"http://127.0.0.1:{correlator.port}"
    subscriptions = Subscriptions(
        emulator,
        {
            topic: f"{root}/push" if topic in bridged else f"{root}/projects/x/topics/{topic}"
            for topic in topics
        },
    )
    sent = dict.fromkeys(topics, 0)
    try:
        subscriptions.publish(
            RFID, [PubsubMessage(data=b"no JSON", attributes={"kafka-topic": RFID}), only_attributes()]
        )
        until(lambda: committed(correlator, RFID, "quarantined") >= 2)
        for piece in recorded.pieces(PIECE_MS):
            for topic, of_topic in itertools.groupby(
                sorted(piece, key=lambda one: one[1].topic), key=lambda one: one[1].topic
            ):
                messages = [
                    PubsubMessage(
                        data=event.raw, attributes=from_kafka(event, number) if topic in bridged else {}
                    )
                    for number, event in of_topic
                ]
                subscriptions.publish(topic, messages)
                sent[topic] += len(messages)
            until(lambda: all(committed(correlator, topic) >= sent[topic] for topic in topics))
        assert committed(correlator, RFID, "quarantined") == 2  # acknowledged, so it did not come again
    finally:
        subscriptions.close()


def only_attributes() -> PubsubMessage:
    return PubsubMessage(attributes={"kafka-topic": RFID, "kafka-partition": "9", "kafka-offset": "9"})


def test_what_is_published_ends_as_the_alerts_of_a_replay(
    quarter_hour: Day,
    pubsub: PubSubEmulator,
    tmp_path: Path,
) -> None:
    db = tmp_path / "shared.db"
    with running(tmp_path, {**quarter_hour.environment, "GUARDIAN_STORE": f"sqlite:{db}"}) as correlator:
        publish_day(quarter_hour, correlator, pubsub)
        assert correlator.stop() == 0
    with closing(SqliteStore(db)) as store:
        assert quarter_hour.found(store) == quarter_hour.expected
        assert [record.raw for record in store.quarantine()].count(b"no JSON") == 1
        assert sum(n for name, n in store.counters().items() if name.startswith("events.")) == len(
            quarter_hour.events
        )


def test_what_is_published_ends_as_the_same_alerts_in_firestore(
    minutes: Day,
    pubsub: PubSubEmulator,
    firestore_emulator: str,
    tmp_path: Path,
) -> None:
    site = f"correlator-{uuid.uuid4().hex[:8]}"
    recorded = day(minutes.folder, f'site = "{site}"\n{SITE}')
    environment = {**recorded.environment, "GUARDIAN_STORE": "firestore", "GUARDIAN_RELAY": "off"}
    with running(tmp_path, environment) as correlator:
        publish_day(recorded, correlator, pubsub)
        assert correlator.stop() == 0
    store: StateStore = FirestoreStore(Client(), site, worker="correlator")
    assert recorded.found(store) == recorded.expected


def test_two_correlators_share_the_work_and_find_the_same(quarter_hour: Day, tmp_path: Path) -> None:
    """Each gets whatever comes its way; a tenth of the messages is delivered to both."""
    environment = {**quarter_hour.environment, "GUARDIAN_STORE": f"sqlite:{tmp_path / 'shared.db'}"}
    with (
        running(tmp_path, environment) as first,
        running(tmp_path, environment) as second,
        ThreadPoolExecutor(16) as pool,
    ):

        def push(one: tuple[int, Event]) -> None:
            number, event = one
            body = wrapped(event.raw, f"m{number}", **from_kafka(event, number))
            chosen = [first, second] if number % 10 == 0 else [[first, second][number % 2]]
            for correlator in chosen:
                while correlator.ask("POST", "/push", body)[0] != 204:
                    pass  # as Pub/Sub does it: what is not acknowledged is sent again

        for piece in quarter_hour.pieces(PIECE_MS):
            list(pool.map(push, piece))
        assert first.stop() == second.stop() == 0
    with closing(SqliteStore(tmp_path / "shared.db")) as store:
        assert quarter_hour.found(store) == quarter_hour.expected


# --- Stopped and killed


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_there_whatever_ended_the_process(
    sign: signal.Signals, tmp_path: Path
) -> None:
    """Under load from several connections. Records that cannot be used are told apart best: each is in
    quarantine by its bytes. After SIGTERM every request that was begun is answered."""
    db = tmp_path / "load.db"
    environment = {"GUARDIAN_STORE": f"sqlite:{db}", "GUARDIAN_OIDC": "off", "GUARDIAN_THREADS": "8"}
    acknowledged: set[bytes] = set()
    refused: list[int] = []
    cut_off: list[bytes] = []
    enough = threading.Event()
    with running(tmp_path, environment) as correlator:
        numbers = itertools.count()

        def load() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", correlator.port, timeout=PATIENCE_S)
            with closing(connection):
                while True:
                    raw = b"record %d" % next(numbers)
                    body = wrapped(raw, raw.decode(), **{"kafka-topic": POS})
                    try:
                        connection.connect()
                    except OSError:
                        return  # nobody listens any more
                    try:
                        connection.request("POST", "/push", body)
                        answer = connection.getresponse()
                        answer.read()
                    except (OSError, http.client.HTTPException):
                        cut_off.append(raw)
                        return
                    finally:
                        connection.close()
                    if answer.status == 204:
                        acknowledged.add(raw)
                    else:
                        refused.append(answer.status)
                    if len(acknowledged) > 300:
                        enough.set()

        senders = [threading.Thread(target=load) for _ in range(8)]
        for sender in senders:
            sender.start()
        assert enough.wait(PATIENCE_S)
        if sign == signal.SIGTERM:
            assert correlator.stop() == 0
        else:
            _kill_with_children(correlator)
        for sender in senders:
            sender.join(PATIENCE_S)
            assert not sender.is_alive()
    with closing(sqlite3.connect(db)) as reader:
        stored = {raw for (raw,) in reader.execute("SELECT raw FROM quarantine")}
    assert acknowledged <= stored
    assert not refused


def _kill_with_children(correlator: Correlator) -> None:
    master = psutil.Process(correlator.process.pid)
    for process in [master, *master.children(recursive=True)]:
        process.kill()
    correlator.process.wait(PATIENCE_S)


def test_a_request_under_way_is_committed_and_answered_after_a_sigterm(tmp_path: Path) -> None:
    """The commit waits for others far longer than it takes to be told to stop; the answer comes from the
    commit at the end. The request is known to be waiting before the signal is sent."""
    environment = {
        "GUARDIAN_STORE": f"sqlite:{tmp_path / 'slow.db'}",
        "GUARDIAN_OIDC": "off",
        "GUARDIAN_GROUP_WAIT_MS": "2000",
    }
    with running(tmp_path, environment) as correlator, ThreadPoolExecutor(1) as pool:
        body = wrapped(b"?", "m1", **{"kafka-topic": POS})
        answer = pool.submit(correlator.ask, "POST", "/push", body)
        until(lambda: correlator.metric("guardian_waiting_records") == 1)
        assert correlator.stop() == 0
        assert answer.result(PATIENCE_S)[0] == 204
    with closing(SqliteStore(tmp_path / "slow.db")) as store:
        assert [record.raw for record in store.quarantine()] == [b"?"]


def test_deadlines_pass_by_the_clock_when_nothing_comes(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("idle_after_s = 0.5\nlateness_s = 5.0\n")
    environment = {
        "GUARDIAN_STORE": f"sqlite:{tmp_path / 'idle.db'}",
        "GUARDIAN_SETTINGS": str(tmp_path / "site.toml"),
        "GUARDIAN_OIDC": "off",
    }
    with running(tmp_path, environment) as correlator:
        now_ms = int(time.time() * 1000)
        tag = {"epc": "3034257BF400B7800004CB2F1", "sku": "PRD_F_03", "location": "IN_SCAN_AREA"}
        for number in range(3):  # so many must agree on what time it is
            data = tag if number == 2 else {}
            reading = {"timestamp": now_ms + number, "station_id": "S1", "status": "Active", "data": data}
            body = wrapped(json.dumps(reading).encode(), f"m{number}", **{"kafka-topic": RFID})
            assert correlator.ask("POST", "/push", body)[0] == 204
        # Nothing comes any more, and yet the article was not paid for.
        until(
            lambda: (
                correlator.metric('guardian_alerts_total{status="confirmed",type="SCANNER_AVOIDANCE"}') == 1
            )
        )
        assert correlator.ask("POST", "/tick")[0] == 204
        assert correlator.stop() == 0
    with closing(SqliteStore(tmp_path / "idle.db")) as store:
        assert [stored.alert.type for stored in store.alerts()] == ["SCANNER_AVOIDANCE"]
        mark = msgspec.msgpack.decode(store.watermark(), type=Watermark)
    assert mark.value > mark.newest - mark.lateness_ms


# --- Who may call


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Correlator]:
    """A correlator that lets in only who is allowed."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "keys.json").write_text(json.dumps({"k1": PUBLIC}))
    environment = {
        "GUARDIAN_STORE": f"sqlite:{folder / 'guarded.db'}",
        "GUARDIAN_OIDC_AUDIENCE": AUDIENCE,
        "GUARDIAN_OIDC_EMAILS": f"scheduler@example, {CALLER}",
        "GUARDIAN_OIDC_KEYS": str(folder / "keys.json"),
    }
    with running(folder, environment) as correlator:
        yield correlator


@pytest.mark.parametrize("path", ["/push", "/projects/p/topics/rfid-readings", "/tick"])
def test_only_who_is_allowed_gets_in(guarded: Correlator, path: str) -> None:
    body = wrapped(b"?", "m1")

    def knock(bearer: str | None) -> tuple[int, bytes]:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return guarded.ask("POST", path, body, headers)

    assert knock(None) == (401, b"")
    assert knock("x.y.z") == (401, b"")
    assert knock(token(OTHER_PRIVATE)) == (401, b"")
    assert knock(token(aud="https://else.example")) == (401, b"")
    assert knock(token(email="somebody@example")) == (403, b"")
    assert knock(token()) == (204, b"")


def test_a_body_is_not_even_read_from_somebody_unknown(guarded: Correlator) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=PATIENCE_S)) as connection:
        connection.putrequest("POST", "/push")
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        assert connection.getresponse().status == 401


def test_a_request_may_only_be_so_large(guarded: Correlator) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=PATIENCE_S)) as connection:
        connection.putrequest("POST", "/push")
        connection.putheader("Authorization", f"Bearer {token()}")
        connection.putheader("Content-Length", str(20_000_000))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_a_request_that_does_not_say_how_large_it_is_may_not_be_larger_either(guarded: Correlator) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=PATIENCE_S)) as connection:
        parts = (b" " * 1_000_000 for _ in range(16))
        try:
            connection.request("POST", "/push", parts, {"Authorization": f"Bearer {token()}"})
        except OSError:
            pass  # it stopped listening in the middle, and has answered
        assert connection.getresponse().status == 413


def test_health_and_logs(guarded: Correlator) -> None:
    assert guarded.ask("GET", "/healthz") == (204, b"")
    assert guarded.ask("GET", "/readyz") == (204, b"")
    assert guarded.ask("GET", "/push")[0] == 405
    assert guarded.ask("GET", "/nowhere") == (404, b"")
    secret = token()
    guarded.ask("POST", "/push", b'{"message": {"data": "Jane Doe"}}', {"Authorization": f"Bearer {secret}"})
    log = guarded.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"severity", "message", "timestamp"} <= set.intersection(*map(set, lines))
    assert "push_not_understood" in {line["message"] for line in lines}
    assert "Jane" not in log
    assert secret[:30] not in log


def test_without_usable_settings_it_does_not_start(tmp_path: Path) -> None:
    correlator = Correlator(tmp_path, {"GUARDIAN_STORE": f"sqlite:{tmp_path / 'x.db'}"})
    assert correlator.process.wait(PATIENCE_S) == 2
    assert "GUARDIAN_OIDC_AUDIENCE" in correlator.log.read_text()
    assert not (tmp_path / "x.db").exists()


def test_with_settings_that_lead_nowhere_it_ends_too(tmp_path: Path) -> None:
    environment = {"GUARDIAN_STORE": f"sqlite:{tmp_path / 'x.db'}", "GUARDIAN_OIDC": "off"}
    correlator = Correlator(tmp_path, {**environment, "GUARDIAN_CATALOG": str(tmp_path / "nowhere.csv")})
    assert correlator.process.wait(PATIENCE_S) == 3
    messages = [json.loads(line)["message"] for line in correlator.log.read_text().splitlines()]
    assert "settings_unusable" in messages
