"""The embedded product on a real Kafka broker: `guardian run --kafka`, and the source by itself."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.cimpl import NewTopic

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.kafka.alert_publisher import AlertPublishingError, KafkaAlertPublisher
from guardian.adapters.kafka.settings import KafkaSettings
from guardian.adapters.kafka.source import KafkaSource
from guardian.alerts.render import alert_line
from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.times import TimeParser
from guardian.events.topics import QUEUE, RFID, TOPICS
from simulators.store import StoreConfig, simulate_store
from stack.kafka.broker import Broker, free_ports

ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0
PARTITIONS = 2

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600), pytest.mark.xdist_group("kafka")]


@pytest.fixture
def broker(tmp_path: Path, kafka: Broker) -> Broker:
    """A broker whose input topics are this test's own. `kafka` is asked for its skipping only."""
    first, second = free_ports(2)
    return Broker(tmp_path / "broker", first, second)


def wait_for(true: Callable[[], object], what: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)  # only paces the question


def produce(broker: Broker, records: list[tuple[str, bytes, str]]) -> None:
    """Records (topic, value, key)."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all"})
    for topic, value, key in records:
        producer.produce(topic, value, key=key)
        producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0


def new_topics(broker: Broker) -> None:
    broker.create_topics(NewTopic(name, PARTITIONS, 1) for name in TOPICS)


def events_committed(db: Path) -> int:
    if not db.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5)) as reader:
            query = "SELECT coalesce(sum(value), 0) FROM counters WHERE name LIKE 'events.%'"
            (number,) = reader.execute(query).fetchone()
    except sqlite3.OperationalError:  # between creating the file and its tables
        return 0
    return int(number)


def alerts_of(db: Path) -> bytes:
    store = SqliteStore(db)
    try:
        return b"".join(alert_line(each.alert, UTC) for each in store.alerts())
    finally:
        store.close()


@pytest.mark.timeout(240)
def test_killed_and_continued(broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "day"
    simulate_store(StoreConfig(hours=0.5), seed=5).write(folder)
    stems = {stem: topic.name for topic in TOPICS.values() for stem in (topic.name, *topic.file_stems)}
    records = []
    for path in sorted(folder.glob("*.jsonl")):
        # One stream after the other, as somebody would load a recording: the worst order there is.
        lines = path.read_bytes().splitlines()
        records += [(stems[path.stem], line, str(number % 11)) for number, line in enumerate(lines)]
    settings = tmp_path / "settings.toml"
    settings.write_text("idle_after_s = 3600.0\n")  # the clock has no part in it
    broker.start()
    try:
        new_topics(broker)
        produce(broker, records)

        def run(db: Path) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "guardian.cli.main", "run", "--kafka", broker.bootstrap]
            with (tmp_path / "run.log").open("ab") as log:
                return subprocess.Popen(
                    [*command, "--db", str(db), "--settings", str(settings)],
                    cwd=ROOT,
                    env={**os.environ, "GUARDIAN_KAFKA_BOOTSTRAP": ""},
                    stdout=log,
                    stderr=log,
                )

        def log() -> str:
            return (tmp_path / "run.log").read_text()[-3000:]

        undisturbed, killed = tmp_path / "undisturbed.db", tmp_path / "killed.db"
        total = len(records)
        process = run(undisturbed)
        wait_for(lambda: events_committed(undisturbed) >= total, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log()

        chance = random.Random(3)
        kills = 0
        for target in sorted(chance.randrange(1, total) for _ in range(5)):
            process = run(killed)
            while process.poll() is None and events_committed(killed) < target:
                time.sleep(0.001)  # only paces the question; what decides is the number committed
            process.kill()
            process.wait()
            kills += events_committed(killed) < total
        assert kills >= 1, "never killed before the end"
        process = run(killed)
        wait_for(lambda: events_committed(killed) >= total, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, log()
        assert events_committed(killed) == events_committed(undisturbed) == total
        assert len(alerts_of(undisturbed)) > 1_000
        assert alerts_of(killed) == alerts_of(undisturbed)
    finally:
        broker.stop()


def source(bootstrap: str) -> KafkaSource:
    return KafkaSource(KafkaSettings(bootstrap), Decoder(TimeParser(UTC, 4_000_000_000_000)))


def drain(reader: KafkaSource, number: int, most: int = 10_000) -> Batch:
    whole = Batch([])

    def enough() -> bool:
        batch = reader.poll(most, 0.2)
        assert len(batch.events) + len(batch.rejected) <= most
        whole.events += batch.events
        whole.rejected += batch.rejected
        whole.positions = batch.positions
        return len(whole.events) + len(whole.rejected) >= number

    wait_for(enough, lambda: f"{len(whole.events)} events, {len(whole.rejected)} rejected")
    return whole


def sample(second: int) -> bytes:
    stamp = f"2025-06-03T{10 + second // 3600}:{second // 60 % 60:02}:{second % 60:02}"
    data = {"customer_count": 1, "average_dwell_time": 2.0}
    return msgspec.json.encode({"timestamp": stamp, "station_id": "S", "status": "Active", "data": data})


def test_order_identity_outage_and_new_topics(broker: Broker) -> None:
    broker.start()
    reader = source(broker.bootstrap)
    try:
        assert not reader.live()
        broker.create_topics([NewTopic(QUEUE, PARTITIONS, 1)])
        reader.resume({})
        produce(broker, [(QUEUE, sample(second), str(second)) for second in range(2_000)])
        produce(broker, [(QUEUE, b"{broken", "k"), (QUEUE, b"\0\0\0\0\x09x", "k")])
        read = drain(reader, 2_002, most=301)
        times = [event.time for event in read.events]
        assert times == sorted(times)
        assert len({event.id for event in read.events}) == 2_000
        assert all(event.id and event.id.startswith(f"{QUEUE}/") for event in read.events)
        assert sorted(len(each.raw) for each in read.rejected) == [6, 7]
        assert any("schema registry" in each.reason for each in read.rejected)
        wait_for(lambda: reader.poll(10, 0.1) and reader.live())

        broker.kill()
        wait_for(lambda: reader.poll(10, 0.1) and not reader.live())
        broker.start()
        produce(broker, [(QUEUE, sample(3_000), "k")])
        broker.create_topics([NewTopic(RFID, 1, 1)])
        again = drain(reader, 1)
        assert [event.time for event in again.events] == [times[0] + 3_000_000]
        wait_for(lambda: reader.poll(10, 0.1) and reader.live())
    finally:
        reader.close()
        broker.stop()


def test_a_partition_that_waits_for_another_is_put_to_rest(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition begins where the other ends: what is read of it meanwhile stays within bounds."""
    monkeypatch.setattr("guardian.adapters.kafka.source.MOST_WAITING", 300)
    broker.start()
    reader = source(broker.bootstrap)
    try:
        broker.create_topics([NewTopic(QUEUE, 2, 1)])
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for second in range(6_000):
            producer.produce(QUEUE, sample(second), partition=int(second < 3_000))
            producer.poll(0)
        assert producer.flush(PATIENCE_S) == 0
        reader.resume({})
        read = drain(reader, 6_000, most=1_000)
        assert not read.rejected
        times = [event.time for event in read.events]
        assert times == sorted(times)
        assert len({event.id for event in read.events}) == len(times) == 6_000
    finally:
        reader.close()
        broker.stop()


