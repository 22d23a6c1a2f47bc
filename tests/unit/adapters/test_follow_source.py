"""Files followed as they grow: nothing twice, nothing left out, whatever is done to them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from structlog.testing import capture_logs

from guardian.adapters.embedded.files import Recording, RecordingError, find_recordings
from guardian.adapters.embedded.follow import FollowSource
from tests.unit.adapters.recorded import START, Seen, append, in_order, new_decoder, record, value, write

NAME = "queue_monitoring.jsonl"


def follow(
    *paths: Path, block_bytes: int = 1 << 20, positions: dict[str, bytes] | None = None
) -> FollowSource:
    source = FollowSource(find_recordings(paths), new_decoder(), block_bytes=block_bytes, check_every_s=0.01)
    source.resume(positions or {})
    return source


def now(source: FollowSource, most: int = 1_000) -> list[Seen]:
    """What is there, without waiting."""
    return in_order(source.poll(most, 0.0))


def times(seen: list[Seen]) -> list[int | None]:
    return [one.time for one in seen]


def test_only_complete_lines_are_taken(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, value(0), b"", value(1), end=b"")
    source = follow(path)
    assert now(source) == [Seen(NAME, 1, 0)]
    assert now(source) == []
    append(path, b"\n" + value(2)[:10])
    assert now(source) == [Seen(NAME, 3, 1)]
    append(path, value(2)[10:] + b"\n{\n")
    assert now(source) == [Seen(NAME, 4, 2), Seen(NAME, 5, None)]
    source.close()


def test_it_waits_for_what_is_appended(tmp_path: Path) -> None:
    path = write(tmp_path / NAME)
    source = follow(path)
    writer = threading.Timer(0.05, append, (path, value(7) + b"\n"))
    writer.start()
    assert times(in_order(source.poll(10, 30.0))) == [7]
    writer.join()
    source.close()


def test_no_wait_is_longer_than_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / NAME)
    waits: list[float] = []
    source = FollowSource(find_recordings([path]), new_decoder(), wait=waits.append)
    source.poll(10, 0.0)
    assert waits == []
    source.poll(10, 0.001)
    assert waits
    assert max(waits) <= 0.001
    source.close()


@pytest.mark.parametrize("most", [1, 3, 1_000])
@pytest.mark.parametrize("block_bytes", [1, 90, 1 << 20])
def test_killed_after_every_poll(tmp_path: Path, most: int, block_bytes: int) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"\xef\xbb\xbf" + b"".join(value(at) + b"\r\n\r\n" for at in range(20)))
    got, positions = [], {}
    while True:
        source = follow(path, block_bytes=block_bytes, positions=positions)
        batch = source.poll(most, 0.0)
        source.close()
        if not batch.events:
            break
        assert len(batch.events) <= most
        positions |= batch.positions
        got += in_order(batch)
    assert got == [Seen(NAME, 1 + 2 * at, at) for at in range(20)]


def test_a_rotated_file_is_read_to_its_end_first(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, value(0))
    source = follow(path)
    now(source)
    append(path, value(1) + b"\n" + value(2))  # its last line never gets its newline
    path.rename(tmp_path / "old")
    assert times(now(source)) == [1]  # nothing new is at the path yet
    write(path, value(3), value(4))
    with capture_logs() as logs:
        got = now(source) + now(source)
    assert got == [Seen(NAME, 3, 2), Seen(NAME, 4, 3), Seen(NAME, 5, 4)]
    assert [(log["event"], log["log_level"]) for log in logs] == [("followed_file_replaced", "warning")]
    batch = source.poll(10, 0.0)
    source.close()
    append(path, value(5) + b"\n")
    source = follow(path, positions=batch.positions)
    assert now(source) == [Seen(NAME, 6, 5)]
    source.close()


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_cut_and_written_again_starts_anew(tmp_path: Path, longer: bool) -> None:
    path = write(tmp_path / NAME, value(0), value(1))
    source = follow(path)
    now(source)
    path.write_bytes(b"".join(value(at) + b"\n" for at in range(10, 14 if longer else 11)))
    with capture_logs() as logs:
        got = now(source)
    assert got[0] == Seen(NAME, 3, 10)
    assert times(got) == list(range(10, 14 if longer else 11))
    assert logs[0]["event"] == "followed_file_rewritten"
    source.close()


def test_replaced_while_nobody_was_reading(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, value(0), value(1))
    source = follow(path)
    positions = source.poll(10, 0.0).positions
    source.close()
    path.unlink()
    write(path, value(5), value(6), value(7))
    source = follow(path, positions=positions)
    with capture_logs() as logs:
        assert now(source) == [Seen(NAME, 3, 5), Seen(NAME, 4, 6), Seen(NAME, 5, 7)]
    assert logs[0]["event"] == "followed_file_replaced"
    source.close()


def test_a_missing_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / NAME
    source = FollowSource([Recording(path, "queue-monitor")], new_decoder())
    assert now(source) == []
    write(path, value(0))
    assert now(source) == [Seen(NAME, 1, 0)]
    source.close()


def test_an_unreadable_file_is_told_and_goes_on_where_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, value(0))
    source = follow(path)
    assert times(now(source)) == [0]
    path.rename(tmp_path / "kept")
    path.mkdir()  # reading what is at the path fails now
    with capture_logs() as logs:
        assert now(source) == []
        assert now(source) == []
    assert [log["event"] for log in logs] == ["followed_file_unreadable"]
    path.rmdir()
    (tmp_path / "kept").rename(path)
    append(path, value(1) + b"\n")
    assert now(source) == [Seen(NAME, 2, 1)]
    source.close()


def in_batches(source: FollowSource, most: int) -> list[int]:
    """Times of all events that are there, in the order in which they are handed over."""
    handed: list[int] = []
    while batch := source.poll(most, 0.0).events:
        handed += [event.time - START for event in batch]
    return handed


@pytest.mark.parametrize("most", [1, 7, 1_000])
@pytest.mark.parametrize("block_bytes", [1, 200, 1 << 20])
def test_what_is_there_already_is_merged_by_event_time(tmp_path: Path, most: int, block_bytes: int) -> None:
    """After a pause of hours one file must not come whole before the next."""
    write(tmp_path / NAME, *map(value, range(0, 300, 2)))
    write(tmp_path / "dump.jsonl", *map(record, range(1, 300, 2)))
    source = follow(tmp_path, block_bytes=block_bytes)
    assert in_batches(source, most) == list(range(300))
    source.close()


@given(
    cuts=st.lists(st.integers(0, 2), min_size=1, max_size=60),
    kill_after=st.integers(1, 12),
    most=st.integers(1, 9),
    block_bytes=st.integers(1, 400),
)
def test_merged_and_killed(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], kill_after: int, most: int, block_bytes: int
) -> None:
    """Three files with consecutive times; killed after some polls, and gone on with what was committed."""
    folder = tmp_path_factory.mktemp("merged")
    names = [NAME, "dump.jsonl", "more.jsonl"]
    lines: list[list[bytes]] = [[], [], []]
    for at, file in enumerate(cuts):
        lines[file].append(value(at) if file == 0 else record(at))
    for name, rows in zip(names, lines, strict=True):
        write(folder / name, *rows)
    source = follow(folder, block_bytes=block_bytes)
    handed, positions = [], {}
    for _ in range(kill_after):
        batch = source.poll(most, 0.0)
        handed += [event.time - START for event in batch.events]
        positions = batch.positions
    source.close()
    source = follow(folder, block_bytes=block_bytes, positions=positions)
    handed += in_batches(source, most)
    source.close()
    assert handed == list(range(len(cuts)))


def test_a_file_with_nothing_new_holds_up_nobody(tmp_path: Path) -> None:
    quiet = write(tmp_path / NAME, value(5))
    busy = write(tmp_path / "dump.jsonl", record(3))
    source = follow(tmp_path)
    assert in_batches(source, 10) == [3, 5]
    append(busy, record(900) + b"\n")
    assert in_batches(source, 10) == [900]
    append(quiet, value(6) + b"\n")  # late, and handed over all the same
    assert in_batches(source, 10) == [6]
    source.close()


def test_silence_tells_something_once_all_is_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    source = FollowSource([Recording(path, "queue-monitor")], new_decoder())
    now(source)
    assert not source.live()  # there is nothing yet that could be silent
    write(path, value(0), value(1), value(2))
    now(source, 2)
    assert not source.live()
    now(source, 2)
    assert now(source, 2) == []
    assert source.live()
    path.rename(tmp_path / "old")
    now(source)
    assert source.live()  # the old one may still be written to
    path.mkdir()
    with capture_logs():
        now(source)
    assert not source.live()
    source.close()


def test_standard_input_cannot_be_followed() -> None:
    with pytest.raises(RecordingError, match="standard input"):
        FollowSource([Recording(None)], new_decoder())


def test_a_position_that_is_none_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / NAME, value(0))
    with pytest.raises(RecordingError, match=str(path)):
        follow(path, positions={NAME: b"?"})


@given(
    actions=st.lists(
        st.sampled_from(["line", "line", "half", "blank", "poll", "poll", "rotate", "restart"]), max_size=40
    ),
    most=st.sampled_from([1, 2, 100]),
    block_bytes=st.sampled_from([10, 100, 1 << 20]),
)
def test_whatever_happens_every_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str], most: int, block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("follow") / NAME
    path.touch()
    written, half = 0, b""
    got: list[Seen] = []
    positions: dict[str, bytes] = {}
    source = follow(path, block_bytes=block_bytes)

    def poll() -> bool:
        batch = source.poll(most, 0.0)
        positions.update(batch.positions)
        got.extend(in_order(batch))
        return bool(batch.events)

    for number, action in enumerate([*actions, "line"]):
        if action in ("line", "half") and not half:
            half = value(written)
            append(path, half[:20])
            half, written = half[20:], written + 1
        if action == "line":
            append(path, half + b"\n")
            half = b""
        elif action == "blank" and not half:
            append(path, b"\n")
        elif action == "poll":
            poll()
        elif action == "rotate" and not half:
            poll()  # the old one is open: it has not been missed while nobody was reading
            path.rename(path.with_suffix(f".{number}"))
            path.touch()
            while poll():  # so that not two rotations happen between two looks
                pass
        elif action == "restart":
            source.close()
            source = follow(path, block_bytes=block_bytes, positions=dict(positions))
    while poll():
        pass
    source.close()
    assert [one.time for one in got] == list(range(written))
    assert len({one.position for one in got}) == len(got)
