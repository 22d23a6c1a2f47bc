"""Episodes: the same runs of signals, whatever the order in which the signals arrive."""

from __future__ import annotations

import itertools
from collections import Counter

import msgspec
import pytest
from hypothesis import example, given, strategies as st

from guardian.engine.state import NEVER
from guardian.engine.windows.episode import MAX_REFS, Episode, Episodes

GAP, LATENESS = 30, 29

Run = tuple[int, int, int]
"""Start, end, count."""


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[int, bool]]:
    """(time, whether it is a signal or only lets time pass), arriving within the lateness."""
    steps = draw(
        st.lists(st.tuples(st.integers(0, 70), st.integers(0, LATENESS), st.booleans()), max_size=25)
    )
    time, rows = 0, []
    for step, delay, signal in steps:
        time += step
        rows.append((time + delay, time, signal))
    return [(time, signal) for _, time, signal in sorted(rows)]


def maximal_runs(times: list[int]) -> list[Run]:
    """Signals no more than the gap apart belong together."""
    runs: list[list[int]] = []
    for time in sorted(times):
        if runs and time - runs[-1][-1] <= GAP:
            runs[-1].append(time)
        else:
            runs.append([time])
    return [(run[0], run[-1], len(run)) for run in runs]


def stored(episodes: Episodes) -> Episodes:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(episodes), type=Episodes)


def replayed(rows: list[tuple[int, bool]], *, woken_at_due: bool = True) -> list[Run]:
    """The episodes that were closed, with deadlines fired by the watermark before each event."""
    episodes, newest, closed = Episodes(), 0, []

    def pass_time(mark: int) -> None:
        while (due := episodes.next_due(GAP)) <= mark:
            done, _ = episodes.close_by(due if woken_at_due else mark, GAP)
            assert done is not None
            closed.append((done.start, done.end, done.count))

    for number, (time, is_signal) in enumerate(rows):
        newest = max(newest, time)
        pass_time(newest - LATENESS)
        if is_signal:
            episodes.signal(time, float(time), str(number), GAP, time)
        episodes = stored(episodes)
    pass_time(NEVER - 1)
    assert episodes.current is None
    assert not episodes.waiting
    return closed


@given(arrivals(), st.booleans())
@example([(0, True), (GAP + LATENESS, False), (GAP, True)], True)  # as late as allowed, as far as allowed
@example([(0, True), (GAP + LATENESS - 1, False), (GAP, True)], True)
@example([(0, True), (2 * GAP, True), (GAP + 1, True)], True)
def test_episodes_are_the_maximal_runs(rows: list[tuple[int, bool]], woken_at_due: bool) -> None:
    expected = maximal_runs([time for time, is_signal in rows if is_signal])
    assert replayed(rows, woken_at_due=woken_at_due) == expected


def test_a_signal_as_late_as_allowed_joins_the_episode_it_belongs_to() -> None:
    """What arrives exactly `lateness` behind the newest event is not late."""
    assert replayed([(0, True), (GAP + LATENESS, False), (GAP, True)]) == [(0, GAP, 2)]


@given(arrivals())
def test_an_episode_is_told_as_soon_as_it_opens(rows: list[tuple[int, bool]]) -> None:
    """Whatever is closed was told of before: by the signal that opened it, or when the one before closed."""
    episodes, newest, told = Episodes(), 0, set()
    closed: list[Episode] = []
    for number, (time, is_signal) in enumerate(rows):
        newest = max(newest, time)
        while (due := episodes.next_due(GAP)) <= newest - LATENESS:
            done, opened = episodes.close_by(due, GAP)
            assert done is not None
            closed.append(done)
            if opened is not None:
                told.add(opened.anchor)
        if is_signal:
            changed = episodes.signal(time, 1.0, str(number), GAP, time)
            if changed is not None:
                assert changed is episodes.current
                told.add(changed.anchor)
    assert {done.anchor for done in closed} <= told
    if episodes.current is not None:
        assert episodes.current.anchor in told


def test_a_signal_within_the_gap_of_a_waiting_one_bridges() -> None:
    episodes = Episodes()
    opened = episodes.signal(0, 1.0, "a", GAP, 5)
    assert opened == Episode(0, 0, 0, 1, 1.0, 5, ["a"])
    assert episodes.signal(2 * GAP, 3.0, "b", GAP, 6) is None
    assert episodes.signal(GAP, 2.0, "c", GAP, 7) == Episode(0, 0, 2 * GAP, 3, 3.0, 5, ["a", "c", "b"])
    assert episodes.next_due(GAP) >= 3 * GAP


def test_a_signal_too_late_for_its_episode_changes_nothing() -> None:
    episodes = Episodes()
    episodes.signal(0, 1.0, "a", GAP, 0)
    closed, opened = episodes.close_by(10 * GAP, GAP)
    assert (closed, opened) == (Episode(0, 0, 0, 1, 1.0, 0, ["a"]), None)
    before = stored(episodes)
    assert episodes.signal(GAP - 1, 1.0, "b", GAP, 0) is None
    assert episodes == before


def test_an_episode_of_a_wrong_clock_hides_no_other() -> None:
    """One signal from far ahead does not move the watermark, so what comes after it is not late."""
    episodes, closed = Episodes(), []
    for time in (100 * GAP, 0, GAP, 5 * GAP):
        episodes.signal(time, 1.0, str(time), GAP, time)
        episodes = stored(episodes)
    while (due := episodes.next_due(GAP)) < NEVER:
        done, _ = episodes.close_by(due, GAP)
        assert done is not None
        closed.append((done.start, done.end, done.count))
    assert closed == [(0, GAP, 2), (5 * GAP, 5 * GAP, 1), (100 * GAP, 100 * GAP, 1)]


def test_nothing_closes_before_its_time() -> None:
    episodes = Episodes()
    assert episodes.next_due(GAP) == NEVER
    assert episodes.close_by(NEVER - 1, GAP) == (None, None)
    episodes.signal(100, 1.0, "a", GAP, 0)
    assert episodes.close_by(episodes.next_due(GAP) - 1, GAP) == (None, None)
    assert episodes.current is not None


@pytest.mark.parametrize("number", [1, MAX_REFS, MAX_REFS + 5])
def test_references_are_bounded_and_the_earliest_to_arrive(number: int) -> None:
    episodes = Episodes()
    for one in range(number):
        episodes.signal(one, 1.0, str(one), GAP, 0)
    assert episodes.current is not None
    assert episodes.current.refs == [str(one) for one in range(min(number, MAX_REFS))]
    assert episodes.current.count == number


@given(arrivals())
def test_no_signal_is_counted_twice(rows: list[tuple[int, bool]]) -> None:
    runs = replayed(rows)
    assert sum(count for _, _, count in runs) <= Counter(is_signal for _, is_signal in rows)[True]
    assert all(end + GAP < start for (_, end, _), (start, _, _) in itertools.pairwise(runs))
