"""Replays recorded streams through the engine, as fast as it can, in event time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from guardian.engine.plan import Batch, Plan
from guardian.ports import Source
from guardian.runtime.worker import Worker

BATCH = 32_768
"""Records decided and committed together: a state is stored once for all that happened to it meanwhile, so
more is faster; few enough to stay small."""

COLLECT_EVERY = 100_000
"""Objects made, less those freed, between two looks for garbage."""


def replay(
    worker: Worker,
    source: Source,
    *,
    batch: int = BATCH,
    keep_open: bool = False,
    before_batch: Callable[[Batch], None] = lambda batch: None,
    on_plan: Callable[[Plan], None] = lambda plan: None,
) -> None:
    """Runs `source` to its end, going on from what the worker's store has committed.

    keep_open: more input will follow in a later run, so deadlines that have not passed stay pending.
    before_batch: called with what is about to be decided on. on_plan: called with every plan, once it is
    committed.
    """
    source.resume(worker.store.positions())
    with _seldom_collecting():
        while (waiting := source.poll(batch, 1.0)) is not None:
            if waiting.events or waiting.rejected:
                before_batch(waiting)
                on_plan(worker.process(waiting))
        if not keep_open:
            on_plan(worker.finish())


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Makes the collector of cyclic garbage come by less often.

    Thousands of small objects come and go with every batch, hardly any of them in a cycle: looking for
    cycles among them every few hundred takes a tenth of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
