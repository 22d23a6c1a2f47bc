"""A time-bounded join buffer, and the one-to-one matching of two streams by nearness in time."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Sequence
from operator import sub
from typing import Generic, Protocol, TypeVar

import msgspec

from guardian.engine.state import NEVER


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

    def remove(self, gone: Collection[T]) -> None:
        """Takes out these very rows (not others that are equal to them)."""
        ids = set(map(id, gone))
        self.rows = [row for row in self.rows if id(row) not in ids]

    def drop_before(self, time: int) -> None:
        """Forgets rows older than `time`."""
        rows = self.rows
        if rows and rows[0].time < time:
            self.rows = [row for row in rows if row.time >= time]


DENSE = 64
"""Beyond this many rows on a side, matching falls back from optimal to first come, first served."""


def match_nearest(
    left: Sequence[int], right: Sequence[int], within_ms: int, complete_until: int = NEVER
) -> list[tuple[int, int]]:
    """Pairs times of two streams one to one, no pair further apart than `within_ms`.

    Both sequences are sorted. As many pairs as possible; among those pairings, the one with the smallest
    sum of distances. On a line an optimal pairing never crosses, so this is an alignment of the two
    sequences (dynamic programming, as for edit distance). Returns pairs of indices.

    complete_until: a later time may yet find its mate among times that are not known, so leaving it alone
    costs nothing: what counts first is that no time up to then is left alone.
    """
    n, m = len(left), len(right)
    if not n or not m:
        return []
    if n == m and max(map(abs, map(sub, left, right))) <= within_ms:
        return [(i, i) for i in range(n)]  # leaves nobody alone, and no other uncrossed pairing does
    if n > DENSE or m > DENSE:
        return _match_in_order(left, right, within_ms)
    alone_left = [int(time <= complete_until) for time in left]
    alone_right = [int(time <= complete_until) for time in right]
    # best[i][j]: (-left alone, pairs, -distance) of the best pairing of left[i:] with right[j:].
    best = [[(0, 0, 0)] * (m + 1) for _ in range(n + 1)]
    for i in range(n - 1, -1, -1):
        best[i][m] = (best[i + 1][m][0] - alone_left[i], 0, 0)
    for j in range(m - 1, -1, -1):
        best[n][j] = (best[n][j + 1][0] - alone_right[j], 0, 0)
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            top = max(_less(best[i + 1][j], alone_left[i]), _less(best[i][j + 1], alone_right[j]))
            if abs(left[i] - right[j]) <= within_ms:
                top = max(top, _paired(best[i + 1][j + 1], abs(left[i] - right[j])))
            best[i][j] = top
    found = []
    i = j = 0
    while i < n and j < m:
        distance = abs(left[i] - right[j])
        if distance <= within_ms and best[i][j] == _paired(best[i + 1][j + 1], distance):
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == _less(best[i + 1][j], alone_left[i]):
            i += 1
        else:
            j += 1
    return found


Score = tuple[int, int, int]


def _less(score: Score, alone: int) -> Score:
    return score[0] - alone, score[1], score[2]


def _paired(score: Score, distance: int) -> Score:
    return score[0], score[1] + 1, score[2] - distance


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
