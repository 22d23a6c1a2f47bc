"""Files followed as they grow, the way `tail -F` does."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import structlog

from guardian.adapters.embedded.cursor import (
    FINGERPRINTED_BYTES,
    Cursor,
    Position,
    PositionError,
    decode_position,
)
from guardian.adapters.embedded.files import Record, Recording, RecordingError, extend_keys, source_names
from guardian.adapters.embedded.lines import Lines, LineSplitter
from guardian.engine.plan import Batch
from guardian.engine.watermark import LONG_AGO
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected

BLOCK_BYTES: Final = 256 * 1024
CHECK_EVERY_S: Final = 0.2

_log = structlog.get_logger(__name__)


class FollowSource:
    """Follows recordings as they grow, merged by event time. Only complete lines are taken.

    What is there already, after a pause or at the first start, is read side by side: a file is not read on
    while another one, with more to read, has not come as far in event time. Else the first file would
    make the records of all others late. A file without anything new holds up nobody.

    A file that is replaced (rotation) is read to its end, then the new one from its beginning; one that
    is cut short or rewritten starts again. Line numbers go on counting then, because they identify
    records: line 1 of the new file must not pass for line 1 of the old one. What was appended to the old
    file between the last commit and a rotation that happened while nobody was reading is not seen; the
    log warns.

    A file that is missing for a while is waited for. Files that come into a folder later are not followed.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        decoder: Decoder,
        *,
        block_bytes: int = BLOCK_BYTES,
        check_every_s: float = CHECK_EVERY_S,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """check_every_s: pause between two looks at files that had nothing new."""
        self._check_every_s = check_every_s
        self._wait = wait
        self._files: list[_Followed] = []
        for recording, name in zip(recordings, source_names(recordings), strict=True):
            if recording.path is None:
                raise RecordingError("standard input cannot be followed; replay it")
            self._files.append(_Followed(recording.path, recording.topic, name, decoder, block_bytes))
        self._positions: dict[str, bytes] = {}

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """See `Source`."""
        for file in self._files:
            encoded = positions.get(file.name)
            if encoded is not None:
                file.resume(encoded)
                self._positions[file.name] = encoded

    def poll(self, most: int, wait_s: float) -> Batch:
        """See `Source`. There may always be more, so it never returns None."""
        deadline = time.monotonic() + wait_s
        records = self._collect(most)
        while not records:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            self._wait(min(left, self._check_every_s))
            records = self._collect(most)
        return Batch(
            [record for record in records if isinstance(record, Event)],
            [record for record in records if isinstance(record, Rejected)],
            dict(self._positions),
        )

    def live(self) -> bool:
        """See `Source`. True when the last poll left nothing, and every file could be read."""
        return all(file.caught_up for file in self._files)

    def close(self) -> None:
        """See `Source`."""
        for file in self._files:
            file.close()

    def _collect(self, most: int) -> list[Record]:
        """What is there, in order, up to where the file that has come least far has been read."""
        records: list[Record] = []
        while len(records) < most:
            for file in self._files:
                file.fill()
            limit = min((file.newest for file in self._files if file.has_more), default=None)
            ready = [
                (key, index, number)
                for index, file in enumerate(self._files)
                for number, key in enumerate(file.keys_until(limit))
            ]
            if not ready:
                break
            ready.sort()
            del ready[most - len(records) :]
            counts = Counter(index for _, index, _ in ready)
            taken = {index: self._files[index].take(count) for index, count in counts.items()}
            records += [taken[index][number] for _, index, number in ready]
            for index in counts:
                self._positions[self._files[index].name] = self._files[index].position()
        return records


