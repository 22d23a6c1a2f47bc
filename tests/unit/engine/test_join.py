"""Joins: the buffer against a sorted list, and the matching against every pairing there is."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from guardian.engine.state import NEVER
from guardian.engine.windows.join import DENSE, JoinBuffer, match_nearest

Pairs = list[tuple[int, int]]


class Row(msgspec.Struct):
    time: int
    name: int


times = st.integers(0, 30)


def filled(given_times: list[int], cap: int = 1_000) -> tuple[JoinBuffer[Row], list[Row]]:
    """A buffer, and its rows in order of arrival."""
    buffer: JoinBuffer[Row] = JoinBuffer()
    rows = [Row(time, number) for number, time in enumerate(given_times)]
    for row in rows:
        assert buffer.add(row, cap) is None
    return buffer, rows


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.time, row.name))


@given(st.lists(times, max_size=25), times)
def test_rows_lie_by_time_and_then_by_arrival(given_times: list[int], time: int) -> None:
    buffer, rows = filled(given_times)
    assert buffer.rows == in_order(rows)
    until = buffer.until(time)
    assert until == [row for row in in_order(rows) if row.time <= time]
    until.clear()
    assert len(buffer.rows) == len(rows)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(buffer), type=JoinBuffer[Row]) == buffer


@given(st.lists(times, max_size=25), st.integers(1, 6))
def test_beyond_the_cap_the_oldest_goes(given_times: list[int], cap: int) -> None:
    buffer: JoinBuffer[Row] = JoinBuffer()
    kept: list[Row] = []
    for number, time in enumerate(given_times):
        row = Row(time, number)
        kept = in_order([*kept, row])
        expected = kept.pop(0) if len(kept) > cap else None
        assert buffer.add(row, cap) is expected
        assert buffer.rows == kept


@given(st.lists(st.integers(0, 5), max_size=12), st.sets(st.integers(0, 11)))
def test_removing_takes_these_very_rows(given_times: list[int], names: set[int]) -> None:
    """Not others that are equal to them."""
    buffer, rows = filled(given_times)
    for row in rows:
        row.name = row.name % 2
    gone = [row for number, row in enumerate(rows) if number in names]
    left = [row for row in buffer.rows if not any(row is one for one in gone)]
    for _ in range(2):
        buffer.remove([*gone, Row(3, 0)])
        assert len(buffer.rows) == len(left)
        assert all(kept is row for kept, row in zip(buffer.rows, left, strict=True))


@given(st.lists(times, max_size=25), times)
def test_dropping_forgets_what_is_older(given_times: list[int], time: int) -> None:
    buffer, rows = filled(given_times)
    buffer.drop_before(time)
    assert buffer.rows == [row for row in in_order(rows) if row.time >= time]


def every_pairing(left: list[int], right: list[int], within: int, i: int = 0) -> Iterator[Pairs]:
    """Every one-to-one pairing, crossing ones too."""
    if i == len(left):
        yield []
        return
    used: Pairs
    for used in every_pairing(left, right, within, i + 1):
        yield used
        taken = {j for _, j in used}
        for j, time in enumerate(right):
            if j not in taken and abs(left[i] - time) <= within:
                yield [(i, j), *used]


def quality(
    pairs: Pairs, left: list[int], right: list[int], complete_until: int = NEVER
) -> tuple[int, int, int]:
    """What counts, most important first: nothing certain left alone, many pairs, small distances."""
    alone = sum(time <= complete_until for i, time in enumerate(left) if i not in {i for i, _ in pairs})
    alone += sum(time <= complete_until for j, time in enumerate(right) if j not in {j for _, j in pairs})
    return -alone, len(pairs), -sum(abs(left[i] - right[j]) for i, j in pairs)


def assert_is_pairing(pairs: Pairs, left: list[int], right: list[int], within: int) -> None:
    assert all(abs(left[i] - right[j]) <= within for i, j in pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert pairs == sorted(pairs)
    assert [j for _, j in pairs] == sorted(j for _, j in pairs), "pairs cross"


few = st.lists(times, max_size=5).map(sorted)


@given(few, few, st.sampled_from([0, 3, 8, 30]), st.one_of(st.just(NEVER), st.integers(-1, 31)))
def test_matching_is_the_best_of_all_pairings(
    left: list[int], right: list[int], within: int, complete_until: int
) -> None:
    pairs = match_nearest(left, right, within, complete_until)
    assert_is_pairing(pairs, left, right, within)
    every = every_pairing(left, right, within)
    best = max(quality(one, left, right, complete_until) for one in every)
    assert quality(pairs, left, right, complete_until) == best


@pytest.mark.parametrize(
    ("left", "right", "within", "expected"),
    [
        ([], [], 5, []),
        ([1], [], 5, []),
        ([1], [6], 5, [(0, 0)]),
        ([1], [7], 5, []),
        ([0, 10], [9], 20, [(1, 0)]),
        ([0, 10], [1, 11], 20, [(0, 0), (1, 1)]),
        ([0, 10], [9, 30], 20, [(0, 0), (1, 1)]),  # two pairs, though the nearest alone would be closer
        ([0, 10], [9, 31], 20, [(1, 0)]),
        ([5, 5], [5, 5, 5], 0, [(0, 0), (1, 1)]),
    ],
)
def test_matching_examples(left: list[int], right: list[int], within: int, expected: Pairs) -> None:
    pairs = match_nearest(left, right, within)
    assert quality(pairs, left, right) == quality(expected, left, right)
    assert_is_pairing(pairs, left, right, within)


def largest_matching(left: list[int], right: list[int], within: int) -> int:
    """How many pairs there can be: augmenting paths."""
    partner: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j, time in enumerate(right):
            if abs(left[i] - time) <= within and j not in tried:
                tried.add(j)
                if j not in partner or place(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return sum(place(i, set()) for i in range(len(left)))


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(0, DENSE + 15), st.sampled_from([0, 2, 10, 50]))
def test_matching_many_rows_gives_as_many_pairs_as_possible(random, size: int, within: int) -> None:
    left = sorted(random.randrange(400) for _ in range(DENSE + 1))
    right = sorted(random.randrange(400) for _ in range(size))
    for one, other in ((left, right), (right, left)):
        pairs = match_nearest(one, other, within)
        assert_is_pairing(pairs, one, other, within)
        assert len(pairs) == largest_matching(one, other, within)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.sampled_from([DENSE - 1, DENSE]), st.sampled_from([2, 10, 50]))
def test_matching_right_below_many_rows_is_still_whole(random, size: int, within: int) -> None:
    left, right = ([random.randrange(400) for _ in range(size)] for _ in range(2))
    left.sort()
    right.sort()
    pairs = match_nearest(left, right, within)
    assert_is_pairing(pairs, left, right, within)
    assert len(pairs) == largest_matching(left, right, within)
