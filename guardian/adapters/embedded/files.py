"""Recorded streams: which files there are, and their replay in event time.

The order of a replay is a function of the files alone: not of how they are read, nor of how many
records are asked for at a time, nor of where a killed replay was resumed. Every record gets a merge key, the
running maximum of event time in its file; records are ordered by (key, order of the files, line).
"""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import structs

from guardian.adapters.embedded.cursor import (
    FINGERPRINTED_BYTES,
    Cursor,
    Position,
    PositionError,
    decode_position,
)
from guardian.adapters.embedded.lines import LineSplitter
from guardian.engine.plan import Batch
from guardian.engine.watermark import LONG_AGO, WITNESSES
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.topics import topic_for_file_stem

STDIN: Final = "-"
STDIN_NAME: Final = "stdin"
CATALOGUE_NAMES: Final = ("products_list.csv", "catalogue.csv", "catalog.csv", "products.csv")

BLOCK_BYTES: Final = 64 * 1024
"""Read at a time. What is decoded of each file takes about ten times as much."""
BATCH_BYTES: Final = 16 << 20
"""A batch ends at this size, however many records were asked for: records may be a megabyte each."""

JUMP_MS: Final = 3_600_000
_LOOK_AHEAD = 64  # records searched for witnesses

_NOT_RECORDINGS = {
    ".csv": "a table, not a recording",
    ".gz": "compressed; unpack it, or pipe it: zcat FILE | guardian replay -",
    ".bz2": "compressed; unpack it, or pipe it: bzcat FILE | guardian replay -",
    ".xz": "compressed; unpack it, or pipe it: xzcat FILE | guardian replay -",
    ".zst": "compressed; unpack it, or pipe it: zstdcat FILE | guardian replay -",
    ".zip": "an archive; unpack it first",
}

Given = Path | str
"""A path, or "-"."""
Record = Event | Rejected


class RecordingError(Exception):
    """No recording where one was said to be. The text names the place."""


class Recording(msgspec.Struct, frozen=True):
    """One file of a recording. path: None is standard input. topic: the stream whose bare values it
    holds, or None when it holds records that name theirs."""

    path: Path | None
    topic: str | None = None


def find_recordings(paths: Sequence[Given]) -> list[Recording]:
    """The recordings under `paths`: files, folders (not the folders in them), `-` for standard input.

    A file named twice is taken once.
    """
    found: dict[Path | None, Recording] = {}
    for given in paths:
        if str(given) == STDIN:
            found.setdefault(None, Recording(None))
            continue
        for path in _files(Path(given)):
            found.setdefault(path.resolve(), Recording(path, topic_for_file_stem(path.stem)))
    return list(found.values())


def find_catalogue(paths: Sequence[Given]) -> Path | None:
    """The product catalogue that lies beside the recordings in one of the folders given, if one does."""
    for given in paths:
        for name in CATALOGUE_NAMES:
            path = Path(given) / name
            if path.is_file():
                return path
    return None


def source_names(recordings: Sequence[Recording]) -> list[str]:
    """A name for each: that of its file, with as many of the folders above as it takes to be unique."""
    parts = [
        (STDIN_NAME,) if recording.path is None else recording.path.absolute().parts
        for recording in recordings
    ]
    names = [part[-1:] for part in parts]
    for depth in range(2, max(map(len, parts), default=0) + 1):
        shared = {name for name in names if names.count(name) > 1}
        if not shared:
            break
        names = [part[-depth:] if name in shared else name for part, name in zip(parts, names, strict=True)]
    return ["/".join(name).replace("//", "/") for name in names]


def _files(path: Path) -> Iterator[Path]:
    try:
        if path.is_dir():
            recordings = sorted(entry for entry in path.glob("*.jsonl") if entry.is_file())
            if not recordings:
                raise RecordingError(f"{path}: no recording (*.jsonl) in this folder")
            yield from recordings
            return
        path.stat()
    except FileNotFoundError:
        raise RecordingError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from None
    if why := _NOT_RECORDINGS.get(path.suffix.lower()):
        raise RecordingError(f"{path}: {why}")
    yield path


