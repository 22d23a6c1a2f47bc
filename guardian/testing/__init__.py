"""The test kit for authors of detectors: tables of cases, and a runner that plays each in many ways.

>>> from guardian.detectors.store.long_queue import LongQueue
>>> from guardian.testing import WAYS, Case, Finding, problems, queue
>>> case = Case(
...     name="six people wait",
...     kind="hit",
...     events=[queue(0, 4), queue(5, 6), queue(10, 5)],
...     expect=[Finding("LONG_QUEUE", "SCC1", "medium", {"num_of_customers": 6})],
... )
>>> [problem for way in WAYS for problem in problems(case, lambda: [LongQueue(lateness_ms=5_000)], way)]
[]

`events.py` makes a store's typed events from short rows, `warehouse.py` a warehouse's; `cases.py` says what
is expected, `ways.py` how the same events may arrive, `states.py` keeps states between batches as a store
would, `play.py` runs it all.
"""

from guardian.testing.cases import Case, Finding, Kind
from guardian.testing.events import (
    at,
    crash,
    event,
    heartbeat,
    heartbeats,
    queue,
    read,
    read_error,
    sale,
    snapshot,
    view,
)
from guardian.testing.play import Detectors, Outcome, play, problems
from guardian.testing.states import MemoryStates
from guardian.testing.warehouse import activity, booked, departure, post, regenerated, scan, shelf
from guardian.testing.ways import IN_ONE_BATCH, WAYS, Way

__all__ = [
    "IN_ONE_BATCH",
    "WAYS",
    "Case",
    "Detectors",
    "Finding",
    "Kind",
    "MemoryStates",
    "Outcome",
    "Way",
    "activity",
    "at",
    "booked",
    "crash",
    "departure",
    "event",
    "heartbeat",
    "heartbeats",
    "play",
    "post",
    "problems",
    "queue",
    "read",
    "read_error",
    "regenerated",
    "sale",
    "scan",
    "shelf",
    "snapshot",
    "view",
]
