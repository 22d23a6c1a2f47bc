"""From bytes to lines, in bounded memory whatever arrives."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected

MAX_LINE_BYTES: Final = 16 << 20
"""Longer lines are never held as a whole, …"""
KEPT_BYTES: Final = 1 << 20
"""… only this much of their beginning is."""


class LongLine(msgspec.Struct, frozen=True):
    """What is known of a line that was not kept. Lengths in bytes, without the newline."""

    length: int
    sha256: str

    @property
    def reason(self) -> str:
        """Why it is rejected, and how to recognise the original."""
        return (
            f"a line of {self.length} bytes, far more than a record may have; "
            f"kept are the first {KEPT_BYTES}, SHA-256 of all is {self.sha256}"
        )


Lines = tuple[list[bytes], dict[int, LongLine]]
"""Lines without their newlines. Those by index in the second part are only beginnings."""


class LineSplitter:
    """Cuts chunks of bytes, of any size, into lines."""

    __slots__ = ("_hash", "_head", "_length", "_rest", "returns")

    def __init__(self) -> None:
        self.returns = False
        """Whether lines given last may end with a carriage return. They are given as they came."""
        self._rest = bytearray()  # of a line whose end has not come yet
        self._head: bytes | None = None  # not None: inside a line too long to keep
        self._hash = hashlib.sha256()
        self._length = 0

    def feed(self, data: bytes) -> Lines:
        """The lines that end within `data`."""
        if self._head is not None:
            return self._feed_long(data)
        newline = data.find(b"\n")
        if newline < 0:
            self._rest += data
            if len(self._rest) > MAX_LINE_BYTES:
                self._head = bytes(self._rest[:KEPT_BYTES])
                self._hash = hashlib.sha256(self._rest)
                self._length = len(self._rest)
                self._rest = bytearray()
            return [], {}
        if self._rest:
            data = bytes(self._rest) + data
            self._rest = bytearray()
        self.returns = b"\r" in data
        lines = data.split(b"\n")
        tail = lines.pop()
        if tail:
            self.feed(tail)
        if len(data) <= MAX_LINE_BYTES:
            return lines, {}
        long = {}
        for index, line in enumerate(lines):
            if len(line) > MAX_LINE_BYTES:
                long[index] = LongLine(len(line), hashlib.sha256(line).hexdigest())
                lines[index] = line[:KEPT_BYTES]
        return lines, long

    def end(self) -> Lines:
        """The last line, when the input ended without a newline."""
        head, self._head = self._head, None
        if head is not None:
            return [head], {0: LongLine(self._length, self._hash.hexdigest())}
        rest, self._rest = bytes(self._rest), bytearray()
        self.returns = rest.endswith(b"\r")
        return ([rest] if rest else []), {}

    def _feed_long(self, data: bytes) -> Lines:
        newline = data.find(b"\n")
        part = data if newline < 0 else data[:newline]
        self._hash.update(part)
        self._length += len(part)
        if newline < 0:
            return [], {}
        lines, long = self.end()
        more, longer = self.feed(data[newline + 1 :])
        return lines + more, long | {index + 1: line for index, line in longer.items()}


def without_returns(lines: list[bytes]) -> list[bytes]:
    """The lines without the carriage returns that some systems end them with."""
    return [line.removesuffix(b"\r") for line in lines]


def decode_all(
    decoder: Decoder, topic: str | None, lines: Lines, source: str, first_position: int
) -> list[Event | Rejected]:
    """Decodes bare values of `topic`, or records when that is None. Blank lines give nothing."""
    kept, long = lines
    out: list[Event | Rejected] = []
    start = 0
    for index in [*long, len(kept)]:
        some = kept[start:index] if long else kept
        if topic is None:
            decoded = decoder.decode_records(some, source, first_position + start)
        else:
            decoded = decoder.decode_lines(topic, some, source, first_position + start)
        out = out + decoded if out else decoded
        if index < len(kept):
            out.append(Rejected(topic, None, long[index].reason, source, first_position + index, kept[index]))
        start = index + 1
    return out
