"""Shelves: what lies on them, what the books say of it, and when somebody is busy there.

Everything is planned in any order and put in order at the end: only then is it known how many units the books
give at the moment of a booking.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from simulators.warehouse.articles import Article
from simulators.warehouse.records import Booking


class _Kind(IntEnum):
    """What an entry does to the units on the shelf and on the books."""

    MOVED = 0
    MARKED = 1
    POSTED = 2
    COUNTED = 3


class _Entry(msgspec.Struct, gc=False, order=True):
    time: int
    number: int
    kind: int
    units: int
    booking: Booking | None = None


class Shelf:
    """The shelf of one article.

    available: units that are there and that nobody has plans for. counts: (ms, units) whenever the number on
    the shelf changes, and gaps: (ms, units on the shelf less units on the books), both once settled.
    own_from: true ms from which on a scenario has the shelf for itself. kept: units that everyday work always
    leaves. swaps: (from ms, factor) by which the weight of what lies there is off since then.
    """

    def __init__(self, article: Article) -> None:
        self.article = article
        self.available = article.quantity
        self.own_from: int | None = None
        self.kept = 3
        self.counts: list[tuple[int, int]] = []
        self.gaps: list[tuple[int, int]] = []
        self.swaps: list[tuple[int, float]] = []
        self._entries: list[_Entry] = []
        self._busy: list[tuple[int, int]] = []
        self._arriving = 0

    @property
    def spare(self) -> int:
        """Units that everyday work may take."""
        return self.available - self.kept

    def is_open(self, time: int) -> bool:
        """Whether no scenario has the shelf for itself by then."""
        return self.own_from is None or time < self.own_from

    def reserve(self, start: int, end: int) -> bool:
        """Takes the shelf for a while, unless somebody has it already; so movements never overlap."""
        if any(start < until and since < end for since, until in self._busy):
            return False
        self._busy.append((start, end))
        return True

    def take(self, time: int, units: int) -> None:
        """Units leave the shelf."""
        self._add(time, _Kind.MOVED, -units)

    def put(self, time: int, units: int) -> None:
        """Units come to lie on the shelf. They are available from the next day on."""
        self._add(time, _Kind.MOVED, units)
        self._arriving += units

    def mark(self, time: int, booking: Booking) -> None:
        """Units were marked as gone: `booking.quantity` of them."""
        self._add(time, _Kind.MARKED, booking.quantity, booking)

    def post(self, time: int, change: int, booking: Booking) -> None:
        """The books change by so many units (0: they only say again what they say)."""
        self._add(time, _Kind.POSTED, change, booking)

    def count(self, time: int, error: int, booking: Booking) -> None:
        """Somebody counted what is on the shelf, wrongly by `error` units, and the books believe it."""
        self._add(time, _Kind.COUNTED, error, booking)

    def next_day(self) -> None:
        """What was delivered is available now."""
        self.available += self._arriving
        self._arriving = 0

    def settle(self) -> None:
        """Everything has been planned: works out what the shelf and the books say when."""
        on_shelf = on_books = self.article.quantity
        self.counts = [(0, on_shelf)]
        self.gaps = [(0, 0)]
        for entry in sorted(self._entries):
            if entry.kind == _Kind.MOVED:
                on_shelf += entry.units
                if on_shelf < 0:
                    raise RuntimeError(f"{self.article.shelf}: more units leave than there are")
                self.counts.append((entry.time, on_shelf))
            elif entry.kind == _Kind.MARKED:
                on_books = max(0, on_books - entry.units)
            elif entry.kind == _Kind.POSTED:
                on_books = max(0, on_books + entry.units)
            else:
                on_books = max(0, on_shelf + entry.units)
            if entry.booking is not None and entry.kind != _Kind.MARKED:
                entry.booking.quantity = on_books
            if self.gaps[-1][1] != on_shelf - on_books:
                self.gaps.append((entry.time, on_shelf - on_books))

    def _add(self, time: int, kind: _Kind, units: int, booking: Booking | None = None) -> None:
        self._entries.append(_Entry(time, len(self._entries), int(kind), units, booking))
