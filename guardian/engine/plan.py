"""What the engine wants done: everything in it is committed together, or nothing is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.events.model import Event, Rejected


class Batch(msgspec.Struct):
    """Whatever is waiting: decoded events in order of arrival, records that did not decode, and where
    each input stands once they are done (source name → position, opaque to the engine).

    arrived: by source, the numbers of the records in it, for inputs without a position because many workers
    share them and nobody gets all.
    """

    events: list[Event]
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    positions: dict[str, bytes] = msgspec.field(default_factory=dict)
    arrived: dict[str, list[int]] = msgspec.field(default_factory=dict)


class StateWrite(msgspec.Struct):
    """One state to store. `version` is the version it was computed from; 0 means it must not exist yet."""

    detector: str
    key: str
    data: bytes
    wake: int
    expires: int
    version: int


StateRef = tuple[str, str, int]
"""Detector, key and version (0: none) of a state that was looked at."""


class HistoryRow(msgspec.Struct):
    """A finished thing worth keeping that is not an alert (a checkout session). `id` makes it idempotent."""

    kind: str
    id: str
    time: int
    row: Any


class Failure(msgspec.Struct):
    """A detector raised on an event. The event counts as failed for that detector, and for no other."""

    detector: str
    key: str
    event: str
    error: str


class Plan(msgspec.Struct):
    """The outcome of one batch.

    unchanged: states that the plan was decided on and leaves as they are.
    alerts: the latest state of every alert the batch touched, by alert id.
    counters: increments, by dotted name ("events.pos-transactions", "late", "alerts.LONG_QUEUE", …).
    watermark: the engine's clock after the batch, encoded; given back to the engine on restart.
    arrived: the batch's. Stores that many write to keep account of it.
    """

    states: list[StateWrite] = msgspec.field(default_factory=list)
    unchanged: list[StateRef] = msgspec.field(default_factory=list)
    alerts: dict[str, Alert] = msgspec.field(default_factory=dict)
    history: list[HistoryRow] = msgspec.field(default_factory=list)
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    failures: list[Failure] = msgspec.field(default_factory=list)
    positions: dict[str, bytes] = msgspec.field(default_factory=dict)
    arrived: dict[str, list[int]] = msgspec.field(default_factory=dict)
    counters: Counter[str] = msgspec.field(default_factory=Counter)
    watermark: bytes = b""