class _Followed:
    """One file, by its path: which file that is may change."""

    def __init__(self, path: Path, topic: str | None, name: str, decoder: Decoder, block_bytes: int) -> None:
        self.name = name
        self._path = path
        self._topic = topic
        self._decoder = decoder
        self._block_bytes = block_bytes
        self._file: BinaryIO | None = None
        self._identity = (0, 0)  # device and inode
        self._changed = (-1, -1)  # size and time of the last change, when it was last looked at
        self._read = 0
        self._splitter = LineSplitter()
        self._cursor = Cursor(name)
        self._resumed: Position | None = None
        self.newest = LONG_AGO
        """Merge key of the last record read: no later record comes before it."""
        self._records: list[Record] = []
        self._keys: list[int] = []
        self._taken = 0
        self._drained = False  # the last look at the file found nothing more
        self._told: str | None = None  # what made it unreadable, last time

    def resume(self, encoded: bytes) -> None:
        try:
            self._resumed = decode_position(encoded)
        except PositionError as error:
            raise RecordingError(f"{self._path}: {error}") from None

    def position(self) -> bytes:
        return self._cursor.position()

    @property
    def caught_up(self) -> bool:
        """Nothing is left of what was there at the last look, and there was something to look at."""
        return self._drained and self._taken >= len(self._records)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def has_more(self) -> bool:
        """There are records to take, and there may be more behind them already."""
        return self._taken < len(self._records) and not self._drained

    def fill(self) -> None:
        """Reads on, if everything has been taken."""
        if self._taken >= len(self._records):
            self._records, self._keys, self._taken = self._read_on(), [], 0
            self.newest = extend_keys(self._keys, self._records, self.newest, final=True)

    def keys_until(self, limit: int | None) -> list[int]:
        """Merge keys of the records that can be taken, up to and including `limit`; None: of all."""
        if limit is None:
            return self._keys[self._taken :]
        return self._keys[self._taken : bisect_right(self._keys, limit, self._taken)]

    def take(self, number: int) -> list[Record]:
        """The next records."""
        records = self._records[self._taken : self._taken + number]
        self._taken += number
        self._cursor.consumed(records[-1].position)
        return records

    def _read_on(self) -> list[Record]:
        """Decodes on, until there is a record or nothing more to read for now."""
        self._drained = False
        try:
            while self._file is not None or self._open():
                self._restart_if_rewritten()
                # The last look into a file comes after it was found replaced.
                replaced = self._replaced()
                data = self._read_block()
                if data:
                    records = self._decode(self._splitter.feed(data))
                elif replaced:
                    records = self._decode(self._splitter.end(), last=True)
                    if not records and not self._replace():
                        break
                else:
                    self._drained = True
                    break
                if records:
                    # Less than was asked for: that was all there is for now.
                    self._drained = len(data) < self._block_bytes and not replaced
                    return records
            self._told = None
        except OSError as error:
            self._unreadable(error)
        return []

    def _read_block(self) -> bytes:
        data = self._file.read(self._block_bytes) if self._file is not None else b""
        self._cursor.has_read(data, self._read)
        self._read += len(data)
        return data

    def _decode(self, lines: Lines, *, last: bool = False) -> list[Record]:
        if not lines[0]:
            return []
        records = self._cursor.decode(
            self._decoder, self._topic, lines, returns=self._splitter.returns, last=last
        )
        if not records:
            self._cursor.pass_over()
        return records

    def _unreadable(self, error: OSError) -> None:
        """Tells it once, and opens the file anew next time: the handle itself may have gone stale."""
        if self._told != error.strerror:
            _log.warning("followed_file_unreadable", file=self.name, error=error.strerror)
        self._told = error.strerror
        if self._file is not None:
            self._resumed = decode_position(self.position())
            self.close()

    def _replace(self) -> bool:
        """Goes over to the file that is at the path now. False: it has just gone again."""
        try:
            file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        _log.warning("followed_file_replaced", file=self.name)
        self.close()
        self._file = file
        status = os.fstat(file.fileno())
        self._identity = status.st_dev, status.st_ino
        self._restart()
        return True

    def _open(self) -> bool:
        """Opens what is at the path now. False: nothing is."""
        try:
            self._file = file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        status = os.fstat(file.fileno())
        self._identity = status.st_dev, status.st_ino
        self._changed = (-1, -1)
        position, self._resumed = self._resumed, None
        if position is None:
            return True
        head = file.read(FINGERPRINTED_BYTES)
        try:
            position.check(head, status.st_size)
        except PositionError as error:
            _log.warning("followed_file_replaced", file=self.name, error=str(error))
            self._cursor = Cursor(self.name, position)
            self._restart()
        else:
            self._splitter = LineSplitter()
            self._cursor = Cursor(self.name, position, head)
            self._read = file.seek(position.offset)
        return True

    def _restart(self) -> None:
        """From the beginning of what is at the path, counting lines on."""
        if self._file is not None:
            self._file.seek(0)
        self._read = 0
        self._changed = (-1, -1)
        self._splitter = LineSplitter()
        self._cursor = Cursor(self.name, Position(line=self._cursor.line))

    def _restart_if_rewritten(self) -> None:
        """Cut short, or another content from the first byte on (copied away, cut, and grown again)."""
        if self._file is None:
            return
        status = os.fstat(self._file.fileno())
        changed = (status.st_size, status.st_mtime_ns)
        if changed == self._changed:
            return
        head = self._cursor.head
        rewritten = status.st_size < self._read
        if not rewritten and head:
            self._file.seek(0)
            rewritten = self._file.read(len(head)) != head
            self._file.seek(self._read)
        if rewritten:
            _log.warning("followed_file_rewritten", file=self.name)
            self._restart()
        self._changed = changed

    def _replaced(self) -> bool:
        """Whether another file is at the path now."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        return (status.st_dev, status.st_ino) != self._identity