def test_positions_from_the_store_are_gone_on_from(broker: Broker) -> None:
    broker.start()
    try:
        broker.create_topics([NewTopic(QUEUE, PARTITIONS, 1)])
        produce(broker, [(QUEUE, sample(second), str(second)) for second in range(500)])
        first = source(broker.bootstrap)
        first.resume({})
        begun = drain(first, 100, most=100)
        first.close()
        second = source(broker.bootstrap)
        second.resume(begun.positions)
        rest = drain(second, 400)
        second.close()
        ids = [event.id for event in (*begun.events, *rest.events)]
        assert len(ids) == len(set(ids)) == 500
    finally:
        broker.stop()


def test_alerts_are_written_by_id(kafka: Broker) -> None:
    topic = f"alerts-{uuid.uuid4().hex[:8]}"
    kafka.create_topics([NewTopic(topic, 3, 1)])
    publisher = KafkaAlertPublisher(KafkaSettings(kafka.bootstrap), topic=topic)
    documents = [{"alert_id": f"al_{number % 50}", "count": number} for number in range(200)]
    publisher.publish(documents)
    publisher.close()
    reader = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    reader.subscribe([topic])
    last: dict[str, int] = {}
    found = 0
    deadline = time.monotonic() + PATIENCE_S
    while found < 200 and time.monotonic() < deadline:
        for polled in reader.consume(200, 0.5):
            assert polled.error() is None
            document = msgspec.json.decode(polled.value() or b"")
            assert (polled.key() or b"").decode() == document["alert_id"]
            assert last.get(document["alert_id"], -1) < document["count"]
            last[document["alert_id"]] = document["count"]
            found += 1
    reader.close()
    assert found == 200


def test_alerts_that_did_not_arrive_are_told() -> None:
    (port,) = free_ports(1)
    publisher = KafkaAlertPublisher(KafkaSettings(f"127.0.0.1:{port}"), timeout_s=0.5)
    with pytest.raises(AlertPublishingError):
        publisher.publish([{"alert_id": "al_1"}])
    publisher.close()
