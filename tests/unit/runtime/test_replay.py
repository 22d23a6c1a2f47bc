"""Replaying: to the end of the source, or not, and leaving the interpreter as it was."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import pytest

from guardian.engine.engine import Engine
from guardian.engine.plan import Batch, Plan
from guardian.runtime.replay import replay
from guardian.runtime.worker import Worker
from tests.unit.engine.toys import LATENESS, Recorder, note, started
from tests.unit.runtime.memory_store import MemoryStore


class Batches:
    """A source that hands over these batches."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = list(batches)
        self.resumed: Mapping[str, bytes] = {}
        self.thresholds: list[int] = []

    def resume(self, positions: Mapping[str, bytes]) -> None:
        self.resumed = positions

    def poll(self, most: int, wait_s: float) -> Batch | None:
        self.thresholds.append(gc.get_threshold()[0])
        return self.batches.pop(0) if self.batches else None

    def live(self) -> bool:
        return False

    def close(self) -> None:
        pass


def replayed(source: Batches, *, keep_open: bool = False) -> tuple[MemoryStore, list[Plan]]:
    store, plans = MemoryStore(), list[Plan]()
    engine = Engine([Recorder("A")], site="toys", lateness_ms=LATENESS)
    replay(Worker(engine, store), source, keep_open=keep_open, on_plan=plans.append)
    return store, plans


@pytest.mark.parametrize("keep_open", [False, True])
def test_deadlines_pass_at_the_end_unless_more_follows(keep_open: bool) -> None:
    batches = [
        Batch([*started(), note(0, "a", wake=50)]),
        Batch([]),
        Batch([note(1, "a")], [], {"toy": b"5"}),
    ]
    store, plans = replayed(Batches(*batches), keep_open=keep_open)
    assert len(plans) == 2 + (not keep_open)  # nothing is committed for an empty batch
    assert len(store.due(10**15)) == (1 if keep_open else 0)
    assert store.positions() == {"toy": b"5"}


def test_the_garbage_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    source = Batches(Batch(started()))
    replayed(source)
    assert gc.get_threshold() == before
    assert min(source.thresholds) > before[0]

    class Broken(Batches):
        def poll(self, most: int, wait_s: float) -> Batch | None:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        replayed(Broken())
    assert gc.get_threshold() == before
