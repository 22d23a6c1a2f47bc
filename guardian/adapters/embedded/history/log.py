"""The log of history: batches as the engine's process takes them, appended before they are decided on.

Before, not after: then a process that is killed in between leaves a batch too many, which is found and taken
back at the next start by the positions that were committed, and never one too few.

A frame is its length and its CRC-32 (both four bytes, little endian), then MessagePack. Columns rather than
events, since they are encoded three times as fast.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from threading import Event as Flag, Thread
from typing import BinaryIO, Final

import msgspec
import structlog

from guardian.adapters.embedded.history.folder import About, HistoryFolder
from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.times import TimeParser, parse_zone

SEGMENT_BYTES: Final = 16 << 20
SEGMENT_S: Final = 600.0
"""A segment ends at this size or age, so that it can be turned into Parquet."""
SYNC_S: Final = 1.0
"""What a power cut may take."""

_HEAD: Final = struct.Struct("<II")
_LARGEST: Final = 1 << 30
_NO_LIMIT: Final = 1 << 62

_topic, _time, _id = attrgetter("topic"), attrgetter("time"), attrgetter("id")
_source, _position, _raw = attrgetter("source"), attrgetter("position"), attrgetter("raw")

log = structlog.get_logger()


class Frame(msgspec.Struct, array_like=True, gc=False):
    """A batch: the fields of its events as columns, and the input positions after it.

    first: number of its first event. silence_ms: of a tick, which has no events, and whose one time is when
    the silence was over, in event time where that is known, else by the clock; 0 for a batch.
    """

    first: int
    inputs: dict[str, bytes]
    silence_ms: int = 0
    topics: list[str] = []
    times: list[int] = []
    ids: list[str | None] = []
    sources: list[str] = []
    positions: list[int] = []
    raws: list[bytes] = []

    def after(self) -> int:
        """The number of the next frame's first event."""
        return self.first + max(len(self.times), 1)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


class HistoryLog:
    """Appends. One thread's business.

    It never stops the engine: what cannot be written is counted in `lost`, and told in the log once.
    """

    def __init__(self, folder: HistoryFolder, about: About, committed: Mapping[str, bytes]) -> None:
        """committed: the input positions that the store has. Raises HistoryError."""
        self._folder = folder
        self._held = ExitStack()
        folder.create(about)
        self._held.enter_context(folder.locked("writer"))
        try:
            self._next, self._newest = _mended(folder, committed)
            self._open()
        except BaseException:
            self._held.close()
            raise
        self.lost = 0
        self._stop = Flag()
        self._syncing = Thread(target=self._sync, name="history-sync", daemon=True)
        self._syncing.start()

    def before(self, batch: Batch) -> None:
        """Keeps the events of a batch that is about to be decided on."""
        events = batch.events
        if events:
            frame = Frame(
                self._next,
                batch.positions,
                0,
                list(map(_topic, events)),
                list(map(_time, events)),
                list(map(_id, events)),
                list(map(_source, events)),
                list(map(_position, events)),
                list(map(_raw, events)),
            )
            self._newest = max(self._newest, *frame.times)
            self._append(frame)

    def ticked(self, silence_ms: int) -> None:
        """Keeps that the clock has moved the watermark on, after so much silence."""
        # Of a recording that is played, event time is long ago, and dates behind the newest are dropped.
        now = self._newest + silence_ms if self._newest else int(time.time() * 1000)
        self._append(Frame(self._next, {}, silence_ms, times=[now]))

    def close(self) -> None:
        """Releases the folder."""
        self._stop.set()
        self._syncing.join()
        self._end_segment()
        self._held.close()

    def _append(self, frame: Frame) -> None:
        try:
            payload = _encode(frame)
            data = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
            if self._size and (
                self._size + len(data) > SEGMENT_BYTES or time.monotonic() - self._began > SEGMENT_S
            ):
                self._end_segment()
                self._open()
            try:
                self._file.write(data)
            except OSError:
                os.ftruncate(self._file.fileno(), self._size)  # half a frame would hide those behind it
                raise
        except OSError as error:
            if not self.lost:
                log.error("history_not_written", error=type(error).__name__)
            self.lost += len(frame.raws)
        else:
            self._size += len(data)
            self._next = frame.after()

    def _open(self) -> None:
        path = self._folder.segment(self._next)
        self._file: BinaryIO = path.open("ab", buffering=0)
        path.chmod(0o600)
        self._size = self._file.tell()
        self._began = time.monotonic()

    def _end_segment(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def _sync(self) -> None:
        while not self._stop.wait(SYNC_S):
            try:
                os.fsync(self._file.fileno())
            except (OSError, ValueError):
                pass  # it has just been closed, and synced before that


def frames(path: Path) -> Iterator[tuple[Frame, int]]:
    """The frames of a segment, each with the offset behind it. Half a frame at the end is passed over."""
    with path.open("rb") as file:
        offset = 0
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, crc = _HEAD.unpack(head)
            payload = file.read(length) if length <= _LARGEST else b""
            if len(payload) < length or zlib.crc32(payload) != crc:
                return
            offset += _HEAD.size + length
            yield _decode(payload), offset


class EventReader:
    """Events of frames, and of rows, as they were."""

    def __init__(self, zone: str) -> None:
        """zone: of the site, as in its settings."""
        self._decoder = Decoder(TimeParser(parse_zone(zone), _NO_LIMIT))

    def event(
        self, topic: str, time_ms: int, identity: str | None, source: str, position: int, raw: bytes
    ) -> Event | None:
        """The event; None if its stream is not, or no longer, what it was."""
        found = self._decoder.decode_value(topic, raw, source, position, identity)
        if isinstance(found, Rejected):
            return None
        # As they were then: the zone of the site may have been another.
        return msgspec.structs.replace(found, time=time_ms, id=identity)

    def events(self, frame: Frame, topics: frozenset[str] | None = None) -> Iterator[tuple[int, Event]]:
        """The events of a frame with their numbers; topics: of those alone."""
        if frame.silence_ms:
            return
        columns = zip(
            frame.topics, frame.times, frame.ids, frame.sources, frame.positions, frame.raws, strict=True
        )
        for number, (topic, *rest) in enumerate(columns, frame.first):
            if topics is None or topic in topics:
                if (event := self.event(topic, *rest)) is not None:
                    yield number, event


def _mended(folder: HistoryFolder, committed: Mapping[str, bytes]) -> tuple[int, int]:
    """Takes back what the last process has left half done.

    Returns the number of the next event, and the newest event time in the last segment, 0 if there is none.
    """
    segments = folder.segments()
    if not segments:
        return 1, 0
    last = segments[-1]
    following, good, before, newest = int(last.stem), 0, 0, 0
    inputs: dict[str, bytes] = {}
    for frame, offset in frames(last):
        before, good, following, inputs = good, offset, frame.after(), frame.inputs
        newest = max(newest, *([] if frame.silence_ms else frame.times), 0)
    if any(committed.get(source) != position for source, position in inputs.items()):
        # It was never committed: its events come again. Their numbers are not given again.
        good = before
    if good < last.stat().st_size:
        log.warning("history_taken_back", bytes=last.stat().st_size - good)
        os.truncate(last, good)
    return following, newest
