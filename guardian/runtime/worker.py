"""The loop around the engine: take a batch, decide, commit, and only then take the next."""

from __future__ import annotations

import copy
from collections.abc import Callable

import structlog

from guardian.engine.engine import Engine
from guardian.engine.plan import Batch, Plan
from guardian.ports import Conflict, StateStore
from guardian.runtime.state_cache import StateCache

log = structlog.get_logger()

SWEEP_EVERY = 16
"""Commits between two looks for expired states; one after the other while there is more to delete."""
SWEEP_LIMIT = 10_000
"""States deleted at most in one sweep, so that no commit waits long."""
ATTEMPTS = 10
"""Times a batch is decided again when others keep changing its states."""


class Worker:
    """Runs an engine over a store. One thread's business."""

    def __init__(self, engine: Engine, store: StateStore, *, cache_limit: int = 50_000) -> None:
        self.engine = engine
        self.store = store
        self._cache = StateCache(store, cache_limit)
        self._caps = {detector.about.id: detector.max_keys for detector in engine.detectors}
        self._commits = 0
        self._dropped = 0
        """States dropped for their cap, and not counted in a plan yet."""
        if watermark := store.watermark():
            engine.restore(watermark)

    def process(self, batch: Batch) -> Plan:
        """Decides and commits; when this returns, the batch is done and may be acknowledged."""
        return self._decide(lambda: self.engine.process(batch, self._cache))

    def tick(self, silence_ms: int) -> Plan:
        """Lets deadlines pass on streams that have been silent for so long.

        If none does, nothing is committed: the clock moves the watermark on again after a restart.
        """
        return self._decide(lambda: self.engine.tick(silence_ms, self._cache), _has_effects)

    def finish(self) -> Plan:
        """Lets all deadlines pass: the input has ended."""
        return self._decide(lambda: self.engine.finish(self._cache))

    def _decide(
        self, decide: Callable[[], Plan], worth_it: Callable[[Plan], bool] = lambda plan: True
    ) -> Plan:
        for _ in range(ATTEMPTS):
            before = copy.copy(self.engine.watermark)
            try:
                plan = decide()
                if not worth_it(plan):
                    return plan
                if self._dropped:
                    plan.counters["states_dropped"] += self._dropped
                self.store.commit(plan)
            except Conflict as conflict:
                # Another worker was faster. Its states are newer: take those and decide again.
                log.info("commit_conflict", keys=len(conflict.keys))
                self._cache.share()
                self.engine.watermark = before
                continue
            except BaseException:
                # Nothing was committed; states in memory are ahead of the store and must not survive.
                self._cache.forget()
                self.engine.watermark = before
                raise
            self._cache.committed(plan)
            self._dropped = 0
            for failure in plan.failures:
                log.error(
                    "detector_failed",
                    detector=failure.detector,
                    key=failure.key,
                    record=failure.event,
                    error=failure.error,
                )
            self._commits += 1
            if self._commits >= SWEEP_EVERY:
                try:
                    swept = self._sweep()
                except Exception as error:
                    # The batch is stored; cleaning up can wait for the next one.
                    log.error("sweep_failed", error=f"{type(error).__name__}: {error}")
                    self._cache.forget()
                    swept = True
                if swept:
                    self._commits = 0
            return plan
        raise RuntimeError(f"a batch could not be committed in {ATTEMPTS} attempts: states keep changing")

    def _sweep(self) -> bool:
        """Deletes expired states, and those beyond a cap. True when nothing is left to delete."""
        watermark = self.engine.watermark.value
        self._cache.forget_expired(watermark)
        expired, dropped = self.store.sweep(watermark, self._caps, SWEEP_LIMIT)
        if dropped:
            log.warning(
                "states_dropped_for_cap", number=len(dropped), detectors=sorted({d for d, _ in dropped})
            )
            self._cache.forget(dropped)
            self._dropped += len(dropped)
        return expired + len(dropped) < SWEEP_LIMIT


def _has_effects(plan: Plan) -> bool:
    """Whether a plan does more than move the watermark."""
    return bool(plan.states or plan.alerts or plan.history or plan.failures or plan.counters)
