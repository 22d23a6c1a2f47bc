"""Replays recorded streams through the engine, as fast as it can, in event time."""

from __future__ import annotations

from collections.abc import Callable

from guardian.engine.plan import Plan
from guardian.ports import Source
from guardian.runtime.worker import Worker

BATCH = 8_192
"""Records decided and committed together: enough to make a commit cheap, few enough to stay small."""


def replay(
    worker: Worker,
    source: Source,
    *,
    batch: int = BATCH,
    keep_open: bool = False,
    on_plan: Callable[[Plan], None] = lambda plan: None,
) -> None:
    """Runs `source` to its end, going on from what the worker's store has committed.

    keep_open: more input will follow in a later run, so deadlines that have not passed stay pending.
    on_plan: called with every plan, once it is committed.
    """
    source.resume(worker.store.positions())
    while (waiting := source.poll(batch, 1.0)) is not None:
        if waiting.events or waiting.rejected:
            on_plan(worker.process(waiting))
    if not keep_open:
        on_plan(worker.finish())
