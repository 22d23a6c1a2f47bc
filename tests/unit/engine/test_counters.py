"""Windows that count, against counting by hand."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, strategies as st

from guardian.engine.windows.counter import SlidingCounter
from guardian.engine.windows.distinct import DistinctCounter

WINDOW, LATENESS = 50, 20


@st.composite
def arrivals(draw: st.DrawFn, size: int = 30, span: int = 400) -> list[int]:
    """Event times in an order of arrival that keeps within the lateness."""
    times = draw(st.lists(st.tuples(st.integers(0, span), st.integers(0, LATENESS)), max_size=size))
    return [time for _, time in sorted((time + delay, time) for time, delay in times)]


def fullest_closed(times: list[int], time: int) -> tuple[int, int, int]:
    """The fullest [begin, begin + WINDOW] with `time` in it, the earliest of equals."""
    best = (0, time, time)
    for begin in sorted(set(times)):
        inside = [one for one in times if begin <= one <= begin + WINDOW]
        if begin <= time <= begin + WINDOW and len(inside) > best[0]:
            best = (len(inside), begin, max(inside))
    return best


@given(arrivals())
def test_sliding_counter_finds_the_densest_window_around_each_arrival(times: list[int]) -> None:
    counter = SlidingCounter()
    for number, time in enumerate(times, 1):
        counter.add(time, WINDOW, LATENESS)
        assert counter.densest(time, WINDOW) == fullest_closed(times[:number], time)
        counter = msgspec.msgpack.decode(msgspec.msgpack.encode(counter), type=SlidingCounter)


@given(arrivals())
def test_sliding_counter_keeps_no_more_than_it_needs(times: list[int]) -> None:
    counter = SlidingCounter()
    for time in times:
        counter.add(time, WINDOW, LATENESS)
    newest = max(times, default=0)
    assert counter.times == sorted(time for time in times if time >= newest - WINDOW - LATENESS)


@given(arrivals(span=60), st.integers(1, 8))
def test_sliding_counter_keeps_the_newest_beyond_its_cap(times: list[int], cap: int) -> None:
    counter = SlidingCounter()
    kept: list[int] = []
    for time in times:
        counter.add(time, 1_000, LATENESS, cap)
        kept = sorted([*kept, time])[-cap:]
        assert counter.times == kept


def test_sliding_counter_knows_nothing_of_a_time_it_dropped() -> None:
    counter = SlidingCounter()
    for time in (1_000, 1_000 - WINDOW - LATENESS - 1):
        counter.add(time, WINDOW, LATENESS)
    assert counter.densest(929, WINDOW) == (0, 929, 929)


@pytest.mark.parametrize(
    ("times", "at", "expected"),
    [
        ([10], 10, (1, 10, 10)),
        ([10, 60], 60, (2, 10, 60)),
        ([10, 61], 61, (1, 61, 61)),
        ([10, 10, 10], 10, (3, 10, 10)),
        ([20, 50, 80], 50, (2, 20, 50)),  # of equals the earliest
        ([0, 50, 51, 100], 50, (3, 50, 100)),
    ],
)
def test_sliding_windows_include_both_ends(times: list[int], at: int, expected: tuple[int, int, int]) -> None:
    counter = SlidingCounter()
    for time in times:
        counter.add(time, WINDOW, LATENESS)
    assert counter.densest(at, WINDOW) == expected


@st.composite
def sightings(draw: st.DrawFn, things: str = "abcdefghijklmnopqrstuvwxyz") -> list[tuple[str, int]]:
    times = draw(arrivals(size=60))
    return [(draw(st.sampled_from(things)), time) for time in times]


@given(sightings())
def test_distinct_counter_finds_the_fullest_window_around_each_arrival(seen: list[tuple[str, int]]) -> None:
    counter = DistinctCounter()
    latest: dict[str, int] = {}
    for thing, time in seen:
        counter.add(thing, time, WINDOW, LATENESS)
        latest[thing] = time = max(time, latest.get(thing, time))
        best = (0, time, time)
        for begin in sorted(set(latest.values())):
            inside = [at for at in latest.values() if begin <= at < begin + WINDOW]
            if begin <= time < begin + WINDOW and len(inside) > best[0]:
                best = (len(inside), begin, max(inside))
        assert counter.fullest(time, WINDOW) == best


@given(
    st.permutations(range(45)),
    st.one_of(st.integers(1, 60), st.sampled_from([1, 15, 16, 17, 18, 30, 44, 45])),
)
@example(list(range(45)), 40)
def test_distinct_counter_keeps_the_latest_beyond_its_cap(times: list[int], cap: int) -> None:
    """Up to the cap nothing is lost; beyond it, the things seen longest ago."""
    counter = DistinctCounter()
    kept: dict[str, int] = {}
    for time in times:
        counter.add(f"thing-{time}", time, 1_000, LATENESS, cap)
        kept[f"thing-{time}"] = time
        if len(kept) > cap:
            del kept[min(kept, key=kept.__getitem__)]
        assert counter.latest == kept


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_distinct_counter_forgets_what_is_out_of_the_window(steps: list[int]) -> None:
    """It looks for what is old when twice as many have gathered as it kept the last time."""
    counter = DistinctCounter()
    now, fullest, times = 0, 0, []
    for number, step in enumerate(steps):
        now += step
        times.append(now)
        counter.add(str(number), now, WINDOW, LATENESS)
        fullest = max(fullest, sum(time >= now - WINDOW - LATENESS for time in times))
        assert len(counter.latest) <= max(4, 2 * fullest)