class FileSource:
    """Replays recordings, merged by event time, as fast as it can.

    Each file is nearly in time order. A record a little out of order stays right behind its predecessor
    in the file, since its merge key is the newest time up to there. A record far ahead, more than
    `JUMP_MS`, is believed only if the next two events of the file are as far ahead: a device with a wrong
    clock must not drag all that follows in its file behind every other file. Records that did not
    decode take the key of the record before. A single recording is passed through in its own order.

    It works in rounds. Files are decoded block by block; all that lies before the last key of the file
    that has come least far is complete, and is put in order by one sort.

    Committed positions hold byte offset, line, and merge key. Resuming with a file that is no longer the
    one that was read raises `RecordingError`; one that has grown is fine. Standard input and pipes are
    resumed when they bring the same bytes again.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        decoder: Decoder,
        *,
        stdin: BinaryIO | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """stdin: read for a recording without path, instead of the process's own."""
        self._inputs = [
            _Input(recording, name, decoder, stdin, block_bytes, merged=len(recordings) > 1)
            for recording, name in zip(recordings, source_names(recordings), strict=True)
        ]
        self._round = _Round([])
        self._positions: dict[str, bytes] = {}
        self._open = False

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """See `Source`. Opens the files."""
        self._open = True
        for given in self._inputs:
            given.open(positions.get(given.name))
            self._positions[given.name] = given.position()

    def poll(self, most: int, wait_s: float) -> Batch | None:
        """See `Source`. Only standard input and pipes are ever waited for."""
        if not self._open:
            self.resume({})
        deadline = time.monotonic() + wait_s
        records: list[Record] = []
        rejected = False
        touched: set[int] = set()
        began = self._read_bytes()
        ended = False
        while len(records) < most and self._read_bytes() - began <= BATCH_BYTES:
            if self._round.exhausted:
                advanced = self._advance(0.0 if records else max(0.0, deadline - time.monotonic()))
                if not advanced:
                    ended = advanced is None
                    break
            current = self._round
            taken = current.take(most - len(records))
            rejected = rejected or current.has_rejected
            touched.update(current.mark_consumed(self._inputs))
            if current.exhausted:
                self._round = _Round([])  # its list is ours now, and its records go when the caller lets them
            if records:
                records += taken
            else:
                records = taken
        if ended and not records:
            return None
        for index in touched:
            given = self._inputs[index]
            self._positions[given.name] = given.position()
        if not rejected:
            return Batch(records, [], dict(self._positions))  # type: ignore[arg-type]  # all are events
        return Batch(
            [record for record in records if isinstance(record, Event)],
            [record for record in records if isinstance(record, Rejected)],
            dict(self._positions),
        )

    def live(self) -> bool:
        """See `Source`. Never: the time of a replay is that of its events, however long a pipe is silent."""
        return False

    def progress(self) -> tuple[int, int]:
        """Bytes done and in total; the total is 0 when standard input or a pipe is among the recordings."""
        done = sum(given.done_bytes for given in self._inputs)
        if any(given.is_stream for given in self._inputs):
            return done, 0
        return done, max(done, sum(given.total_bytes for given in self._inputs))

    def close(self) -> None:
        """See `Source`."""
        for given in self._inputs:
            given.close()

    def _read_bytes(self) -> int:
        return sum([given.read_bytes for given in self._inputs])

    def _advance(self, wait_s: float) -> bool | None:
        """Makes the next round. None: there is none. False: nothing came within `wait_s`."""
        inputs = self._inputs
        while True:
            # Everything up to this (key, file) has been read, in whatever file it is.
            key, last = min(
                ((given.newest, index) for index, given in enumerate(inputs) if not given.ended),
                default=(None, -1),
            )
            parts = []
            for index, given in enumerate(inputs):
                if given.waiting:
                    records, keys = given.release(key, inclusive=index <= last)
                    if records:
                        parts.append((index, records, keys))
            if parts:
                self._round = _Round(parts)
                return True
            if key is None:
                return None
            if not inputs[last].refill(wait_s):
                return False


