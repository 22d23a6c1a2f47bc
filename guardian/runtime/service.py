"""The live product: inputs that never end, deadlines that pass by the clock when streams are silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event as Flag

from guardian.engine.plan import Batch, Plan
from guardian.ports import Source
from guardian.runtime.worker import Worker

BATCH = 10_000
POLL_S = 0.2
TICK_S = 1.0
"""How often deadlines are looked at on silent streams."""


class Service:
    """Polls its sources in turn and lets the worker decide and commit whatever is waiting."""

    def __init__(
        self,
        worker: Worker,
        sources: Sequence[Source],
        *,
        idle_after_s: float,
        on_plan: Callable[[Plan], None] = lambda plan: None,
        before_batch: Callable[[Batch], None] = lambda batch: None,
        on_batch: Callable[[Batch], None] = lambda batch: None,
        on_tick: Callable[[int], None] = lambda silence_ms: None,
        on_turn: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """idle_after_s: silence after which the clock moves the watermark on. on_plan: called with every
        plan, once it is committed. before_batch: called with what is about to be decided on. on_batch: called
        with what was decided on, after on_plan. on_tick: called after the clock has moved the watermark on,
        with the silence until then. on_turn: called every time round. clock: seconds, monotonic.
        """
        self._worker = worker
        self._sources = list(sources)
        self._idle_after_s = idle_after_s
        self._on_plan = on_plan
        self._before_batch = before_batch
        self._on_batch = on_batch
        self._on_tick = on_tick
        self._on_turn = on_turn
        self._clock = clock

    def run(self, stop: Flag) -> None:
        """Runs until `stop` is set or every source has ended. A batch begun is finished and committed."""
        positions = self._worker.store.positions()
        for source in self._sources:
            source.resume(positions)
        heard = ticked = self._clock()
        while self._sources and not stop.is_set():
            self._on_turn()
            for source in list(self._sources):
                waiting = source.poll(BATCH, POLL_S / len(self._sources))
                if waiting is None:
                    self._sources.remove(source)
                elif waiting.events or waiting.rejected:
                    heard = self._clock()
                    self._before_batch(waiting)
                    self._on_plan(self._worker.process(waiting))
                    self._on_batch(waiting)
                elif not source.live():
                    # What happens now comes later: until then nobody may conclude anything from silence.
                    heard = self._clock()
            now = self._clock()
            if now - heard >= self._idle_after_s and now - ticked >= TICK_S:
                ticked = now
                silence_ms = int((now - heard) * 1000)
                self._on_plan(self._worker.tick(silence_ms))
                self._on_tick(silence_ms)

    def close(self) -> None:
        """Closes the sources."""
        for source in self._sources:
            source.close()
