"""A time-bounded join buffer, and the one-to-one matching of two streams by nearness in time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import msgspec


class Timed(Protocol):
    """Anything with an event time (ms)."""

    @property
    def time(self) -> int: ...


T = TypeVar("T", bound=Timed)


def _time(row: Timed) -> int:
    return row.time


class JoinBuffer(msgspec.Struct, Generic[T], array_like=True):
    """Rows of one side of a join, by event time; among equal times, in order of arrival.

    Which side of a join arrives first does not matter: both wait here until a decision is due.
    """

    rows: list[T] = msgspec.field(default_factory=list)

    def add(self, row: T, cap: int) -> T | None:
        """Adds a row. Beyond `cap` rows the oldest is taken out and returned, to be counted."""
        rows = self.rows
        if not rows or rows[-1].time <= row.time:
            rows.append(row)
        else:
            insort(rows, row, key=_time)
        return rows.pop(0) if len(rows) > cap else None

    def until(self, time: int) -> list[T]:
        """The rows up to and including `time`."""
        rows = self.rows
        if not rows or rows[-1].time <= time:
            return rows[:]
        return rows[: bisect_right(rows, time, key=_time)]

    def remove(self, row: T) -> None:
        """Takes out this very row."""
        rows = self.rows
        for index in range(bisect_left(rows, row.time, key=_time), len(rows)):
            if rows[index] is row:
                del rows[index]
                return

    def drop_before(self, time: int) -> None:
        """Forgets rows older than `time`."""
        rows = self.rows
        if rows and rows[0].time < time:
            del rows[: bisect_left(rows, time, key=_time)]


DENSE = 64
"""Beyond this many rows on a side, matching falls back from optimal to first come, first served."""


def match_nearest(left: Sequence[int], right: Sequence[int], within_ms: int) -> list[tuple[int, int]]:
    """Pairs times of two streams one to one, no pair further apart than `within_ms`.

    Both sequences are sorted. As many pairs as possible; among those pairings, the one with the smallest
    sum of distances. On a line an optimal pairing never crosses, so this is an alignment of the two
    sequences (dynamic programming, as for edit distance). Returns pairs of indices.
    """
    n, m = len(left), len(right)
    if n == 1 and m == 1:
        return [(0, 0)] if abs(left[0] - right[0]) <= within_ms else []
    if not n or not m:
        return []
    if n > DENSE or m > DENSE:
        return _match_in_order(left, right, within_ms)
    # best[i][j]: (pairs, -distance) of the best pairing of left[i:] with right[j:].
    best = [[(0, 0)] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(m - 1, -1, -1):
            top = max(below[j], row[j + 1])
            distance = abs(left[i] - right[j])
            if distance <= within_ms:
                pairs, cost = below[j + 1]
                top = max(top, (pairs + 1, cost - distance))
            row[j] = top
    pairs_found = []
    i = j = 0
    while i < n and j < m:
        distance = abs(left[i] - right[j])
        pairs, cost = best[i + 1][j + 1]
        if distance <= within_ms and best[i][j] == (pairs + 1, cost - distance):
            pairs_found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs_found


def _match_in_order(left: Sequence[int], right: Sequence[int], within_ms: int) -> list[tuple[int, int]]:
    """As many pairs as possible, the earliest with the earliest; linear."""
    found = []
    i = j = 0
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= within_ms:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return found