def extend_keys(keys: list[int], records: Sequence[Record], newest: int, *, final: bool) -> int:
    """Appends to `keys` the merge keys of the records that have none yet, and returns the last.

    newest: the key so far. It stops early where a jump cannot be judged before more records are there,
    unless there are no more (`final`).

    The rule is the one of `guardian.engine.watermark`: three events in a row must agree before time makes
    a jump. But a recording lets us look ahead for the witnesses: so already the first of the three has the
    new time, and in a sparse file (one snapshot a day) every record has its own.
    """
    append = keys.append
    start = len(keys)
    try:
        times = [record.time for record in records[start:]]  # type: ignore[union-attr]
    except AttributeError:
        pass  # one of them did not decode
    else:
        if max(times, default=newest) - newest <= JUMP_MS:  # nowhere a jump
            keys += islice(accumulate(times, max, initial=newest), 1, None)
            return keys[-1] if times else newest
    for index, record in enumerate(records[start:] if start else records, start):
        if type(record) is Event:
            time_ = record.time
            if time_ > newest:
                if time_ - newest <= JUMP_MS:
                    newest = time_
                else:
                    end = index + 1 + _LOOK_AHEAD
                    following = [r.time for r in records[index + 1 : end] if isinstance(r, Event)]
                    following = following[: WITNESSES - 1]
                    known = final or len(following) == WITNESSES - 1 or end <= len(records)
                    if not known:
                        break
                    # The last event of a file needs no witness: there is nothing it could drag behind.
                    at_end = final and end > len(records)
                    if (following or at_end) and all(other - newest > JUMP_MS for other in following):
                        newest = min([time_, *following])
                        if time_ - newest <= JUMP_MS:
                            newest = time_
        append(newest)
    return newest


@contextmanager
def _telling(path: Path | None) -> Iterator[None]:
    """What the system refuses is told with the name of the file."""
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path or 'standard input'}: {error.strerror or error}") from None


class _Round:
    """Records of several files in their final order, and which of them have been taken."""

    def __init__(self, parts: list[tuple[int, list[Record], list[int]]]) -> None:
        """parts: (index of the file, its records, their keys), in the order of the files."""
        self._taken = 0
        self._starts: list[tuple[int, int, int]] = []  # index of the file, where its part begins and ends
        self._given: list[Record] = parts[0][1] if parts else []
        self._keys: list[int] = parts[0][2] if parts else []
        self._order: list[int] | None = None
        for index, records, keys in parts:
            start = len(self._given) if self._starts else 0
            if self._starts:
                self._given += records
                self._keys += keys
            self._starts.append((index, start, len(self._given)))
        self._merged = self._given
        if len(parts) > 1:
            # Stable, and each part is a sorted run already: this is a merge, done in C.
            self._order = sorted(range(len(self._given)), key=self._keys.__getitem__)
            self._merged = list(map(self._given.__getitem__, self._order))
        self.has_rejected = Rejected in set(map(type, self._given))

    @property
    def exhausted(self) -> bool:
        return self._taken >= len(self._merged)

    def take(self, most: int) -> list[Record]:
        start, self._taken = self._taken, min(self._taken + most, len(self._merged))
        if self._taken - start == len(self._merged):
            return self._merged
        return self._merged[start : self._taken]

    def mark_consumed(self, inputs: Sequence[_Input]) -> Iterator[int]:
        """Tells every file how far it was taken; gives the indexes of those that were."""
        for index, start, end in self._starts:
            count = self._count(start, end)
            if count:
                record = self._given[start + count - 1]
                inputs[index].consumed(record.position, self._keys[start + count - 1])
                yield index

    def _count(self, start: int, end: int) -> int:
        """How many records of the part from `start` to `end` have been taken."""
        if self.exhausted:
            return end - start
        if self._order is None:
            return self._taken
        following = self._order[self._taken]
        if start <= following < end:
            return following - start
        bisect = bisect_right if end <= following else bisect_left
        return bisect(self._keys, self._keys[following], start, end) - start


