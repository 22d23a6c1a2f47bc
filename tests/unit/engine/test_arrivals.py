"""Ranges of numbers against sets of numbers."""

from __future__ import annotations

from hypothesis import given, strategies as st

from guardian.engine.arrivals import count, joined, missing, with_numbers

BATCHES = st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=8)


def numbers_in(ranges: list[int]) -> set[int]:
    return {
        number
        for first, last in zip(ranges[::2], ranges[1::2], strict=True)
        for number in range(first, last + 1)
    }


@given(BATCHES, st.data())
def test_ranges_are_the_set_of_what_has_arrived_in_any_order(
    batches: list[list[int]], data: st.DataObject
) -> None:
    ranges: list[int] = []
    for batch in batches:
        ranges = with_numbers(ranges, batch)
    every = {number for batch in batches for number in batch}
    assert numbers_in(ranges) == every
    assert count(ranges) == len(every)
    assert missing(ranges) == (max(every) - min(every) + 1 - len(every) if every else 0)
    gaps = [second - first for first, second in zip(ranges[1::2], ranges[2::2], strict=False)]
    assert all(gap > 1 for gap in gaps)
    again: list[int] = []
    for batch in data.draw(st.permutations(batches)):
        again = with_numbers(again, batch)
    assert again == ranges


def test_the_next_ones_lengthen_the_last_range() -> None:
    assert with_numbers([0, 4, 6, 9], range(10, 500)) == [0, 4, 6, 499]
    assert with_numbers([0, 4, 6, 9], [5]) == [0, 9]


def test_streams_are_kept_apart() -> None:
    assert joined({"a": [0, 1], "b": [5, 5]}, {"a": [2], "c": [0]}) == {"a": [0, 2], "b": [5, 5], "c": [0, 0]}
