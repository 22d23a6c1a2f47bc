"""Recordings for tests: lines at given times, and what a replay of them gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import NamedTuple

from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.times import TimeParser
from guardian.ports import Source

START = 1_755_000_000_000
HOUR = 3_600_000


def new_decoder() -> Decoder:
    return Decoder(TimeParser(UTC, 2**60))


def value(at: int, text: str = "") -> bytes:
    """A sample of a queue, `at` ms after START."""
    document = {"timestamp": START + at, "station_id": "S1", "status": "Active", "data": {}}
    if text:
        document["note"] = text
    return json.dumps(document).encode()


def record(at: int, topic: str = "queue-monitor") -> bytes:
    return b'{"topic": "%b", "value": %b}' % (topic.encode(), value(at))


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    path.write_bytes(
        b"".join(line + b"\n" for line in lines)[: -1 if lines else None] + (end if lines else b"")
    )
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


class Seen(NamedTuple):
    """A record as far as tests compare it. time: ms after START; None: rejected."""

    source: str
    position: int
    time: int | None


def seen(one: Event | Rejected) -> Seen:
    return Seen(one.source, one.position, one.time - START if isinstance(one, Event) else None)


def in_order(batch: Batch) -> list[Seen]:
    """Events and rejected records of a batch; a batch does not say how the two mix."""
    return [seen(one) for one in (*batch.events, *batch.rejected)]


def drain(source: Source, most: int = 1_000, positions: Mapping[str, bytes] | None = None) -> list[Seen]:
    """Everything from a source that ends."""
    source.resume(positions or {})
    out: list[Seen] = []
    while (batch := source.poll(most, 5.0)) is not None:
        assert len(batch.events) + len(batch.rejected) <= most
        out += in_order(batch)
    source.close()
    return out
