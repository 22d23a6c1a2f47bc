"""When a site works, and who is on the roster besides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

MINUTES_A_DAY = 24 * 60

Span = tuple[int, int]
"""First minute of the day, and the minute after the last; a span may run over midnight (22:00-06:00)."""


class HoursError(ValueError):
    """Hours that cannot be read; says which."""


class Hours:
    """A site's working hours and the shifts of single people that lie outside them."""

    def __init__(
        self,
        work: str = "06:00-22:00",
        days: tuple[str, ...] = DAYS,
        roster: Mapping[str, str] = MappingProxyType({}),
        zone: tzinfo = UTC,
    ) -> None:
        """work: "HH:MM-HH:MM", local time, may run over midnight; "00:00-24:00" is always.

        days: days of the week on which work begins. roster: the same kind of span by employee id, for
        those who work at other hours, on any day. Raises HoursError.
        """
        unknown = [day for day in days if day not in DAYS]
        if unknown:
            raise HoursError(f"days: {unknown[0]!r} is none of {', '.join(DAYS)}")
        self._work = _span("work", work)
        self._days = frozenset(DAYS.index(day) for day in days)
        self._roster = {who: _span(f"roster.{who}", text) for who, text in roster.items()}
        self._zone = zone

    def closed(self, time: int, employee: str | None = None) -> bool:
        """Whether `time` (epoch ms) is outside the site's hours and outside the person's own shift."""
        local = datetime.fromtimestamp(time // 1000, self._zone)
        minute = local.hour * 60 + local.minute
        if employee is not None and (shift := self._roster.get(employee)) and _inside(minute, shift):
            return False
        begin, end = self._work
        if not _inside(minute, self._work):
            return True
        # What runs over midnight belongs to the day it began on.
        began = local.weekday() if begin < end or minute >= begin else (local.weekday() - 1) % 7
        return began not in self._days


def _inside(minute: int, span: Span) -> bool:
    begin, end = span
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _span(name: str, text: str) -> Span:
    try:
        begin, end = (_minute(part) for part in text.split("-"))
    except ValueError as error:
        raise HoursError(f"{name}: expected HH:MM-HH:MM, found {text!r}") from error
    return begin, end


def _minute(text: str) -> int:
    hour, minute = text.strip().split(":")
    value = int(hour) * 60 + int(minute)
    if not (0 <= int(minute) < 60 and 0 <= value <= MINUTES_A_DAY):
        raise ValueError(text)
    return value
