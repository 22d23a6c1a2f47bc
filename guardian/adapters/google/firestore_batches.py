"""Which writes of a plan go into which request, and in which order.

A plan that fits goes into one batch, which is all or nothing. One that does not fit is cut so that a crash
between two batches is repaired when the same events are delivered again: see `batches`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import chain

import msgspec
from google.cloud.firestore import SERVER_TIMESTAMP

from guardian.adapters.google.firestore_documents import (
    Fields,
    alert_fields,
    document_id,
    failure_fields,
    history_fields,
    history_id,
    new_alert_fields,
    rejected_fields,
    size_of,
    state_fields,
    state_id,
)
from guardian.alerts.model import Alert
from guardian.engine.plan import Plan
from guardian.ports import outbox_id

MOST_WRITES = 400
"""Writes in one batch at most."""
MOST_BYTES = 3_500_000
"""Bytes in one batch at most, about; a request may have 10 MiB, with the emulator 4 MiB."""

STATES, ALERTS, OUTBOX = "states", "alerts", "outbox"
HISTORY, QUARANTINE, FAILURES, WORKERS = "history", "quarantine", "failures", "workers"


class Kind(Enum):
    """How a write is done.

    STATE: creates or replaces a state of a known version. SAME: leaves a state alone, which must be of a
    known version (0: must not exist). ALERT: creates, or updates the machine's part. PUT: replaces whatever
    was there. ADD: merges into what was there.
    """

    STATE = auto()
    SAME = auto()
    ALERT = auto()
    PUT = auto()
    ADD = auto()


class Write(msgspec.Struct, frozen=True):
    """One write. key, version: of a state, the version it was decided on."""

    kind: Kind
    collection: str
    id: str
    fields: Fields
    key: tuple[str, str] = ("", "")
    version: int = 0

    @property
    def size(self) -> int:
        """About how many bytes it takes in a request."""
        return size_of(self.fields)


Unit = tuple[Write, ...]
"""Writes that always go together."""


def groups(plan: Plan, arrival: str, encoded: dict[str, bytes]) -> list[list[Unit]]:
    """The effects of a plan except positions, watermark and counters, as groups to keep together, in order.

    arrival: orders records without a name of their own; sorts behind that of every plan before. encoded: the
    alerts as JSON. Raises DocumentTooLargeError.

    History first: its rows have ids, so keeping them twice does no harm. Then a group for each detector,
    those that consume what others emit before those that emit it (in a plan, states stand in the order their
    detectors ran): as long as an emitter's state is not stored, it will emit again. In a group the alerts
    come first: as long as the state is not stored, they will be raised again, with the same ids. Last, what
    says that something has arrived.
    """
    same: dict[str, list[Unit]] = {}
    for detector, key, version in plan.unchanged:
        seen = Write(
            Kind.SAME, STATES, state_id(detector, key), {"version": version}, (detector, key), version
        )
        same.setdefault(detector, []).append((seen,))
    stored: dict[str, list[Unit]] = {}
    for state in plan.states:
        key_of = state.detector, state.key
        write = Write(Kind.STATE, STATES, state_id(*key_of), state_fields(state), key_of, state.version)
        stored.setdefault(state.detector, []).append((write,))
    raised: dict[str, list[Unit]] = {}
    for alert in plan.alerts.values():
        raised.setdefault(alert.detector.id, []).append(_alert_unit(alert, encoded[alert.alert_id]))
    order = list(dict.fromkeys([*stored, *same, *raised]))
    history = [(Write(Kind.PUT, HISTORY, history_id(row), history_fields(row)),) for row in plan.history]
    arrived = [
        (Write(Kind.PUT, QUARANTINE, f"{arrival}-{number:06d}", rejected_fields(record)),)
        for number, record in enumerate(plan.rejected)
    ]
    arrived += [
        (Write(Kind.PUT, FAILURES, f"{arrival}-{number:06d}", failure_fields(failure)),)
        for number, failure in enumerate(plan.failures)
    ]
    detectors = [
        [*raised.get(detector, ()), *same.get(detector, ()), *stored.get(detector, ())]
        for detector in reversed(order)
    ]
    return [group for group in (history, *detectors, arrived) if group]


def batches(
    groups: Iterable[Sequence[Unit]], *, most_writes: int = MOST_WRITES, most_bytes: int = MOST_BYTES
) -> list[list[Write]]:
    """The groups in batches, in order. No group is cut that fits into a batch, and no unit ever.

    A unit that is larger than a batch alone gets one of its own.
    """
    done: list[list[Write]] = []
    current: list[Write] = []
    room = most_bytes
    for group in groups:
        together = tuple(chain.from_iterable(group))
        whole = len(together) <= most_writes and sum(write.size for write in together) <= most_bytes
        for unit in [together] if whole else group:
            taken = sum(write.size for write in unit)
            if current and (len(current) + len(unit) > most_writes or taken > room):
                done.append(current)
                current, room = [], most_bytes
            current.extend(unit)
            room -= taken
    if current:
        done.append(current)
    return done


def _alert_unit(alert: Alert, encoded: bytes) -> Unit:
    row = {"alert": encoded.decode(), "written": SERVER_TIMESTAMP}
    return (
        Write(Kind.ALERT, ALERTS, document_id(alert.alert_id), alert_fields(alert) | new_alert_fields()),
        Write(Kind.PUT, OUTBOX, document_id(outbox_id(alert.alert_id, encoded)), row),
    )
