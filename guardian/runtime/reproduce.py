"""Decides again what history holds, up to one alert."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.plan import Batch, Plan
from guardian.events.model import Event
from guardian.runtime.worker import Worker

BATCH = 5_000

Moment = Event | int
"""An event, or a silence of so many milliseconds after which the clock moved the watermark on."""


def reproduce(worker: Worker, moments: Iterable[Moment], wanted: Alert) -> Alert | None:
    """The alert as it is decided again: as soon as it is the one that is wanted, else as it ends.

    None: it never is. worker: over an empty store. moments: in the order in which they were decided on.
    """
    found: Alert | None = None
    for plan in _plans(worker, moments):
        if (again := plan.alerts.get(wanted.alert_id)) is not None:
            found = msgspec.structs.replace(again)
            if same(found, wanted):
                return found
    return found


def same(one: Alert, other: Alert) -> bool:
    """Whether two alerts say the same in every field."""
    encode = msgspec.json.encode
    return encode(one, order="sorted") == encode(other, order="sorted")


def _plans(worker: Worker, moments: Iterable[Moment]) -> Iterator[Plan]:
    waiting: list[Event] = []
    for moment in moments:
        if isinstance(moment, Event):
            waiting.append(moment)
            if len(waiting) < BATCH:
                continue
        if waiting:
            yield worker.process(Batch(waiting))
            waiting = []
        if isinstance(moment, int):
            yield worker.tick(moment)
    if waiting:
        yield worker.process(Batch(waiting))
    yield worker.finish()
