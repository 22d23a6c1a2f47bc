"""Where reading stands in one file, in a form that can be committed and checked on return."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from guardian.adapters.embedded.lines import KEPT_BYTES, Lines, decode_all, without_returns
from guardian.engine.watermark import LONG_AGO
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected

FINGERPRINTED_BYTES: Final = 4096

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class PositionError(Exception):
    """A committed position that does not fit what is there now."""


class Position(msgspec.Struct, frozen=True):
    """After the last consumed record of a file.

    offset: byte at which the next line begins. line: how many lines were before it.
    key: merge key of the last consumed record. head: how many of the first bytes `fingerprint` covers;
        never more than were consumed, so that a file may grow.
    """

    offset: int = 0
    line: int = 0
    key: int = LONG_AGO
    head: int = 0
    fingerprint: str = ""

    def check(self, head: bytes, size: int) -> None:
        """Raises PositionError unless a file of this size, beginning with `head`, may be the same one."""
        if size < self.offset:
            raise PositionError(
                f"has {size} bytes, but was read up to byte {self.offset} before: "
                "it was replaced or cut short, so it cannot be continued"
            )
        if fingerprint(head[: self.head]) != self.fingerprint and self.head:
            raise PositionError(
                "does not begin as it did when it was read before: it was replaced, so it cannot be continued"
            )


def decode_position(encoded: bytes) -> Position:
    """Raises PositionError for bytes that are none."""
    try:
        return msgspec.json.decode(encoded, type=Position)
    except msgspec.MsgspecError as error:
        raise PositionError(f"the committed position cannot be read: {error}") from None


def fingerprint(head: bytes) -> str:
    """Of the first bytes of a file."""
    return hashlib.blake2b(head, digest_size=12).hexdigest()


class Cursor:
    """Keeps offset and line number of what was consumed, while lines ahead of that are decoded."""

    def __init__(self, name: str, position: Position | None = None, head: bytes = b"") -> None:
        """head: the first bytes of the file as it is now."""
        position = position or Position()
        self.offset = position.offset
        self.line = position.line
        self._name = name
        self._head = head[:FINGERPRINTED_BYTES]
        self._fingerprint = (0, "")
        self._lines: list[bytes] = []  # as they are in the file, the first ones consumed already
        self._consumed = 0  # so many of them
        self._cut: dict[int, int] = {}  # number of a line that is only a beginning → bytes missing
        self._complete = True  # the last line ends with a newline
        self._first = position.offset == 0  # nothing decoded yet

    @property
    def head(self) -> bytes:
        """The first bytes of the file, as far as they are known."""
        return self._head

    def has_read(self, data: bytes, at: int) -> None:
        """Takes what was read at this offset; only matters at the beginning of the file."""
        known = len(self._head)
        if at <= known < FINGERPRINTED_BYTES:
            self._head = (self._head + data[known - at :])[:FINGERPRINTED_BYTES]

    def decode(
        self, decoder: Decoder, topic: str | None, lines: Lines, *, returns: bool, last: bool = False
    ) -> list[Event | Rejected]:
        """Decodes the lines that follow those decoded before.

        returns: some may end with a carriage return. last: the last one has no newline.
        """
        kept, cut = lines
        pending = self._lines
        del pending[: self._consumed]
        self._consumed = 0
        first_number = self.line + len(pending) + 1
        pending += kept
        self._complete = not last
        for index, line in cut.items():
            self._cut[first_number + index] = line.length - KEPT_BYTES
        if self._first and kept:
            self._first = False
            if kept[0].startswith(_BYTE_ORDER_MARK):
                kept = [kept[0].removeprefix(_BYTE_ORDER_MARK), *kept[1:]]
        if returns:
            kept = without_returns(kept)
        return decode_all(decoder, topic, (kept, cut), self._name, first_number)

    def pass_over(self) -> None:
        """Every record was consumed: the lines left are blank, and nothing to remember."""
        self.consumed(self.line + len(self._lines) - self._consumed)

    def consumed(self, line: int) -> None:
        """Everything up to the line of this number has been consumed."""
        end = self._consumed + line - self.line
        lines = self._lines[self._consumed : end]
        self.offset += sum(map(len, lines)) + len(lines)
        if lines and end == len(self._lines) and not self._complete:
            self.offset -= 1
        if self._cut:
            for number in [number for number in self._cut if number <= line]:
                self.offset += self._cut.pop(number)
        self._consumed, self.line = end, line

    def position(self, key: int = LONG_AGO) -> bytes:
        """To be committed."""
        covered = min(self.offset, len(self._head))
        if self._fingerprint[0] != covered:
            self._fingerprint = covered, fingerprint(self._head[:covered])
        return msgspec.json.encode(Position(self.offset, self.line, key, *self._fingerprint))
