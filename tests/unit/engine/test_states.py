"""States: stored with a version, reset when they cannot be read, forgotten when they are worth nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.engine.context import Context
from guardian.engine.detector import TimeSettingsError
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event, Rejected
from guardian.testing.states import MemoryStates
from tests.unit.engine.toys import (
    BASE,
    LATENESS,
    NOTES,
    REMARKS,
    Log,
    Recorder,
    clock,
    note,
    own_keys,
    run,
    started,
)


@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize(("version", "remembered"), [(1, True), (2, False)])
def test_a_state_of_another_version_is_reset_and_counted(
    version: int, remembered: bool, failing: bool
) -> None:
    """Once for the key, also when the detector then fails on one of the events."""
    states = MemoryStates()
    run([Recorder("A")], [[*started(), note(1, "a", text="old")]], finish=False, states=states)
    fails = "A apply" if failing else ""
    outcome = run(
        [Recorder("A", state_version=version)],
        [[*started(), note(2, "a", text="new"), note(3, "a", text="bad", fails=fails), note(3, "b")]],
        states=states,
    )
    expected = ["old@1", "new@2", "bad@3"][0 if remembered else 1 : 2 if failing else 3]
    assert outcome.log("A", "a") == expected
    assert outcome.counters["A.state_reset"] == (0 if remembered else 1)
    assert outcome.log("A", "b") == ["n@3"]


def test_after_a_reset_the_state_is_stored_in_its_new_version() -> None:
    states = MemoryStates()
    run([Recorder("A")], [[*started(), note(1, "a", text="old")]], states=states)
    newer = [Recorder("A", state_version=2)]
    run(newer, [[*started(), note(2, "a", text="new")]], states=states)
    outcome = run(newer, [[*started(), note(3, "a", text="newer")]], states=states)
    assert outcome.log("A", "a") == ["new@2", "newer@3"]
    assert outcome.counters["A.state_reset"] == 0


@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("silence", "remembered"), [(1_000, True), (1_125 + LATENESS, True), (1_126 + LATENESS, False)]
)
def test_a_key_that_hears_nothing_is_forgotten_an_eighth_after_its_retention(
    silence: int, remembered: bool, size: int, sweep: bool
) -> None:
    events = [*started(), note(0, "a", text="n0"), clock(silence), note(silence, "a", text="n1")]
    outcome = run(
        [Recorder("A", retention_ms=1_000)],
        [events[at : at + size] for at in range(0, len(events), size)],
        sweep=sweep,
    )
    expected = [["n0@0", f"n1@{silence}"]] if remembered else [["n0@0"], [f"n1@{silence}"]]
    assert outcome.logs("A", "a") == expected


@pytest.mark.parametrize("sweep", [False, True])
def test_a_key_that_waits_to_be_woken_is_not_forgotten(sweep: bool) -> None:
    steps = [[*started(), note(0, "a", wake=5_000)], [clock(3_000)], [note(3_500, "a", text="n1")]]
    outcome = run([Recorder("A", retention_ms=1_000)], steps, sweep=sweep)
    assert outcome.log("A", "a") == ["n@0", "n1@3500", "woken 5000"]


@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize("size", [1, 2, 100])
def test_an_event_that_opens_no_state_is_passed_over_where_there_is_none(size: int, sweep: bool) -> None:
    events = [
        *started(),
        note(0, "a", "b", text="too early", topic=REMARKS),
        note(1, "a", text="opens"),
        note(2, "a", "b", text="heard", topic=REMARKS),
        clock(1_127 + LATENESS),
        note(1_127, "a", text="too late", topic=REMARKS),
    ]
    states = MemoryStates()
    outcome = run(
        [Recorder("A", {NOTES: own_keys, REMARKS: own_keys}, retention_ms=1_000)],
        [events[at : at + size] for at in range(0, len(events), size)],
        sweep=sweep,
        states=states,
    )
    assert outcome.logs("A", "a") == [["opens@1", "heard@2"]]
    assert outcome.logs("A", "b") == []
    assert "b" not in states.possible("A")


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, LATENESS)), min_size=1, max_size=30))
def test_a_state_expires_never_early_and_at_most_an_eighth_late(steps: list[tuple[int, int]]) -> None:
    engine = Engine([Recorder("A", retention_ms=1_000)], site="toys", lateness_ms=LATENESS)
    states = MemoryStates()
    states.commit(engine.process(Batch(started()), states))
    time = 0
    for step, late in steps:
        time += step
        plan = engine.process(Batch([clock(time), note(time - late, "a")]), states)
        states.commit(plan)
        (write,) = plan.states
        assert time - late + 1_000 <= write.expires - BASE <= time + 1_125


class Deaf(Recorder):
    """Hears everything, and keeps nothing of it."""

    def hear(self, state: Log, event: Event, ctx: Context) -> None:
        ctx.count("heard")


def test_a_state_in_which_nothing_has_changed_is_not_written() -> None:
    """But for its expiry, from time to time; and whoever commits is told that it was looked at."""
    states = MemoryStates()
    engine = Engine([Deaf("A", retention_ms=1_000)], site="toys", lateness_ms=LATENESS)
    states.commit(engine.process(Batch(started()), states))
    written = []
    for time in range(0, 500, 10):
        plan = engine.process(Batch([note(time, "a")]), states)
        states.commit(plan)
        written += [(time, write.version, write.expires - BASE) for write in plan.states]
        version = written[-1][1] + 1
        assert plan.unchanged == ([] if plan.states else [("A", "a", version)])
        assert plan.counters["A.heard"] == plan.counters["A.applied"] == 1
    assert written == [(0, 0, 1_125), (130, 1, 1_255), (260, 2, 1_385), (390, 3, 1_515)]


def test_a_deadline_that_is_no_longer_due_changes_nothing() -> None:
    states = MemoryStates()
    run([Recorder("A")], [[*started(), note(0, "a", wake=50)]], finish=False, states=states)
    engine = Engine([Recorder("A")], site="toys", lateness_ms=LATENESS)
    states.due = lambda until: [("A", "a"), ("A", "gone")]  # type: ignore[method-assign]
    plan = engine.process(Batch([*started(), clock(20)]), states)
    assert plan.states == []
    assert plan.unchanged == [("A", "a", 1), ("A", "gone", 0)]


def test_a_plan_says_when_states_expire_and_wake() -> None:
    engine = Engine([Recorder("A", retention_ms=1_000)], site="toys", lateness_ms=LATENESS)
    states = MemoryStates()
    plan = engine.process(Batch([*started(), note(5, "a", wake=50), note(3, "a"), note(4, "b")]), states)
    written = {write.key: (write.version, write.wake, write.expires) for write in plan.states}
    assert written == {"a": (0, BASE + 55, BASE + 1_130), "b": (0, NEVER, BASE + 1_129)}
    states.commit(plan)
    plan = engine.process(Batch([note(130, "b")]), states)
    written = {write.key: (write.version, write.wake, write.expires) for write in plan.states}
    assert written == {"a": (1, NEVER, BASE + 1_130), "b": (1, NEVER, BASE + 1_255)}


def test_a_plan_carries_what_came_with_the_batch() -> None:
    engine = Engine([Recorder("A")], site="toys", lateness_ms=LATENESS)
    rejected = [Rejected("notes", None, "not JSON", "toy", number, b"?") for number in (1, 2)]
    plan = engine.process(Batch([], rejected, {"toy": b"2"}), MemoryStates())
    assert plan.rejected == rejected
    assert plan.positions == {"toy": b"2"}
    assert plan.counters == {"quarantined": 2}
    assert (plan.states, plan.alerts, plan.failures) == ([], {}, [])


def test_restore_takes_the_watermark_but_todays_lateness() -> None:
    plan = Engine([], site="toys", lateness_ms=LATENESS).process(Batch(started()), MemoryStates())
    engine = Engine([], site="toys", lateness_ms=3)
    engine.restore(plan.watermark)
    assert engine.watermark.value == BASE - 3


@pytest.mark.parametrize(("retention_ms", "fits"), [(LATENESS, True), (LATENESS - 1, False)])
def test_retention_covers_the_lateness(retention_ms: int, fits: bool) -> None:
    if fits:
        Recorder("A", retention_ms=retention_ms)
    else:
        with pytest.raises(TimeSettingsError, match="A: retention"):
            Recorder("A", retention_ms=retention_ms)


def test_the_earliest_wake_up_asked_for_counts() -> None:
    state = KeyState()
    for at in (20, 10, 30):
        state.wake_by(at)
    assert state.wake == 10
