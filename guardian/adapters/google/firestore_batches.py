"""Which writes of a plan go into which request, and in which order.

A plan that fits goes into one batch, which is all or nothing. Of one that does not fit, what has an id of its
own goes first and the journal last: as long as the journal does not say so, nothing has been decided, and
deciding again writes the same once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto

import msgspec
from google.cloud.firestore import SERVER_TIMESTAMP

from guardian.adapters.google.firestore_documents import (
    WRITTEN,
    Fields,
    alert_fields,
    document_id,
    failure_fields,
    further_pieces,
    history_fields,
    history_id,
    new_alert_fields,
    rejected_fields,
    size_of,
)
from guardian.adapters.google.state_journal import Entry, entry_size
from guardian.alerts.model import Alert
from guardian.engine.plan import Plan
from guardian.ports import outbox_id

MOST_WRITES = 400
"""Writes in one batch at most."""
MOST_BYTES = 3_500_000
"""Bytes in one batch at most, about; a request may have 10 MiB, with the emulator 4 MiB."""

ALERTS, OUTBOX = "alerts", "outbox"
HISTORY, QUARANTINE, FAILURES = "history", "quarantine", "failures"
QUARANTINE_PIECES = "quarantine_pieces"


class Kind(Enum):
    """How a write is done. ALERT: creates, or updates the machine's part. PUT: replaces what was there."""

    ALERT = auto()
    PUT = auto()


class Write(msgspec.Struct, frozen=True):
    """One document to write."""

    kind: Kind
    collection: str
    id: str
    fields: Fields

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return size_of(self.fields)


Unit = tuple[Write, ...]
"""Writes that always go together."""


def units(plan: Plan, arrival: str) -> list[Unit]:
    """What a plan writes besides the journal, in order.

    arrival: orders records without a name of their own; sorts behind that of every plan before.
    Raises DocumentTooLargeError.
    """
    told: list[Unit] = [
        (Write(Kind.PUT, HISTORY, history_id(row), history_fields(row) | {WRITTEN: SERVER_TIMESTAMP}),)
        for row in plan.history
    ]
    told += map(_alert_unit, plan.alerts.values())
    for number, record in enumerate(plan.rejected):
        identifier = f"{arrival}-{number:06d}"
        told += [
            (Write(Kind.PUT, QUARANTINE_PIECES, piece_id(identifier, place), {"raw": piece}),)
            for place, piece in enumerate(further_pieces(record))
        ]
        told.append((Write(Kind.PUT, QUARANTINE, identifier, rejected_fields(record)),))
    told += [
        (Write(Kind.PUT, FAILURES, f"{arrival}-{number:06d}", failure_fields(failure)),)
        for number, failure in enumerate(plan.failures)
    ]
    return told


def piece_id(identifier: str, place: int) -> str:
    """The id of a further piece of the quarantined record with this id."""
    return f"{identifier}-{place:03d}"


def batches(told: Iterable[Unit], entries: Sequence[Entry]) -> list[tuple[list[Write], list[Entry]]]:
    """Everything in batches, in order: the journal's entries last. No unit is cut.

    A unit that is larger than a batch alone gets one of its own.
    """
    done: list[tuple[list[Write], list[Entry]]] = []
    writes: list[Write] = []
    pieces: list[Entry] = []
    room = MOST_BYTES

    def turn_over(more: int, size: int) -> None:
        nonlocal writes, pieces, room
        together = len(writes) + len(pieces)
        if together and (together + more > MOST_WRITES or size > room):
            done.append((writes, pieces))
            writes, pieces, room = [], [], MOST_BYTES
        room -= size

    for unit in told:
        turn_over(len(unit), sum(write.size for write in unit))
        writes.extend(unit)
    for entry in entries:
        turn_over(1, entry_size(entry))
        pieces.append(entry)
    return [*done, (writes, pieces)]


def _alert_unit(alert: Alert) -> Unit:
    encoded = msgspec.json.encode(alert)
    row = {"alert": encoded.decode(), WRITTEN: SERVER_TIMESTAMP}
    return (
        Write(Kind.ALERT, ALERTS, document_id(alert.alert_id), alert_fields(alert) | new_alert_fields()),
        Write(Kind.PUT, OUTBOX, document_id(outbox_id(alert.alert_id, encoded)), row),
    )
