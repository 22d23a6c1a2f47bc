"""Which records of a numbered stream have arrived, in any order and any number of times.

As ranges: a list of first and last numbers in turn, ascending, no two ranges touching. [0, 7, 9, 9] is
everything from 0 to 9 but 8. Joining ranges gives the same whatever the order, so many may count at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Ranges = list[int]


def with_numbers(ranges: Ranges, numbers: Iterable[int]) -> Ranges:
    """The ranges and these numbers."""
    given = sorted(set(numbers))
    if not given:
        return ranges
    if ranges and ranges[-1] + 1 == given[0] and given[-1] - given[0] + 1 == len(given):
        return [*ranges[:-1], given[-1]]  # the next ones, in order: nearly always
    pairs = [(ranges[place], ranges[place + 1]) for place in range(0, len(ranges), 2)]
    joined: Ranges = []
    for first, last in sorted([*pairs, *((number, number) for number in given)]):
        if joined and first <= joined[-1] + 1:
            joined[-1] = max(joined[-1], last)
        else:
            joined += (first, last)
    return joined


def count(ranges: Ranges) -> int:
    """How many numbers are in them."""
    return sum(ranges[place + 1] - ranges[place] + 1 for place in range(0, len(ranges), 2))


def missing(ranges: Ranges) -> int:
    """How many numbers lie between them: on their way, or lost. What comes before the first is not missed:
    nobody may have begun there."""
    return ranges[-1] - ranges[0] + 1 - count(ranges) if ranges else 0


def joined(before: Mapping[str, Ranges], arrived: Mapping[str, Iterable[int]]) -> dict[str, Ranges]:
    """The ranges by stream, with what has arrived besides."""
    return {
        **before,
        **{name: with_numbers(before.get(name, []), numbers) for name, numbers in arrived.items()},
    }
