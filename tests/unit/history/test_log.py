"""The log of history: what was committed is there, once, whatever happened to the process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from guardian.adapters.embedded.history.folder import About, HistoryError, HistoryFolder
from guardian.adapters.embedded.history.log import EventReader, HistoryLog, frames
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.events.topics import QUEUE

ABOUT = About("store", "UTC")


def batch(*numbers: int) -> Batch:
    events = []
    for number in numbers:
        raw = b'{"timestamp": "2025-06-03T10:00:00Z", "station_id": "S%d", "status": "Active"}' % number
        events.append(Event(QUEUE, 1_748_944_800_000 + number, None, None, "q.jsonl", number, raw))
    return Batch(events, positions={"q.jsonl": b"%d" % numbers[-1]})


def opened(path: Path, committed: Mapping[str, bytes]) -> HistoryLog:
    return HistoryLog(HistoryFolder(path), ABOUT, committed)


def kept(path: Path) -> list[tuple[int, int]]:
    """Number and place of every event in the log."""
    reader = EventReader("UTC")
    return [
        (number, event.position)
        for segment in HistoryFolder(path).segments()
        for frame, _ in frames(segment)
        for number, event in reader.events(frame)
    ]


def test_numbers_go_on(tmp_path: Path) -> None:
    log = opened(tmp_path, {})
    log.before(batch(1, 2))
    log.ticked(1_000)
    log.before(batch(3))
    log.close()
    log = opened(tmp_path, {"q.jsonl": b"3"})
    log.before(batch(4))
    log.close()
    assert kept(tmp_path) == [(1, 1), (2, 2), (4, 3), (5, 4)]


def test_what_was_never_committed_is_taken_back(tmp_path: Path) -> None:
    log = opened(tmp_path, {})
    log.before(batch(1, 2))
    log.before(batch(3, 4))
    log.close()
    # The second batch was appended, and the process died before it was committed.
    log = opened(tmp_path, {"q.jsonl": b"2"})
    log.before(batch(3, 4, 5))
    log.close()
    assert [place for _, place in kept(tmp_path)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("cut", [1, 5, 9, 40])
def test_half_a_frame_is_taken_back(tmp_path: Path, cut: int) -> None:
    log = opened(tmp_path, {})
    log.before(batch(1, 2))
    log.before(batch(3))
    log.close()
    (segment,) = HistoryFolder(tmp_path).segments()
    os.truncate(segment, segment.stat().st_size - cut)
    assert [place for _, place in kept(tmp_path)] == [1, 2]
    log = opened(tmp_path, {"q.jsonl": b"2"})
    log.before(batch(3))
    log.close()
    assert [place for _, place in kept(tmp_path)] == [1, 2, 3]


def test_damage_hides_nothing_before_it(tmp_path: Path) -> None:
    log = opened(tmp_path, {})
    log.before(batch(1))
    log.before(batch(2))
    log.close()
    (segment,) = HistoryFolder(tmp_path).segments()
    data = bytearray(segment.read_bytes())
    data[-3] ^= 1
    segment.write_bytes(data)
    assert [place for _, place in kept(tmp_path)] == [1]


def test_one_writer_and_one_site(tmp_path: Path) -> None:
    log = opened(tmp_path, {})
    with pytest.raises(HistoryError, match="another process is its writer"):
        opened(tmp_path, {})
    log.close()
    with pytest.raises(HistoryError, match="history of site 'store'"):
        HistoryLog(HistoryFolder(tmp_path), About("elsewhere", "UTC"), {})
    with pytest.raises(HistoryError, match="no history here"):
        HistoryFolder(tmp_path / "none").about()


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = opened(tmp_path, {})
    log.before(batch(1))
    good = log._file

    class Full:
        fileno = good.fileno

        def write(self, data: bytes) -> int:
            good.write(data[: len(data) // 2])  # some of it finds room
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(log, "_file", Full())
    log.before(batch(2, 3))
    assert log.lost == 2
    monkeypatch.setattr(log, "_file", good)
    log.before(batch(4))
    log.close()
    assert [place for _, place in kept(tmp_path)] == [1, 4]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    log = opened(tmp_path / "history", {})
    log.before(batch(1))
    log.close()
    folder = HistoryFolder(tmp_path / "history")
    assert folder.path.stat().st_mode & 0o077 == 0
    assert folder.segments()[0].stat().st_mode & 0o077 == 0
