"""The watermark: the event time before which the streams are believed to be complete."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from guardian.engine.state import NEVER
from guardian.events.model import Event

LONG_AGO = -NEVER
WITNESSES = 3
"""How many events in a row must agree before time makes a jump."""


class Watermark(msgspec.Struct, array_like=True):
    """Follows the newest event time at a distance of the allowed lateness. All times epoch ms.

    One device with a wrong clock must not declare everybody else late. So an event more than `jump_ms`
    ahead of the newest is processed but does not move the watermark by itself: only `WITNESSES` of them
    in a row do, which is what the first minute after a closed night looks like. The same goes for the
    very first events, when nothing is known yet.
    """

    lateness_ms: int
    jump_ms: int = 3_600_000
    newest: int = LONG_AGO
    floor: int = LONG_AGO
    """The watermark may have been moved further by the clock than events have moved it."""
    witnesses: int = 0
    """How many events in a row were far ahead of `newest` but near each other, …"""
    witnessed: int = 0
    """… and the earliest of their times."""
    witness_ids: tuple[str, ...] = ()
    """… and their ids: the same event again is no further witness."""

    @property
    def value(self) -> int:
        """The watermark now."""
        return max(self.newest - self.lateness_ms, self.floor)

    def observe(self, events: Iterable[Event]) -> tuple[list[int], int]:
        """Moves along with `events`, in order of arrival.

        Returns the watermark after each of them, and how many arrived later than the allowed lateness.
        """
        lateness, jump, floor = self.lateness_ms, self.jump_ms, self.floor
        newest, witnesses, witnessed = self.newest, self.witnesses, self.witnessed
        mark = self.value
        marks: list[int] = []
        append = marks.append
        late = 0
        for event in events:
            time = event.time
            if time <= newest:
                witnesses = 0
                if time < mark:
                    late += 1
            elif time - newest <= jump:
                witnesses = 0
                if time < mark:  # the clock has moved the watermark further than the events have
                    late += 1
                newest = time
                mark = newest - lateness
                if mark < floor:
                    mark = floor
            else:
                if time < mark:
                    late += 1
                if witnesses and abs(time - witnessed) <= jump:
                    if event.id is None or event.id not in self.witness_ids:
                        self.witness_ids = (*self.witness_ids, event.id or "")
                        witnesses += 1
                        witnessed = min(witnessed, time)
                else:
                    witnesses, witnessed = 1, time
                    self.witness_ids = (event.id or "",)
                if witnesses >= WITNESSES:
                    witnesses, newest = 0, witnessed
                    mark = max(newest - lateness, floor)
            append(mark)
        self.newest, self.witnesses, self.witnessed = newest, witnesses, witnessed
        return marks, late

    def advance(self, silence_ms: int) -> None:
        """Moves the watermark as if events had gone on for `silence_ms` after the newest one.

        For silent streams: a deadline must pass although nothing else ever arrives.
        """
        newest = self.newest
        if newest == LONG_AGO:
            if not self.witnesses:
                return
            newest = self.witnessed
        self.floor = max(self.floor, newest - self.lateness_ms + silence_ms)