class _Input:
    """One file on its way through: bytes, lines, records, merge keys."""

    def __init__(
        self,
        recording: Recording,
        name: str,
        decoder: Decoder,
        stdin: BinaryIO | None,
        block_bytes: int,
        *,
        merged: bool,
    ) -> None:
        self.name = name
        self.path = recording.path
        self.newest = LONG_AGO
        """Merge key of the last record that has one: no later record comes before it."""
        self.records: list[Record] = []
        """Decoded, the first of them released already. The last may have no key yet."""
        self.ended = False
        self.read_bytes = 0
        self.total_bytes = 0
        self.is_stream = True
        self._keys: list[int] = []
        self._released = 0
        self._topic = recording.topic
        self._decoder = decoder
        self._block_bytes = block_bytes
        self._merged = merged
        self._file: BinaryIO | None = stdin if recording.path is None else None
        self._waits = False
        self._splitter = LineSplitter()
        self._cursor = Cursor(name)
        self._key = LONG_AGO  # of the last consumed record
        if self.path is not None:
            with _telling(self.path):
                status = self.path.stat()
            self.is_stream = not stat.S_ISREG(status.st_mode)
            self.total_bytes = 0 if self.is_stream else status.st_size

    @property
    def waiting(self) -> int:
        """How many records have not been released."""
        return len(self.records) - self._released

    @property
    def done_bytes(self) -> int:
        """Consumed; trailing blank lines count once everything is."""
        over = self.ended and not self.waiting
        return max(self.total_bytes, self.read_bytes) if over else self._cursor.offset

    @property
    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise RuntimeError(f"{self.name} is read before it is opened")
        return self._file

    def open(self, encoded: bytes | None) -> None:
        if self.path is not None:
            with _telling(self.path):
                self._file = self.path.open("rb", buffering=0)
        elif self._file is None:
            self._file = sys.stdin.buffer
        file = self._opened
        if self.is_stream:
            try:
                select.select([file], [], [], 0)
                self._waits = True
            except (OSError, ValueError):
                self._waits = False  # something in memory
        if encoded is None:
            return
        try:
            position = decode_position(encoded)
            head = self._skip_to(position)
            self._cursor = Cursor(self.name, structs.replace(position, offset=self.read_bytes), head)
        except PositionError as error:
            raise RecordingError(f"{self.path or 'standard input'}: {error}") from None
        self.newest = self._key = position.key

    def consumed(self, line: int, key: int) -> None:
        self._cursor.consumed(line)
        self._key = key

    def position(self) -> bytes:
        return self._cursor.position(self._key)

    def release(self, key: int | None, *, inclusive: bool) -> tuple[list[Record], list[int]]:
        """Gives away the records before `key` (and at it, if `inclusive`); None: all."""
        keys, records, start = self._keys, self.records, self._released
        if key is None:
            end = len(keys)
        else:
            end = (bisect_right if inclusive else bisect_left)(keys, key, start)
        if start == 0 and end == len(records):
            self._keys, self.records = [], []
            return records, keys
        self._released = end
        return records[start:end], keys[start:end]

    def refill(self, wait_s: float) -> bool:
        """Decodes another block, or finds the end. False: nothing came within `wait_s`."""
        file = self._opened
        if self._waits and not select.select([file], [], [], wait_s)[0]:
            return False
        with _telling(self.path):
            data = self._read(self._block_bytes)
        splitter, cursor = self._splitter, self._cursor
        if data:
            cursor.has_read(data, self.read_bytes)
            self.read_bytes += len(data)
            lines = splitter.feed(data)
        else:
            self.ended = True
            lines = splitter.end()
        if self._released:
            del self.records[: self._released], self._keys[: self._released]
            self._released = 0
        if lines[0]:
            self.records += cursor.decode(
                self._decoder, self._topic, lines, returns=splitter.returns, last=self.ended
            )
            if not self.records:
                cursor.pass_over()
        if self._merged:
            self.newest = extend_keys(self._keys, self.records, self.newest, final=self.ended)
        else:
            self._keys += [LONG_AGO] * (len(self.records) - len(self._keys))
        return True

    def close(self) -> None:
        if self._file is not None and self.path is not None:
            self._file.close()

    def _read(self, most: int) -> bytes:
        """Up to `most` bytes; what is there of them, when the rest has not come yet."""
        file = self._opened
        if self.path is None and hasattr(file, "read1"):
            data: bytes = file.read1(most)
            return data
        return file.read(most)

    def _skip_to(self, position: Position) -> bytes:
        """Goes to the position; returns the first bytes of the file."""
        file = self._opened
        if not self.is_stream:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(FINGERPRINTED_BYTES)
            position.check(head, size)
            around = b""
            if position.offset:
                file.seek(position.offset - 1)
                around = file.read(2)
            # The last line had no newline then, and has got one since.
            grown = len(around) == 2 and around[:1] != b"\n" and around[1:] == b"\n"
            self.read_bytes = file.seek(position.offset + grown)
            return head
        head = b""
        while self.read_bytes < position.offset:
            data = self._read(min(self._block_bytes, position.offset - self.read_bytes))
            if not data:
                break
            head += data[: FINGERPRINTED_BYTES - len(head)]
            self.read_bytes += len(data)
        position.check(head, self.read_bytes)
        return head
