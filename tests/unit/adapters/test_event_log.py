"""The event log, on a real file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from guardian.adapters.embedded.event_log import EventLogWriter, SqliteEventLog
from guardian.alerts.model import Alert, Subject
from guardian.events.decode import Decoder
from guardian.events.model import Event
from guardian.events.times import TimeParser, parse_zone
from tests.contract.committer import example_alert

T0 = 1_700_000_000_000
MINUTE = 60_000


def scan(station: str, at: int, sku: str = "PRD_1", *, number: int = 0, padding: str = "") -> Event:
    value = {
        "timestamp": at,
        "station_id": station,
        "status": "Active",
        "event_id": f"e{number or at}-{station}",
        "data": {
            "customer_id": "C1",
            "sku": sku,
            "product_name": padding or "x",
            "barcode": "1",
            "price": 1.0,
        },
    }
    value["data"] |= {"weight_g": 10}
    decoder = Decoder(TimeParser(parse_zone("UTC"), T0 + 10**9))
    event = decoder.decode_value("pos-transactions", msgspec.json.encode(value), "test", number)
    assert isinstance(event, Event), event
    return event


def alert(subject: Subject, **evidence: object) -> Alert:
    return msgspec.structs.replace(example_alert("a", event_time=T0), subject=subject, evidence=evidence)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guardian.events.db"


def test_what_happened_around_an_alert_is_what_it_is_about_and_what_it_cites(path: Path) -> None:
    writer = EventLogWriter(path)
    near = [scan("SCC1", T0 + n * 1000) for n in range(-3, 4)]
    far = [scan("SCC1", T0 - 10 * MINUTE), scan("SCC1", T0 + 10 * MINUTE)]
    other = [scan("SCC2", T0), scan("SCC2", T0 + 5)]
    writer.append([*far, *near, *other])
    writer.append(near)  # a batch that is committed once more
    log = SqliteEventLog(path)
    station = Subject("station", "SCC1")
    found = log.around(alert(station, event_ids=[other[1].ref]), MINUTE, MINUTE, 100)
    assert [event.event_id for event in found] == [
        event.ref for event in sorted([*near, other[1]], key=lambda e: (e.time, e.ref))
    ]
    assert [msgspec.json.decode(event.value)["station_id"] for event in found].count("SCC2") == 1
    few = log.around(alert(station, event_ids=[other[1].ref]), MINUTE, MINUTE, 3)
    assert len(few) == 3
    assert other[1].ref in {event.event_id for event in few}
    article = log.around(alert(Subject("sku", "PRD_1")), MINUTE, MINUTE, 100)
    assert len(article) == len(near) + len(other)
    assert log.around(alert(Subject("station", "SCC9")), MINUTE, MINUTE, 100) == []
    writer.close()


def test_where_nothing_was_kept_nothing_happened(path: Path) -> None:
    assert SqliteEventLog(path).around(alert(Subject("station", "SCC1")), MINUTE, MINUTE, 10) == []


def test_the_old_go_first_and_the_file_stays_small(path: Path) -> None:
    writer = EventLogWriter(path, kept_ms=MINUTE, kept_bytes=400_000)
    for part in range(30):
        writer.append(
            [
                scan("SCC1", T0 + part * 1000 + n, number=part * 100 + n + 1, padding="y" * 900)
                for n in range(100)
            ]
        )
        writer.trim()
    log = SqliteEventLog(path)
    whole = alert(Subject("station", "SCC1"))
    assert path.stat().st_size < 800_000
    newest = scan("SCC2", T0 + 10 * MINUTE, number=9_000)
    writer.append([newest])
    for _ in range(3):
        writer.trim()
    left = log.around(whole, MINUTE, 20 * MINUTE, 10_000)
    assert left == []
    assert len(log.around(alert(Subject("station", "SCC2")), MINUTE, 20 * MINUTE, 10)) == 1
    writer.close()


def test_a_log_that_cannot_be_written_does_not_stop_the_engine(path: Path) -> None:
    writer = EventLogWriter(path)
    other = sqlite3.connect(path)
    other.execute("DROP TABLE event_keys")
    other.close()
    writer.append([scan("SCC1", T0), scan("SCC2", T0)])
    assert writer.lost == 2
    writer.close()
