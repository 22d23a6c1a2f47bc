"""Replay of recordings: one order whatever the circumstances, and every record of hostile files told."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, strategies as st

from guardian.adapters.embedded.files import (
    FileSource,
    Recording,
    RecordingError,
    extend_keys,
    find_recordings,
    source_names,
)
from guardian.adapters.embedded.lines import MAX_LINE_BYTES
from guardian.engine.watermark import LONG_AGO
from guardian.events.model import Event, Rejected
from tests.unit.adapters.recorded import (
    HOUR,
    START,
    Seen,
    append,
    drain,
    in_order,
    new_decoder,
    record,
    seen,
    value,
    write,
)


def source(*paths: Path, block_bytes: int = 1 << 20, stdin: io.BufferedIOBase | None = None) -> FileSource:
    recordings = find_recordings(list(paths)) if paths else [Recording(None)]
    return FileSource(recordings, new_decoder(), block_bytes=block_bytes, stdin=stdin)  # type: ignore[arg-type]


# --- The order


def plain_keys(records: list[Event | Rejected]) -> list[int]:
    """The merge keys of a whole file, by the rule as it is written down."""
    keys: list[int] = []
    newest = LONG_AGO
    for index, one in enumerate(records):
        if isinstance(one, Event) and one.time > newest:
            rest = records[index + 1 :]
            witnesses = [other.time for other in rest[:64] if isinstance(other, Event)][:2]
            alone_at_end = not witnesses and len(rest) < 64
            far = one.time - newest > HOUR
            if far and (witnesses or alone_at_end) and all(time - newest > HOUR for time in witnesses):
                newest = min([one.time, *witnesses])
            if one.time - newest <= HOUR:
                newest = max(newest, one.time)
        keys.append(newest)
    return keys


def reference(files: list[Path]) -> list[Seen]:
    """The order of a replay, by one sort of everything."""
    rows = []
    decoder = new_decoder()
    recordings = find_recordings(files)
    for number, (recording, name) in enumerate(zip(recordings, source_names(recordings), strict=True)):
        assert recording.path is not None
        lines = recording.path.read_bytes().split(b"\n")
        if recording.topic is None:
            records = decoder.decode_records(lines, name, 1)
        else:
            records = decoder.decode_lines(recording.topic, lines, name, 1)
        keys = plain_keys(records) if len(recordings) > 1 else [0] * len(records)
        rows += [(key, number, one.position, seen(one)) for key, one in zip(keys, records, strict=True)]
    return [row[3] for row in sorted(rows, key=lambda row: row[:3])]


def same(got: list[list[Seen]], wanted: list[Seen]) -> None:
    """Batches keep events and rejected records apart, so they are compared batch by batch."""
    at = 0
    for batch in got:
        part = wanted[at : at + len(batch)]
        assert [one for one in batch if one.time is not None] == [one for one in part if one.time is not None]
        assert [one for one in batch if one.time is None] == [one for one in part if one.time is None]
        at += len(batch)
    assert at == len(wanted)


steps = st.one_of(
    st.sampled_from([0, 0, 0, 1_000, 1_000, 2_000]),  # in order, with ties in and across files
    st.integers(-5, 20).map(lambda seconds: seconds * 1_000),
    st.sampled_from([-30 * HOUR, 2 * HOUR, 30 * HOUR, 10_000 * HOUR, HOUR, HOUR + 1]),
)
lines = st.one_of(
    steps,
    st.sampled_from([b"", b"  ", b"{", b"null", b"\xff", b'{"timestamp": 5}']),
)


@st.composite
def files_of_lines(draw: st.DrawFn) -> list[list[bytes]]:
    files = []
    for _ in range(draw(st.integers(1, 4))):
        now, out = draw(st.sampled_from([0, 1_000, 5_000])), []
        for line in draw(st.lists(lines, max_size=30)):
            if isinstance(line, bytes):
                out.append(line)
            else:
                now += line if abs(line) < 25_000 else 0
                at = now if abs(line) < 25_000 else now + line
                if draw(st.booleans()) and abs(line) >= 25_000:
                    now = max(0, at)  # not a lone one: time has moved
                out.append(value(max(at, -START // 2)))
        files.append(out)
    return files


@given(
    files=files_of_lines(),
    block_bytes=st.sampled_from([1, 7, 100, 150, 400, 1 << 20]),
    most=st.sampled_from([1, 2, 3, 7, 1_000]),
    newline=st.booleans(),
)
def test_the_order_is_that_of_one_sort(
    files: list[list[bytes]], block_bytes: int, most: int, newline: bool
) -> None:
    with TemporaryDirectory() as folder:
        names = ["rfid_readings", "queue-monitor", "queue_monitoring", "records"]
        paths = [
            write(Path(folder) / f"{name}.jsonl", *file, end=b"\n" if newline else b"")
            for name, file in zip(names, files, strict=False)
        ]
        wanted = reference(paths)

        # Without a break, …
        whole = source(*paths, block_bytes=block_bytes)
        got = []
        while (batch := whole.poll(most, 1.0)) is not None:
            got.append(in_order(batch))
        done, total = whole.progress()
        assert done == total
        whole.close()
        same(got, wanted)

        # … and killed after every batch.
        got, positions = [], {}
        while True:
            life = source(*paths, block_bytes=block_bytes)
            life.resume(positions)
            batch = life.poll(most, 1.0)
            life.close()
            if batch is None:
                break
            positions |= batch.positions
            got.append(in_order(batch))
        same(got, wanted)


def test_a_lone_wrong_clock_drags_nothing_behind(tmp_path: Path) -> None:
    times = [0, 10_000, 50 * HOUR, 20_000, 30_000]
    write(tmp_path / "rfid_readings.jsonl", *map(value, times))
    write(tmp_path / "queue_monitoring.jsonl", *map(value, [5_000, 15_000, 25_000, 35_000]))
    got = [one.time for one in drain(source(tmp_path))]
    assert got == [0, 5_000, 10_000, 50 * HOUR, 15_000, 20_000, 25_000, 30_000, 35_000]


def test_a_closed_night_moves_every_file_at_once(tmp_path: Path) -> None:
    night = 10 * HOUR
    for name in ("rfid_readings", "queue_monitoring"):
        write(tmp_path / f"{name}.jsonl", *map(value, [0, 1_000, night, night + 1_000]))
    got = [one.time for one in drain(source(tmp_path))]
    assert got == [0, 0, 1_000, 1_000, night, night, night + 1_000, night + 1_000]


def test_records_of_a_sparse_file_come_at_their_time(tmp_path: Path) -> None:
    day = 24 * HOUR
    write(tmp_path / "queue_monitoring.jsonl", *map(value, [day, 2 * day, 3 * day]))
    write(tmp_path / "rfid_readings.jsonl", *(value(hour * HOUR // 2) for hour in range(180)))
    got = [one.time for one in drain(source(tmp_path, block_bytes=500))]
    assert got == sorted(got)  # type: ignore[type-var]


def test_keys_wait_for_witnesses() -> None:
    decoder = new_decoder()

    def event(at: int) -> Event | Rejected:
        return decoder.decode_value("queue-monitor", value(at), "s", 1)

    records = [event(0), event(1), event(2), event(5 * HOUR), event(3)]
    keys: list[int] = []
    assert extend_keys(keys, records, LONG_AGO, final=False) == START + 2
    assert len(keys) == 3
    records.append(event(4))
    assert extend_keys(keys, records, START + 2, final=False) == START + 4
    assert keys == [START, START + 1, START + 2, START + 2, START + 3, START + 4]


def test_garbage_is_no_witness_and_is_not_searched_for_ever() -> None:
    decoder = new_decoder()
    late = decoder.decode_value("queue-monitor", value(5 * HOUR), "s", 1)
    garbage = [decoder.decode_value("queue-monitor", b"{", "s", 1)] * 64
    keys: list[int] = []
    assert extend_keys(keys, [late, *garbage], START, final=False) == START
    assert keys == [START] * 65


# --- Lines


def test_records_and_kcat_output(tmp_path: Path) -> None:
    kcat = b'{"topic":"queue-monitor","partition":1,"offset":77,"key":"S1","payload":%b}'
    path = write(tmp_path / "dump.jsonl", record(0), kcat % json.dumps(value(1).decode()).encode())
    replay = source(path)
    batch = replay.poll(10, 1.0)
    replay.close()
    assert batch is not None
    assert [(one.ref, one.time - START, one.raw) for one in batch.events] == [
        ("dump.jsonl:1", 0, value(0)),
        ("queue-monitor/1/77", 1, value(1)),
    ]


@pytest.mark.parametrize("name", ["queue_monitoring.jsonl", "dump.jsonl"])
@pytest.mark.parametrize("block_bytes", [1, 50, 1 << 20])
def test_byte_order_mark_crlf_and_missing_newline(tmp_path: Path, name: str, block_bytes: int) -> None:
    line = value if name.startswith("queue") else record
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + line(0) + b"\r\n\r\n \n" + line(1) + b"\r\n" + line(2))
    replay = source(path, block_bytes=block_bytes)
    events, positions = [], {}
    while (batch := replay.poll(1, 1.0)) is not None:
        assert not batch.rejected
        events += batch.events
        positions |= batch.positions
    replay.close()
    assert [(one.position, one.raw) for one in events] == [(1, value(0)), (4, value(1)), (5, value(2))]
    assert json.loads(positions[name])["offset"] == path.stat().st_size
    append(path, b"\n" + line(3) + b"\n")
    assert drain(source(path), positions=positions) == [Seen(name, 6, 3)]


@pytest.mark.parametrize("other", [True, False])
def test_oversized_lines_are_rejected_and_the_rest_goes_on(tmp_path: Path, other: bool) -> None:
    large = value(1, "x" * (1 << 20))
    huge = b"[" * (MAX_LINE_BYTES + 1)
    path = write(
        tmp_path / "queue_monitoring.jsonl", value(0), large, value(2), huge, value(4), huge, end=b""
    )
    if other:
        write(tmp_path / "rfid_readings.jsonl", value(9))
    replay, rejected, events, positions = source(tmp_path), [], [], {}
    while (batch := replay.poll(1, 1.0)) is not None:
        rejected += batch.rejected
        events += [seen(one).time for one in batch.events]
        positions |= batch.positions
        replay.close()
        replay = source(tmp_path)
        replay.resume(positions)
    replay.close()
    assert events == ([0, 2, 4, 9] if other else [0, 2, 4])
    assert [(one.topic, one.position) for one in rejected] == [("queue-monitor", n) for n in (2, 4, 6)]
    assert rejected[0].raw == large
    for one in rejected[1:]:
        assert one.raw == huge[: 1 << 20]
        assert str(len(huge)) in one.reason
        assert hashlib.sha256(huge).hexdigest() in one.reason
    assert json.loads(positions[path.name])["offset"] == path.stat().st_size


def test_blank_lines_take_no_memory_and_no_position(tmp_path: Path) -> None:
    write(tmp_path / "queue_monitoring.jsonl", value(0), *[b""] * 10_000, value(1), *[b""] * 10_000)
    write(tmp_path / "rfid_readings.jsonl")
    replay = source(tmp_path, block_bytes=64)
    out = []
    while (batch := replay.poll(1, 1.0)) is not None:
        out += in_order(batch)
    assert [one.position for one in out] == [1, 10_002]
    assert replay.progress()[0] == replay.progress()[1] > 20_000
    replay.close()


# --- Resuming


@pytest.mark.parametrize("change", ["shorter", "other content", "emptied"])
def test_a_file_that_is_no_longer_the_same_is_refused(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "queue_monitoring.jsonl", *(value(at) for at in range(100)))
    replay = source(path)
    batch = replay.poll(60, 1.0)
    replay.close()
    assert batch is not None
    if change == "shorter":
        path.write_bytes(path.read_bytes()[:3_000])
    elif change == "emptied":
        path.write_bytes(b"")
    else:
        write(path, *(value(at + 1) for at in range(100)))
    again = source(path)
    with pytest.raises(RecordingError, match="cannot be continued") as raised:
        again.resume(batch.positions)
    assert str(path) in str(raised.value)
    again.close()


def test_a_file_that_has_grown_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path / "queue_monitoring.jsonl", value(0), value(1))
    replay = source(path)
    batch = replay.poll(10, 1.0)
    assert batch is not None
    assert replay.poll(10, 1.0) is None
    replay.close()
    got, positions = [], batch.positions
    for at in range(2, 100):
        append(path, value(at) + b"\n")
        replay = source(path, block_bytes=30)
        replay.resume(positions)
        batch = replay.poll(10, 1.0)
        replay.close()
        assert batch is not None
        got += [one.time for one in in_order(batch)]
        positions = batch.positions
    assert got == list(range(2, 100))


def test_an_unreadable_position_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "queue_monitoring.jsonl", value(0))
    replay = source(path)
    with pytest.raises(RecordingError, match="position cannot be read"):
        replay.resume({path.name: b"?"})
    replay.close()


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "queue_monitoring.jsonl", value(0))
    replay = source(path)
    path.unlink()
    with pytest.raises(RecordingError, match=r"queue_monitoring\.jsonl: No such file"):
        replay.poll(1, 0.0)


# --- Standard input and pipes


def test_standard_input_in_memory_and_resumed() -> None:
    data = b"".join(record(at) + b"\n" for at in range(50))
    replay = source(stdin=io.BytesIO(data))  # type: ignore[arg-type]
    batch = replay.poll(20, 1.0)
    assert batch is not None
    assert replay.progress()[1] == 0
    assert batch.events[0].source == "stdin"
    again = drain(source(stdin=io.BytesIO(data)), positions=batch.positions)  # type: ignore[arg-type]
    assert [one.time for one in again] == list(range(20, 50))
    for other in (data[:1_000], b" " + data):
        with pytest.raises(RecordingError, match="standard input"):
            source(stdin=io.BytesIO(other)).resume(batch.positions)  # type: ignore[arg-type]


def test_a_live_pipe_gives_what_is_there_and_waits_for_the_rest() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb", buffering=0) as pipe:
        replay = source(stdin=stdin)  # type: ignore[arg-type]
        nothing = replay.poll(10, 0.0)
        assert nothing is not None
        assert not nothing.events
        assert not replay.live()
        pipe.write(record(0) + b"\n" + record(1)[:20])
        batch = replay.poll(10, 5.0)
        assert batch is not None
        assert [one.time - START for one in batch.events] == [0]
        pipe.write(record(1)[20:])
        pipe.close()
        last = replay.poll(10, 5.0)
        while last is not None and not last.events:
            last = replay.poll(10, 5.0)
        assert last is not None
        assert [one.time - START for one in last.events] == [1]
        assert replay.poll(10, 5.0) is None


def test_a_named_pipe_is_merged_with_files(tmp_path: Path) -> None:
    fifo = tmp_path / "queue_monitoring.jsonl"
    os.mkfifo(fifo)
    other = write(tmp_path / "rfid_readings.jsonl", *(value(at) for at in range(0, 100, 2)))
    writer = threading.Thread(target=write, args=(fifo, *(value(at) for at in range(1, 100, 2))))
    writer.start()
    replay = source(fifo, other)
    assert [one.time for one in drain(replay)] == list(range(100))
    assert replay.progress()[1] == 0
    writer.join()
