"""The statements of infra/flink on a real Flink and a real broker find what our engine finds."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.cimpl import NewTopic

from guardian.events.times import TimeParser, parse_zone
from infra.flink.generate import FINDINGS, INPUTS, INVENTORY_VIEW, SINKS, event_time, table_definitions
from stack.kafka.broker import Broker
from tests.flink import day as days, mapping
from tests.flink.mapping import Episode, epoch_ms
from tests.servers import flink as servers

STATEMENTS: Final = sorted((Path(__file__).parents[2] / "infra" / "flink").glob("*.sql"))
PARTITIONS: Final = 2
ZONE: Final = "UTC"
TIMES: Final = "times"
READ: Final = (
    "2025-06-03T01:15:01.694",
    "2025-06-03 01:15:01",
    "2025-06-03T01:15:01.6",
    "2025-06-03T01:15:01.694999Z",
    "2025-06-03T01:15:01Z",
    "2025-06-03T01:15:01+02:00",
    "2025-06-03T01:15:01.5-0530",
    "2025-06-03T23:15:01-11",
    "1748913301694",
)
UNREAD: Final = (
    "2025-06-03T01:15",
    "2025-06-03",
    "2025-06-03T01:15:01 UTC",
    "2025-13-03T01:15:01",
    "now",
    "",
)
"""Times that the engine reads or refuses, and Flink does not read."""
JOB_S: Final = 480.0
PATIENCE_S: Final = 60.0
FIVE_MINUTES_MS: Final = 300_000

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(1200), pytest.mark.xdist_group("flink")]


class Played(msgspec.Struct):
    """What was played, and what came of it: the days' folders by name, and the rows of each sink."""

    days: dict[str, Path]
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, kafka: Broker, flink: None) -> Played:
    """All days in one set of topics, and one job of all statements over them to their end."""
    folder = tmp_path_factory.mktemp("flink")
    recorded = {name: days.recorded(folder, name) for name in (*days.WAREHOUSES, days.STORE)}
    prefix = uuid.uuid4().hex[:8]
    kafka.create_topics(NewTopic(f"{prefix}-{name}", PARTITIONS, 1) for name in (*INPUTS, *SINKS, TIMES))
    produce(kafka, prefix, recorded)
    servers.run(folder / "job", script(kafka, prefix), JOB_S)
    return Played(recorded, {sink: consumed(kafka, f"{prefix}-{sink}") for sink in (*SINKS, TIMES)})


def produce(broker: Broker, prefix: str, recorded: Mapping[str, Path]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "acks": "all", "linger.ms": 50})
    for folder in recorded.values():
        for record in days.records(folder):
            if record.topic in INPUTS:
                while True:
                    try:
                        producer.produce(f"{prefix}-{record.topic}", record.value, key=record.key)
                        break
                    except BufferError:
                        producer.poll(1.0)
                producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0


def script(broker: Broker, prefix: str) -> str:
    """One job of all statements, which ends when everything has been read."""

    def options(topic: str) -> dict[str, str]:
        given = {
            "connector": "kafka",
            "topic": f"{prefix}-{topic}",
            "properties.bootstrap.servers": broker.bootstrap,
            "format": "json",
            "json.timestamp-format.standard": "ISO-8601",
        }
        if topic in INPUTS:
            given |= {"scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset"}
        return given

    statements = "\n".join(path.read_text("utf-8") for path in STATEMENTS)
    sink = ", ".join(f"'{name}' = '{value}'" for name, value in options(TIMES).items())
    texts = ", ".join(f"('{text}')" for text in (*READ, *UNREAD))
    statements += (
        f"INSERT INTO `{TIMES}` SELECT text, {event_time('text')} FROM (VALUES {texts}) AS t (text);"
    )
    return (
        "SET 'table.dml-sync' = 'true';\nSET 'parallelism.default' = '1';\n"
        f"SET 'table.local-time-zone' = '{ZONE}';\n"
        f"{table_definitions(options)}\n"
        f"CREATE TABLE `{TIMES}` (`text` STRING, `time` TIMESTAMP_LTZ(3)) WITH ({sink});\n"
        f"EXECUTE STATEMENT SET BEGIN\n{statements}\nEND;\n"
    )


def consumed(broker: Broker, topic: str) -> list[dict[str, Any]]:
    """All that is in a topic."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": uuid.uuid4().hex, "enable.partition.eof": False}
    )
    ends = {}
    for number in range(PARTITIONS):
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), PATIENCE_S)
        ends[number] = high
    consumer.assign([TopicPartition(topic, number, 0) for number in ends])
    rows = []
    for _ in range(sum(ends.values())):
        message = consumer.poll(PATIENCE_S)
        assert message is not None, f"{topic} ends early"
        assert message.error() is None, message.error()
        rows.append(msgspec.json.decode(message.value() or b""))
    consumer.close()
    return rows


def found_in(played: Played, name: str) -> list[Episode]:
    """What Flink found in a day: on its date."""
    date = "2025-06-03T" if name == days.STORE else days.WAREHOUSES[name][0] + "T"
    return mapping.of_flink(
        row
        for row in played.rows[FINDINGS]
        if row["started_at"].startswith(date) and (row["type"] == mapping.UNPAID) == (name == days.STORE)
    )


def expected_in(played: Played, name: str) -> list[Episode]:
    folder = played.days[name]
    return mapping.of_engine(days.alerts(folder), days.checkouts(folder))


@pytest.mark.parametrize("name", [*days.WAREHOUSES, days.STORE])
def test_flink_finds_the_episodes_that_our_engine_finds(played: Played, name: str) -> None:
    assert found_in(played, name) == expected_in(played, name)


def test_every_statement_finds_something_and_nothing_in_an_honest_day(played: Played) -> None:
    found = {name: Counter(one.type for one in found_in(played, name)) for name in played.days}
    assert set().union(*found.values()) == mapping.TYPES, found
    assert len(mapping.of_flink(played.rows[FINDINGS])) == sum(map(Counter.total, found.values()))
    assert found["honest"] == {}
    assert found["jd_com_attack"][mapping.STILL_THERE] > 20


def test_times_are_read_as_the_engine_reads_them(played: Played) -> None:
    parser = TimeParser(parse_zone(ZONE), latest_ms=4_000_000_000_000)
    assert {row["text"]: epoch_ms(row["time"]) for row in played.rows[TIMES]} == {
        **{text: parser.parse(text) for text in READ},
        **dict.fromkeys(UNREAD, 0),
    }


def test_shelves_by_location_are_what_their_last_readings_say(played: Played) -> None:
    last: dict[tuple[str, int], dict[str, tuple[int, int]]] = defaultdict(dict)
    for name in days.WAREHOUSES:
        for event in days.shelf_readings(played.days[name]):
            window = event.time // FIVE_MINUTES_MS * FIVE_MINUTES_MS
            shelf = last[event.value.location, window]
            read = (event.time, event.value.quantity)
            shelf[event.value.product_id] = max(read, shelf.get(event.value.product_id, read))
    wanted = {where: (len(shelf), sum(units for _, units in shelf.values())) for where, shelf in last.items()}
    rows = played.rows[INVENTORY_VIEW]
    got = {(row["location"], epoch_ms(row["window_start"])): (row["articles"], row["units"]) for row in rows}
    assert len(got) == len(rows) > 1_000
    assert got == wanted
