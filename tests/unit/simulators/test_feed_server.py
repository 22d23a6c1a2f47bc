"""The feed server, through real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulators.feed_server import FeedServer, RecordingError, shifted

HEARTBEAT = {"epc": None, "location": None, "sku": None}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two streams whose times interleave: naive ISO text in one, epoch ms in the other."""
    write(
        tmp_path / "rfid_readings.jsonl",
        [
            {
                "timestamp": "2025-06-03T10:00:00.250",
                "station_id": "SCC1",
                "data": HEARTBEAT,
                "event_id": "r1",
            },
            {"timestamp": "2025-06-03T10:00:10", "station_id": "SCC1", "data": HEARTBEAT, "event_id": "r2"},
        ],
    )
    write(
        tmp_path / "queue_monitoring.jsonl",
        [
            {"timestamp": 1748944805000, "station_id": "SCC1", "data": {"customer_count": 1}},
            {"timestamp": 1748944799000, "station_id": "SCC1", "data": {"customer_count": 2}},
        ],
    )
    return tmp_path


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@contextmanager
def connected(server: FeedServer) -> Iterator[Iterator[dict[str, Any]]]:
    """The lines that a client reads, decoded."""
    address = server.host, server.port
    with socket.create_connection(address, timeout=10) as client, client.makefile("rb") as lines:
        yield map(json.loads, lines)


def test_a_banner_and_then_the_events_by_time(folder: Path) -> None:
    with FeedServer(folder, port=0, speed=0) as server, connected(server) as lines:
        assert next(lines) == {
            "service": "project-sentinel-event-stream",
            "datasets": ["RFID_data", "Queue_monitor"],
            "events": 4,
            "loop": False,
            "speed_factor": 0,
            "cycle_seconds": 12,
            "schema": "newline-delimited JSON objects",
        }
        frames = list(lines)  # ends: the server hangs up when all is sent
    assert [(frame["sequence"], frame["dataset"], frame["timestamp"]) for frame in frames] == [
        (1, "Queue_monitor", 1748944799000),
        (2, "RFID_data", "2025-06-03T10:00:00.250"),
        (3, "Queue_monitor", 1748944805000),
        (4, "RFID_data", "2025-06-03T10:00:10"),
    ]
    assert all(
        list(frame) == ["dataset", "sequence", "timestamp", "original_timestamp", "event"] for frame in frames
    )
    assert all(
        frame["timestamp"] == frame["original_timestamp"] == frame["event"]["timestamp"] for frame in frames
    )
    assert frames[1]["event"]["data"] == HEARTBEAT


def test_every_connection_is_served_from_the_start(folder: Path) -> None:
    with FeedServer(folder, port=0, speed=0) as server:
        with connected(server) as lines:
            first = [next(lines), next(lines)]
        with connected(server) as lines, connected(server) as others:
            whole, other = list(lines), list(others)
    assert whole[:2] == first
    assert whole == other
    assert len(whole) == 5


def test_a_loop_moves_times_on_and_makes_other_events_of_them(folder: Path) -> None:
    with FeedServer(folder, port=0, speed=0, loop=True) as server, connected(server) as lines:
        cycle_ms = next(lines)["cycle_seconds"] * 1000
        frames = [next(lines) for _ in range(12)]
    assert [frame["sequence"] for frame in frames] == list(range(1, 13))
    second, third = frames[4:8], frames[8:]
    assert second[0]["timestamp"] == 1748944799000 + cycle_ms
    assert second[1]["timestamp"] == second[1]["event"]["timestamp"] == "2025-06-03T10:00:12.250"
    assert third[1]["timestamp"] == "2025-06-03T10:00:24.250"
    assert third[1]["original_timestamp"] == "2025-06-03T10:00:00.250"
    assert [frame["event"]["event_id"] for frame in (frames[1], second[1], third[1])] == [
        "r1",
        "r1.1",
        "r1.2",
    ]
    assert "event_id" not in third[0]["event"]
    assert frames[1]["event"]["data"] == third[1]["event"]["data"]


def test_the_pace_is_that_of_the_recording_times_the_speed(folder: Path) -> None:
    with FeedServer(folder, port=0, speed=50) as server:
        began = time.monotonic()
        with connected(server) as lines:
            assert len(list(lines)) == 5
        assert 0.2 <= time.monotonic() - began < 5  # 11 s, fifty times as fast


def test_stopping_hangs_up_on_slow_readers_and_frees_the_port(folder: Path) -> None:
    server = FeedServer(folder, port=0, speed=0, loop=True)
    server.start()
    with connected(server) as slow, connected(server) as waiting:
        next(slow)  # and reads no more: the server is stuck in sending
        next(waiting)
        server.stop()
        server.stop()
    again = FeedServer(folder, port=server.port, speed=0)
    again.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feed-")]


def test_stopping_does_not_wait_for_the_next_event(folder: Path) -> None:
    server = FeedServer(folder, port=0, speed=0.001)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with connected(server) as lines:
        next(lines)
        server.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_client_that_leaves_does_not_disturb_the_others(folder: Path) -> None:
    with FeedServer(folder, port=0, speed=0, loop=True) as server, connected(server) as stays:
        next(stays)
        with connected(server) as leaves:
            next(leaves)
        assert [next(stays)["sequence"] for _ in range(2_000)] == list(range(1, 2_001))


@pytest.mark.parametrize(
    ("written", "later"),
    [
        (1748944800000, 1748944895000),
        ("1748944800000", "1748944895000"),
        ("2025-06-03T23:59:00", "2025-06-04T00:00:35"),
        ("2025-06-03 23:59:00.5", "2025-06-04 00:00:35.5"),
        ("2025-06-03T23:59:00.123456Z", "2025-06-04T00:00:35.123456Z"),
        ("2025-06-03T23:59:00+05:30", "2025-06-04T00:00:35+05:30"),
    ],
)
def test_times_keep_their_form(written: str | int, later: str | int) -> None:
    assert shifted(written, 95) == later


def test_zones_are_respected_when_merging(tmp_path: Path) -> None:
    stamps = ["2025-06-03T12:00:00+05:30", "2025-06-03T06:00:00Z", "2025-06-03T06:15:00"]
    write(tmp_path / "rfid_readings.jsonl", [{"timestamp": stamp} for stamp in stamps])
    with FeedServer(tmp_path, port=0, speed=0) as server, connected(server) as lines:
        next(lines)
        assert [frame["timestamp"] for frame in lines] == [stamps[1], stamps[2], stamps[0]]


@pytest.mark.parametrize("line", ["{", "[]", '{"station_id": "SCC1"}', '{"timestamp": "yesterday"}'])
def test_a_recording_that_cannot_be_played_is_refused_with_the_place(line: str, tmp_path: Path) -> None:
    (tmp_path / "rfid_readings.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"rfid_readings\.jsonl, line 2: "):
        FeedServer(tmp_path, port=0)


def test_nothing_to_play_and_odd_speeds_are_refused(folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RecordingError, match="no events"):
        FeedServer(empty, port=0)
    for speed in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="speed"):
            FeedServer(folder, port=0, speed=speed)
