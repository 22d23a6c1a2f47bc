"""Who works in the warehouse, and when."""

from __future__ import annotations

from enum import StrEnum
from random import Random

import msgspec

from simulators.warehouse.config import DAY_MS, WarehouseConfig

HOUR_MS = 3_600_000
MINUTE_MS = 60_000

OPENS_MS, CLOSES_MS = 6 * HOUR_MS, 22 * HOUR_MS
"""The site's hours, in ms since midnight."""


class Shift(StrEnum):
    """The shifts there are. Only the night crew is on the roster at night."""

    EARLY = "early"
    LATE = "late"
    NIGHT = "night"


SPANS = {
    Shift.EARLY: (6 * HOUR_MS, 14 * HOUR_MS),
    Shift.LATE: (14 * HOUR_MS, 22 * HOUR_MS),
    Shift.NIGHT: (22 * HOUR_MS, 30 * HOUR_MS),
}
"""Begin and end of each shift, in ms since midnight; the night's end is on the next day."""


class Employee(msgspec.Struct, frozen=True, gc=False):
    """A person. scanner: the handheld they carry."""

    id: str
    shift: Shift
    scanner: str


class Staff:
    """Everybody, by shift."""

    def __init__(self, config: WarehouseConfig) -> None:
        busier = max(1, config.products // 320)
        sizes = {Shift.EARLY: 24 * busier, Shift.LATE: 24 * busier, Shift.NIGHT: 5 * busier}
        self.everybody: list[Employee] = []
        for shift, size in sizes.items():
            for _ in range(size):
                number = len(self.everybody) + 1
                # People of different shifts pass the same handhelds on.
                scanner = f"HS-{number % max(sizes.values()) + 1:02}"
                self.everybody.append(Employee(f"E-{100 + number}", shift, scanner))
        self.by_shift = {
            shift: [person for person in self.everybody if person.shift is shift] for shift in Shift
        }

    def on_duty(self, time: int, rng: Random) -> Employee:
        """Somebody whose shift it is."""
        return rng.choice(self.by_shift[shift_at(time)])


def shift_at(time: int) -> Shift:
    """The shift on duty at a moment."""
    of_day = time % DAY_MS
    if OPENS_MS <= of_day < CLOSES_MS:
        return Shift.EARLY if of_day < SPANS[Shift.LATE][0] else Shift.LATE
    return Shift.NIGHT


def closed(time: int) -> bool:
    """Whether it is outside the site's hours."""
    return shift_at(time) is Shift.NIGHT
