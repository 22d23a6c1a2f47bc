"""Deadlines: fired by event time, by the clock on silent streams, and at the end of input."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given

from guardian.alerts.model import Alert
from guardian.engine import runner
from guardian.engine.detector import Detector
from guardian.events.model import Event
from guardian.testing.states import MemoryStates
from tests.unit.engine.test_pieces import streams
from tests.unit.engine.toys import (
    BASE,
    LATENESS,
    NOTES,
    Recorder,
    clock,
    note,
    one_key,
    own_keys,
    run,
    started,
)

WAKE = note(0, "a", text="n", wake=50)


@pytest.mark.parametrize(
    ("steps", "fired"),
    [
        ([], False),
        ([[clock(49 + LATENESS)]], False),
        ([[clock(50 + LATENESS)]], True),
        ([[note(50 + LATENESS, "b")]], True),
        ([[clock(3_000_000)]], True),
        ([[clock(9_000_000)]], False),
        ([[clock(9_000_000)] * 3], True),
        ([49 + LATENESS], False),
        ([50 + LATENESS], True),
        ([40, 50, 59], False),
        ([40, 50, 60], True),
        ([9_000_000], True),
        ([[clock(30)], 29], False),
        ([[clock(30)], 30], True),
    ],
)
def test_a_deadline_passes_with_the_watermark(steps: list[Any], fired: bool) -> None:
    outcome = run([Recorder("A")], [started(), [WAKE], *steps], finish=False)
    assert outcome.log("A", "a") == ["n@0", *["woken 50"][: int(fired)]]


def test_the_end_of_input_lets_every_deadline_pass_and_leaves_the_watermark() -> None:
    states = MemoryStates()
    run([Recorder("A")], [[*started(), note(0, "a", text="n", wake=10**9)]], finish=False, states=states)
    outcome = run([Recorder("A")], [], states=states)
    assert outcome.log("A", "a") == ["n@0", f"woken {10**9}"]
    alert = msgspec.json.decode(*outcome.alerts.values(), type=Alert)
    assert alert.detected_at == BASE + 10**9
    assert run([Recorder("A")], [], states=states).alerts == {}


def test_a_deadline_survives_on_a_stream_of_one_event() -> None:
    outcome = run([Recorder("A")], [[WAKE], 50 + LATENESS], finish=False)
    assert outcome.log("A", "a") == ["n@0", "woken 50"]


@pytest.mark.parametrize("size", [1, 100])
def test_a_wake_up_in_the_past_fires_right_after_its_event(size: int) -> None:
    events = [
        *started(),
        clock(100),
        note(95, "a", text="first", wake=-40),
        note(95, "a", text="second", wake=-5),
        note(96, "a", text="third", wake=-6),
        note(96, "a", text="fourth", wake=-5),
    ]
    outcome = run(
        [Recorder("A")], [events[at : at + size] for at in range(0, len(events), size)], finish=False
    )
    assert outcome.log("A", "a") == [
        *("first@95", "woken 55"),
        *("second@95", "woken 90"),
        *("third@96", "woken 90"),
        "fourth@96",
    ]


def test_without_a_watermark_nothing_is_in_the_past() -> None:
    outcome = run([Recorder("A")], [[note(0, "a", wake=-5), note(1, "a", wake=-5)]], finish=False)
    assert outcome.log("A", "a") == ["n@0", "n@1"]
    assert run([Recorder("A")], [[note(0, "a", wake=-5)]]).log("A", "a") == ["n@0", "woken -5"]


@pytest.mark.parametrize("size", [1, 100])
def test_a_wake_up_comes_before_the_event_that_let_it_pass(size: int) -> None:
    events = [
        *started(),
        note(0, "a", text="n", wake=20),
        note(29, "a", text="just before"),
        note(30, "a", text="lets it pass"),
    ]
    outcome = run([Recorder("A")], [events[at : at + size] for at in range(0, len(events), size)])
    assert outcome.log("A", "a") == ["n@0", "just before@29", "woken 20", "lets it pass@30"]


@given(streams(cold=False))
def test_every_deadline_fires_exactly_once(events: list[Event]) -> None:
    outcome = run([Recorder("A", {NOTES: one_key})], [[one] for one in events])
    wanted: list[int] = []
    seen: set[str | None] = set()
    for event in events:
        if event.topic != NOTES or (event.id is not None and event.id in seen):
            continue
        seen.add(event.id)
        if event.value.wake is not None:
            due = event.position + event.value.wake
            wanted += [due, due + 7] if event.value.woken == "again" else [due]
    lines = [line for log in outcome.logs("A") for line in log]
    fired = [int(line.removeprefix("woken ")) for line in lines if line.startswith("woken ")]
    assert sorted(fired) == sorted(wanted)


def two_stages() -> list[Detector[Any]]:
    return [Recorder("A", emits=("from-a",)), Recorder("B", {"from-a": one_key, NOTES: own_keys})]


def three_stages() -> list[Detector[Any]]:
    return [
        Recorder("A", emits=("from-a",)),
        Recorder("B", {"from-a": one_key}, emits=("from-b",)),
        Recorder("C", {"from-b": one_key}),
    ]


def told(detectors: list[Detector[Any]], events: list[Event], steps: list[Any]) -> dict[str, bytes]:
    return run(detectors, [[*started(), *events], *steps]).alerts


def assert_time_passes_alike(make: Any, events: list[Event]) -> None:
    """By nothing, by small silences, one large one, many events of others, and a single one."""
    expected = told(make(), events, [])
    last = max((event.position for event in events), default=0)
    assert told(make(), events, [[clock(last + ms)] for ms in range(1, 300)]) == expected, "events"
    assert told(make(), events, [[clock(last + ms) for ms in range(1, 300)]]) == expected, "events at once"
    assert told(make(), events, [ms + last for ms in range(1, 300, 7)]) == expected, "silences"
    assert told(make(), events, [100_000]) == expected, "one silence"
    assert told(make(), events, [[clock(last + 100_000)]]) == expected, "one event"


@given(streams(cold=False, step=12))
def test_how_time_passes_does_not_matter(events: list[Event]) -> None:
    assert_time_passes_alike(lambda: [Recorder("A")], events)


@given(streams(cold=False, step=12, wakes=(None, 1, 5, 20, 60)))
@example([note(0, "a", text="m", wake=20), note(0, "b", text="n", wake=40)])
def test_how_time_passes_does_not_matter_to_a_second_stage(events: list[Event]) -> None:
    """A deadline the second stage sets is not overtaken by what the first says of an earlier instant."""
    assert_time_passes_alike(two_stages, events)


@given(streams(cold=False, step=12, wakes=(None, 1, 5, 20, 60)))
def test_how_time_passes_does_not_matter_to_a_third_stage(events: list[Event]) -> None:
    assert_time_passes_alike(three_stages, events)


class Immediate(Recorder):
    """Wants to be woken at once by whatever it hears."""

    wake = -1

    def hear(self, state: Any, event: Event, ctx: Any) -> None:
        at_once = msgspec.structs.replace(event.value, wake=self.wake)
        super().hear(state, msgspec.structs.replace(event, value=at_once), ctx)


@pytest.mark.parametrize(
    "steps", [[], [10_000], [25, 10_000], [[clock(10_000)]], [[clock(25)], [clock(10_000)]]]
)
def test_what_is_due_at_once_in_the_second_stage_comes_before_what_is_due_later(steps: list[Any]) -> None:
    """The third stage hears in the same order whether deadlines pass one by one or together."""
    detectors = [
        Recorder("A", emits=("from-a",)),
        Immediate("B", {"from-a": one_key}, emits=("from-b",)),
        Recorder("C", {"from-b": one_key}),
    ]
    events = [*started(), note(0, "a", text="m", wake=10), note(0, "b", text="n", wake=50)]
    heard = [line for line in run(detectors, [events, *steps]).log("C") if line.startswith("B/")]
    assert heard[-4:] == [
        "B/all:A/a:woken 10@10@10",
        "B/all:woken 9@9",
        "B/all:A/b:woken 50@50@50",
        "B/all:woken 49@49",
    ]


class SameInstant(Immediate):
    wake = 0


@pytest.mark.parametrize("steps", [[], [10_000], [[clock(10_000)]], [[clock(20 + LATENESS)]]])
def test_at_one_instant_what_others_say_comes_before_a_deadline(steps: list[Any]) -> None:
    detectors = [Recorder("A", emits=("from-a",)), SameInstant("B", {"from-a": one_key})]
    events = [*started(), note(0, "a", text="m", wake=20), note(0, "b", text="n", wake=20)]
    heard = run(detectors, [events, *steps]).log("B")
    assert heard[-4:] == ["A/a:woken 20@20", "A/b:woken 20@20", "woken 20", "woken 20"]


class Endless(Recorder):
    """Asks to be woken again and again: at the same instant, or for ever later."""

    period = 0

    def on_wake(self, state: Any, at: int, ctx: Any) -> None:
        state.wake_by(at + self.period)


class Periodic(Endless):
    period = 1_000


LATER = note(1_000, "a", text="later")


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ([[LATER]], ["n@0", "later@1000"]),
        ([[clock(1_000)], [LATER]], ["n@0", "later@1000"]),
        ([[clock(1_000), LATER]], ["n@0", "later@1000"]),
        ([10_000, [LATER]], ["n@0", "later@1000"]),
        ([10_000], ["n@0"]),
        ([], ["n@0"]),
    ],
)
@pytest.mark.parametrize("stages", [1, 2])
def test_a_detector_that_wakes_itself_for_ever_is_given_up(
    steps: list[Any], heard: list[str], stages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told of as a failure, and what comes after it is still heard."""
    monkeypatch.setattr(runner, "MAX_WAKES", 200)
    toys: list[Detector[Any]] = [Endless("E")]
    if stages == 2:
        toys = [Recorder("A", emits=("from-a",)), Endless("E", {"from-a": own_keys})]
        heard = [f"A/a:{line}@{line.split('@')[1]}" for line in heard]
    outcome = run([*toys, Recorder("Z")], [[*started(), note(0, "a", text="n", wake=50)], *steps])
    assert [line for line in outcome.log("E", "a") if "woken" not in line] == heard
    assert {failure[:2] for failure in outcome.failures} == {("E", "a")}
    assert outcome.counters["E.failed"] == outcome.failures.total()
    assert "woken 50" in outcome.log("Z", "a")


@pytest.mark.timeout(5)
def test_a_detector_that_wakes_itself_periodically_is_given_up_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "MAX_WAKES", 200)
    steps = [[*started(), note(0, "a", wake=50)], [clock(10_000)]]
    running = run([Periodic("E"), Recorder("Z")], steps, finish=False)
    assert not running.failures
    outcome = run([Periodic("E"), Recorder("Z")], steps)
    assert {failure[:2] for failure in outcome.failures} == {("E", "a")}
    assert outcome.log("Z", "a") == ["n@0", "woken 50"]
