"""A detector that raises fails on that event, and on nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from guardian.alerts.model import Alert
from guardian.engine.context import Context
from guardian.engine.detector import Detector
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.engine.state import Entry
from guardian.events.model import Event
from guardian.testing.states import MemoryStates
from tests.unit.engine.toys import (
    LATENESS,
    Log,
    Oops,
    Outcome,
    Recorder,
    clock,
    note,
    one_key,
    own_keys,
    run,
    started,
)

SIZES = pytest.mark.parametrize("size", [1, 2, 3, 100])


def in_batches(detectors: list[Detector[Any]], events: list[Event], size: int) -> Outcome:
    """The same in batches of this size, and in one batch of slices of this size."""
    outcome = run(detectors, [events[at : at + size] for at in range(0, len(events), size)])
    sliced = run(detectors, [events], slice_events=size)
    assert sliced == outcome
    return outcome


@SIZES
def test_a_failing_event_leaves_no_trace_but_the_failure(size: int) -> None:
    events = [
        *started(),
        note(1, "a", text="n1"),
        note(2, "a", text="n2", fails="A apply", wake=5, id="two"),
        note(3, "a", text="n3"),
        note(3, "b", text="n4"),
    ]
    detectors = [Recorder("A", emits=("from-a",)), Recorder("B", {"from-a": one_key}), Recorder("Z")]
    outcome = in_batches(detectors, events, size)
    assert outcome.failures == Counter([("A", "a", "two", "Oops: n2")])
    assert outcome.counters["A.failed"] == 1
    assert outcome.counters["A.applied"] == 4
    assert outcome.counters["A.lines"] == 3
    assert outcome.log("A", "a") == ["n1@1", "n3@3"]
    assert outcome.log("A", "b") == ["n4@3"]
    assert outcome.log("Z", "a") == ["n1@1", "n2@2", "n3@3", "woken 7"]
    assert [line.split("@")[0] for line in outcome.log("B")] == ["A/a:n1", "A/a:n3", "A/b:n4"]
    assert sum(name.startswith("A/a/") for _, name in outcome.history) == 2


@SIZES
def test_the_same_event_delivered_again_is_tried_again(size: int) -> None:
    """A failed event was not applied, so it does not count as seen."""
    failing = note(1, "a", text="n", fails="A apply", id="x")
    outcome = in_batches([Recorder("A")], [*started(), failing, failing], size)
    assert outcome.failures == Counter({("A", "a", "x", "Oops: n"): 2})
    assert outcome.counters["A.duplicates"] == 0


@SIZES
def test_a_failing_deadline_is_given_up_and_the_rest_goes_on(size: int) -> None:
    events = [
        *started(),
        note(0, "a", text="n1", wake=20, fails="A wake"),
        note(1, "b", text="n2", wake=20),
        clock(35),
        note(60, "a", text="n3"),
    ]
    outcome = in_batches([Recorder("A"), Recorder("Z")], events, size)
    ((detector, key, event, error),) = outcome.failures.elements()
    assert (detector, key, error) == ("A", "a", "Oops: woken 20")
    assert event.startswith("deadline ")
    assert outcome.counters["A.failed"] == 1
    assert outcome.log("A", "a") == ["n1@0", "n3@60"]
    assert outcome.log("A", "b") == ["n2@1", "woken 21"]
    assert outcome.log("Z", "a") == ["n1@0", "woken 20", "n3@60"]


@SIZES
def test_a_failing_stage_does_not_hurt_the_others(size: int) -> None:
    events = [*started(), note(1, "a", text="n1", fails="B apply"), note(2, "a", text="n2")]
    detectors = [
        Recorder("A", emits=("from-a",)),
        Recorder("B", {"from-a": one_key}, emits=("from-b",)),
        Recorder("C", {"from-b": one_key}),
        Recorder("D", {"from-a": one_key}),
    ]
    outcome = in_batches(detectors, events, size)
    assert [failure[:2] for failure in outcome.failures.elements()] == [("B", "all")]
    assert outcome.log("A", "a") == ["n1@1", "n2@2"]
    assert outcome.log("B") == ["A/a:n2@2@2"]
    assert outcome.log("C") == ["B/all:A/a:n2@2@2@2"]
    assert outcome.log("D") == ["A/a:n1@1@1", "A/a:n2@2@2"]


@SIZES
@pytest.mark.parametrize("when", ["apply", "wake"])
def test_events_that_fail_one_after_the_other(size: int, when: str) -> None:
    events = [*started()]
    events += [note(number, "a", "b", text=f"n{number}", fails=f"A {when}", wake=-50) for number in range(5)]
    outcome = in_batches([Recorder("A"), Recorder("Z")], events, size)
    assert outcome.counters["A.failed"] == outcome.failures.total() == 10
    assert {failure[1] for failure in outcome.failures} == {"a", "b"}
    assert len(outcome.log("Z", "a")) == 10


def raising(message: str) -> Callable[..., Any]:
    def function(*_: Any) -> Any:
        raise Oops(message)

    return function


@SIZES
def test_a_key_function_that_raises_fails_the_event_and_blocks_nobody(size: int) -> None:
    def picky(event: Event) -> tuple[str, ...]:
        if event.value.text == "bad":
            raise Oops("no key")
        return own_keys(event)

    events = [*started(), note(1, "a", text="n1"), note(2, "a", text="bad", id="x"), note(3, "a", text="n3")]
    outcome = in_batches([Recorder("A", {"notes": picky}), Recorder("Z")], events, size)
    assert [(who, event) for who, _, event, _ in outcome.failures.elements()] == [("A", "x")]
    assert outcome.counters["A.failed"] == 1
    assert outcome.log("A", "a") == ["n1@1", "n3@3"]
    assert outcome.log("Z", "a") == ["n1@1", "bad@2", "n3@3"]


def test_a_key_function_of_a_later_stage_that_raises_blocks_nobody() -> None:
    detectors = [
        Recorder("A", emits=("from-a",)),
        Recorder("B", {"from-a": raising("no key")}),
        Recorder("Z"),
    ]
    outcome = run(detectors, [[*started(), note(1, "a")]])
    assert [failure[0] for failure in outcome.failures.elements()] == ["B"]
    assert outcome.log("A", "a") == outcome.log("Z", "a") == ["n@1"]


class Speechless(Recorder):
    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        raise Oops("no words")


def test_an_alert_that_cannot_be_narrated_is_still_raised() -> None:
    outcome = run([Speechless("A"), Recorder("Z")], [[*started(), note(1, "a")]], finish=False)
    assert outcome.log("A", "a") == outcome.log("Z", "a") == ["n@1"]
    assert [failure[0] for failure in outcome.failures.elements()] == ["A"]


class Unstorable(Recorder):
    """Puts something into its state that cannot be stored."""

    def hear(self, state: Log, event: Event, ctx: Context) -> None:
        super().hear(state, event, ctx)
        if event.value.text == "bad":
            state.lines.append(object())  # type: ignore[arg-type]


@SIZES
def test_a_state_that_cannot_be_stored_blocks_nobody(size: int) -> None:
    events = [*started(), note(1, "a", text="n1"), note(2, "a", text="bad"), note(3, "b", text="n3")]
    outcome = in_batches([Unstorable("A"), Recorder("Z")], events, size)
    assert {failure[:2] for failure in outcome.failures} == {("A", "a")}
    assert outcome.log("A", "b") == outcome.log("Z", "b") == ["n3@3"]
    assert outcome.log("Z", "a") == ["n1@1", "bad@2"]


class Brittle(MemoryStates):
    """Loses its connection on one load."""

    def __init__(self, fails_on: int) -> None:
        super().__init__()
        self.loads_left = fails_on

    def load(self, detector: str, key: str) -> Entry:
        self.loads_left -= 1
        if self.loads_left == 0:
            raise ConnectionError("gone")
        return super().load(detector, key)


@pytest.mark.parametrize("fails_on", range(1, 8))
def test_what_was_decided_before_the_store_failed_is_not_told_later(fails_on: int) -> None:
    """The batch is decided anew: nothing of the first attempt is left in the engine."""

    def engine() -> Engine:
        detectors = [Recorder("A", emits=("from-a",)), Recorder("B", {"from-a": one_key})]
        return Engine(detectors, site="toys", lateness_ms=LATENESS)

    batch = Batch([*started(), note(1, "a", text="n1"), note(2, "b", text="n2"), note(3, "c", text="n3")])
    expected = engine().process(batch, MemoryStates())
    again, states = engine(), Brittle(fails_on)
    try:
        plan = again.process(batch, states)
    except ConnectionError:
        again.watermark = engine().watermark
        states = MemoryStates()
        plan = again.process(batch, states)
    else:
        assert fails_on > 4, "the store was asked once for every key"
    assert msgspec.json.encode(plan.alerts) == msgspec.json.encode(expected.alerts)
    assert plan.counters == expected.counters
    assert plan.history == expected.history
    assert plan.states == expected.states
