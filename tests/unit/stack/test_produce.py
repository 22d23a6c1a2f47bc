"""What the producer sends: in which order, under which keys, and when."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from stack.day import simulate
from stack.produce import KEY_FIELDS, Pace, Record, between, moved, play, recorded, shift_to_now_s, twice


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    simulate("store", 5, 0.0, folder)
    return folder


def lines(folder: Path) -> dict[str, int]:
    """How often each line stands in the recording."""
    found: dict[str, int] = {}
    for path in folder.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            found[line] = found.get(line, 0) + 1
    return found


def test_everything_is_sent_as_it_was_recorded(day: Path) -> None:
    sent: dict[str, int] = {}
    for record in recorded(day, UTC):
        text = record.value.decode()
        sent[text] = sent.get(text, 0) + 1
    assert sent == lines(day)


def test_by_event_time_but_for_what_came_late(day: Path) -> None:
    newest = 0
    for record in recorded(day, UTC):
        assert record.time > newest - 6_000, "later than the simulated devices ever are"
        newest = max(newest, record.time)


def test_keys_are_the_producers(day: Path) -> None:
    keys = set()
    for record in recorded(day, UTC):
        field = KEY_FIELDS.get(record.topic)
        assert record.key == (None if field is None else json.loads(record.value)[field])
        keys.add((record.topic, record.key is None))
    assert ("pos-transactions", False) in keys
    assert ("inventory-snapshots", True) in keys


def test_what_cannot_be_read_is_sent_too(tmp_path: Path) -> None:
    good = '{"timestamp": "2025-06-03T10:00:00", "station_id": "S", "status": "Active", "data": {}}'
    (tmp_path / "queue-monitor.jsonl").write_text(f"{good}\n{{broken\n")
    values = [(record.topic, record.value) for record in recorded(tmp_path, UTC)]
    assert ("queue-monitor", b"{broken") in values


def test_moved_keeps_distances_identity_and_form(day: Path) -> None:
    before = list(recorded(day, UTC))
    after = list(moved(before, 3_600))
    for one, other in zip(before, after, strict=True):
        old, new = json.loads(one.value), json.loads(other.value)
        assert other.time - one.time == 3_600_000
        assert {**new, "timestamp": old["timestamp"]} == old
        assert new["timestamp"][-4:] == old["timestamp"][-4:]
    broken = [Record(1, "rfid-readings", None, b"{broken")]
    assert list(moved(broken, 5)) == broken


@pytest.mark.parametrize("speed", [0.0, 1.0, 10.0])
def test_the_last_is_sent_at_its_own_time(speed: float) -> None:
    first, last = 1_748_900_000_000, 1_748_900_060_000
    records = [Record(moment, "t", None, b"") for moment in (first, last)]
    before = time.time()
    shift_s = shift_to_now_s(records, speed)
    sent_s = (before + 60 / speed) if speed else before
    assert sent_s - 1.0 <= last / 1000 + shift_s <= sent_s + (time.time() - before)
    assert shift_to_now_s([], speed) == 0


def test_window_and_twice() -> None:
    records = [Record(time, "t", None, b"") for time in (1, 2, 3, 4)]
    assert [record.time for record in between(records, 2, 4)] == [2, 3]
    assert [record.time for record in twice(between(records, 3, None))] == [3, 3, 4, 4]


@given(st.lists(st.integers(0, 10_000), min_size=1), st.floats(0.1, 1_000), st.floats(0.1, 1_000))
def test_nothing_is_due_before_its_time_or_its_turn(times: list[int], speed: float, rate: float) -> None:
    pace = Pace(speed, rate)
    for number, moment in enumerate(times):
        due = pace.due_s(Record(moment, "t", None, b""))
        assert due >= (moment - times[0]) / 1000 / speed
        assert due >= number / rate


def test_as_fast_as_it_goes() -> None:
    pace = Pace(0.0, 0.0)
    assert [pace.due_s(Record(time, "t", None, b"")) for time in (0, 86_400_000)] == [0.0, 0.0]


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_a_pace_that_is_none(bad: float) -> None:
    with pytest.raises(ValueError, match="--speed"):
        Pace(bad, 0.0)
    with pytest.raises(ValueError, match="--rate"):
        Pace(0.0, bad)


def test_stopped_while_it_waits() -> None:
    stop = threading.Event()
    sent: list[Record] = []

    def send(record: Record) -> None:
        sent.append(record)
        stop.set()

    records = [Record(time, "t", None, b"") for time in (0, 3_600_000)]
    assert play(records, Pace(1.0, 0.0), send, stop) == len(sent) == 1
