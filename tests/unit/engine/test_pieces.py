"""One batch, random pieces, one event a batch: the same alerts byte for byte, the same everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, strategies as st

from guardian.engine.detector import Detector
from guardian.events.model import Event
from tests.unit.engine.toys import (
    CLOCK,
    LATENESS,
    NOTES,
    REMARKS,
    WHISPERS,
    Outcome,
    Recorder,
    clock,
    note,
    one_key,
    own_keys,
    pieces,
    run,
    started,
)

cut = st.integers(0, 40)
cuts = st.lists(cut, max_size=10)


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    wakes: Sequence[int | None] = (None, -30, -1, 0, 1, 5, 20, 60, 200),
    woken: Sequence[str] = ("", "", "again"),
    fails: Sequence[str] = ("",),
    duplicates: bool = True,
    cold: bool = True,
    step: int = 40,
    topics: Sequence[str] = (NOTES,),
) -> list[Event]:
    """Notes for three keys and ticks of the clock, out of order, some late, some delivered twice."""
    events: list[Event] = [] if cold and draw(st.booleans()) else started()
    time = 0
    for number in range(draw(st.integers(0, 18))):
        time += draw(st.integers(0, step))
        at = time - draw(st.integers(0, 2 * LATENESS))
        if draw(st.integers(0, 4)) == 0:
            events.append(clock(at))
            continue
        keys = draw(st.sampled_from([("a",), ("b",), ("c",), ("a", "b"), ()]))
        events.append(
            note(
                at,
                *keys,
                text=f"n{number}",
                topic=draw(st.sampled_from(topics)),
                id=draw(st.sampled_from([None, f"id{number}"])) if duplicates else None,
                wake=draw(st.sampled_from(wakes)),
                woken=draw(st.sampled_from(woken)),
                fails=draw(st.sampled_from(fails)),
            )
        )
        if duplicates and draw(st.integers(0, 5)) == 0:
            events.append(draw(st.sampled_from(events)))
    return events


def chain(*, retention_ms: int = 10**9, alerts: bool = True) -> list[Detector[Any]]:
    """Three stages that feed each other, in the wrong order. The later ones hear the notes as well."""
    return [
        Recorder(
            "C",
            {"from-b": one_key, NOTES: one_key},
            types=frozenset({"A", "B"}) if alerts else frozenset(),
            retention_ms=retention_ms,
        ),
        Recorder("B", {"from-a": one_key, NOTES: own_keys}, emits=("from-b",), retention_ms=retention_ms),
        Recorder("A", emits=("from-a",), retention_ms=retention_ms),
    ]


def assert_same(detectors: Any, events: list[Event], places: list[int], *, sweep: bool = False) -> Outcome:
    """Plays the events in one batch, cut at these places and one by one; and in slices of a batch."""
    whole = run(detectors(), [events], sweep=sweep)
    cut_up = pieces(events, places)
    for steps, slice_events in (
        (cut_up, 100),
        ([[one] for one in events], 100),
        ([events], 1),
        ([events], 3),
        (cut_up, 2),
    ):
        other = run(detectors(), steps, sweep=sweep, slice_events=slice_events)
        assert other.alerts == whole.alerts
        assert other.history == whole.history
        assert other.failures == whole.failures
        assert other.counters == whole.counters
    return whole


@given(streams(), cuts)
def test_one_detector(events: list[Event], places: list[int]) -> None:
    outcome = assert_same(lambda: [Recorder("A")], events, places)
    assert not outcome.failures


@given(streams(), cuts)
def test_stages_that_feed_each_other(events: list[Event], places: list[int]) -> None:
    outcome = assert_same(chain, events, places)
    assert not outcome.failures


@given(streams(woken=("", "back")), cuts)
@example([*started(), note(5, "a", wake=19, woken="back"), clock(31), note(32, "b", text="m"), clock(40)], [])
def test_a_wake_up_that_asks_for_an_earlier_one(events: list[Event], places: list[int]) -> None:
    assert_same(lambda: chain(alerts=False), events, places)


@given(streams(wakes=(None, 5, 20, 60, 200)), cuts, st.sampled_from([0, 15, 40, 100]))
@example([*started(), note(0, "a", text="n0", wake=20), clock(60), note(110, "a", text="n1")], [4, 5], 40)
def test_states_that_expire(events: list[Event], places: list[int], retention_ms: int) -> None:
    """A key forgotten after a silence is forgotten at the same event, however the input is cut."""
    assert_same(lambda: [Recorder("A", retention_ms=retention_ms + LATENESS)], events, places)


@given(streams(wakes=(None, 5, 20, 60, 200)), cuts, st.sampled_from([0, 15, 40, 100]))
def test_states_that_expire_in_stages(events: list[Event], places: list[int], retention_ms: int) -> None:
    assert_same(lambda: chain(retention_ms=retention_ms + LATENESS), events, places)


@given(streams(wakes=(None, 5, 20, 60, 200)), cuts, st.sampled_from([0, 15, 40, 100]))
def test_an_expired_state_is_as_good_as_none(
    events: list[Event], places: list[int], retention_ms: int
) -> None:
    """Whether the store has swept it away by then, or it is still there, makes no difference."""

    def detectors() -> list[Detector[Any]]:
        return [Recorder("A", retention_ms=retention_ms + LATENESS)]

    steps = [[one] for one in events]
    kept, swept = run(detectors(), steps), run(detectors(), steps, sweep=True)
    assert swept == kept
    assert_same(detectors, events, places, sweep=True)


def first_key(event: Event) -> str | None:
    return next(iter(event.value.keys), None)


@given(
    streams(wakes=(None, 5, 20, 60), topics=(NOTES, REMARKS, REMARKS)),
    cuts,
    st.sampled_from([0, 15, 40, 100]),
)
def test_events_that_open_no_state(events: list[Event], places: list[int], retention_ms: int) -> None:
    """Whether there is a state is the same at the same event, however the input is cut."""

    def detectors() -> list[Detector[Any]]:
        listens = {NOTES: own_keys, REMARKS: own_keys}
        retention = retention_ms + LATENESS
        return [
            Recorder("A", listens, emits=("from-a", WHISPERS), retention_ms=retention),
            Recorder("B", {"from-a": one_key, REMARKS: own_keys}, retention_ms=retention),
            Recorder("C", {NOTES: first_key, WHISPERS: own_keys}, retention_ms=retention),
        ]

    kept = assert_same(detectors, events, places)
    assert assert_same(detectors, events, places, sweep=True) == kept


FAILS = ("", "", "", "A apply", "A wake", "B apply", "B wake", "C apply", "C wake")


@given(streams(fails=FAILS), cuts)
def test_failures(events: list[Event], places: list[int]) -> None:
    assert_same(chain, events, places)


@given(streams(fails=FAILS, wakes=(None, 5, 20, 60)), cuts, st.sampled_from([0, 15, 40]))
def test_failures_among_states_that_expire(events: list[Event], places: list[int], retention_ms: int) -> None:
    assert_same(lambda: [Recorder("A", retention_ms=retention_ms + LATENESS)], events, places)


@given(streams(duplicates=False, cold=False), st.lists(st.tuples(cut, cut), max_size=8), cuts)
def test_delivered_twice_is_as_delivered_once(
    events: list[Event], again: list[tuple[int, int]], places: list[int]
) -> None:
    """Right behind the original, or any time later."""
    events = [
        msgspec.structs.replace(event, id=f"id{number}") if event.topic == NOTES else event
        for number, event in enumerate(events)
    ]
    doubled = list(events)
    for number, later in again:
        if number < len(events) and events[number].topic == NOTES:
            event = events[number]
            doubled.insert(doubled.index(event) + 1 + later, event)
    expected = run(chain(alerts=False), [events])
    assert run(chain(alerts=False), [doubled]).alerts == expected.alerts
    assert run(chain(alerts=False), pieces(doubled, places)).alerts == expected.alerts


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_duplicate_is_counted_and_changes_nothing(size: int) -> None:
    events = [
        *started(),
        note(1, "a", text="one", id="x"),
        note(1, "a", text="two", id="x"),
        note(2, "b", text="three", id="x"),
        note(3, "a", text="four"),
        note(3, "a", text="four"),
    ]
    outcome = run([Recorder("A")], [events[at : at + size] for at in range(0, len(events), size)])
    assert outcome.log("A", "a") == ["one@1", "four@3", "four@3"]
    assert outcome.log("A", "b") == ["three@2"]
    assert outcome.counters["A.duplicates"] == 1
    assert outcome.counters["A.applied"] == 5
    assert outcome.counters[f"events.{NOTES}"] == 5
    assert outcome.counters[f"events.{CLOCK}"] == 3


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_very_first_event_is_known_when_it_comes_again(size: int) -> None:
    """Before three events have come there is no watermark; identifiers are remembered all the same."""
    events = [note(at, "a", text=f"n{at}", id=f"id{at}") for at in (1, 2, 3)]
    events += events
    outcome = run([Recorder("A")], [events[at : at + size] for at in range(0, len(events), size)])
    assert outcome.log("A", "a") == ["n1@1", "n2@2", "n3@3"]


@given(streams(duplicates=False))
def test_late_events_are_counted_and_still_applied(events: list[Event]) -> None:
    outcome = run([Recorder("A", {NOTES: one_key})], [events])
    times = [event.time for event in events]
    newest = [max(min(times[:3]), *times[3:number], 0) for number in range(len(times))]
    late = sum(time < newest[number] - LATENESS for number, time in enumerate(times) if number >= 3)
    assert outcome.counters["late"] == late
    assert outcome.counters["A.applied"] == sum(event.topic == NOTES for event in events)
