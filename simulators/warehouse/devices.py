"""What the devices make of what happens: clocks that are off, shelf sensors, late and repeated delivery."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import msgspec

from simulators.store.chance import Chance
from simulators.warehouse import places
from simulators.warehouse.config import WarehouseConfig
from simulators.warehouse.records import Reading, Row
from simulators.warehouse.stock import Shelf

_JITTER_S = 4.0
_CHANCES = 4_099
"""Numbers drawn in advance for all sensors together; a prime, so that their use never falls into step."""

_MARGIN_MS = 50


class Clocks:
    """How far each device's clock is ahead of the truth, in ms: constant, at most half the largest skew."""

    def __init__(self, config: WarehouseConfig, chance: Chance) -> None:
        self._half = round(config.max_skew_s * 500)
        self._chance = chance
        self._ahead: dict[str, int] = {}

    def of(self, device: str) -> int:
        """ms that a device is ahead: depends on nothing but its name and the seed."""
        ahead = self._ahead.get(device)
        if ahead is None:
            ahead = self._chance.about(f"clock of {device}").randint(-self._half, self._half)
            self._ahead[device] = ahead
        return ahead

    @property
    def ahead_ms(self) -> dict[str, int]:
        """All clocks that were asked for, by device."""
        return dict(self._ahead)

    @property
    def most(self) -> int:
        """ms that any clock may be ahead at most."""
        return self._half


class Shelves(msgspec.Struct):
    """What the shelf sensors send: all their records, and those of each article apart. Not yet delivered."""

    rows: list[Row]
    by_product: dict[str, list[Row]]


def watch_shelves(config: WarehouseConfig, shelves: Iterable[Shelf], clocks: Clocks, rng: Random) -> Shelves:
    """The readings of every shelf, stamped with the clock of its aisle's gateway."""
    noise = [1 + rng.uniform(-config.weight_noise, config.weight_noise) for _ in range(_CHANCES)]
    answers = [rng.random() >= config.rfid_miss_share for _ in range(_CHANCES)]
    every = round(1000 * config.sensor_every_s)
    jitter = [rng.randint(0, round(1000 * _JITTER_S)) for _ in range(_CHANCES)]
    starts, ends = config.starts_ms, config.ends_ms
    found = Shelves([], {})
    for shelf in shelves:
        article = shelf.article
        product, location, unit_kg = article.product_id, article.shelf, article.weight_g / 1000
        device = f"aisle-{places.aisle(article.number)}"
        ahead = clocks.of(device)
        sensor = f"SH-{location.rpartition('/')[2]}"
        changes = iter([*shelf.counts[1:], (ends + every, 0)])
        units = shelf.counts[0][1]
        changes_at, then = next(changes)
        swaps = sorted(shelf.swaps)
        swap_at = swaps[0][0] if swaps else ends + every
        full_kg = units * unit_kg
        chance = rng.randrange(_CHANCES)
        rows: list[Row] = []
        for due in range(starts + rng.randrange(every), ends - round(1000 * _JITTER_S), every):
            chance = chance + 1 if chance < _CHANCES - 1 else 0
            time = due + jitter[chance]
            if time >= changes_at:
                while time >= changes_at:
                    units = then
                    changes_at, then = next(changes)
                full_kg = units * unit_kg
            weight = full_kg * noise[chance - 1]
            if time >= swap_at:
                weight *= _swapped(swaps, time)
            seen = units > 0 and answers[chance - 2]
            value = Reading(product, location, units, seen, sensor, round(weight, 3))
            rows.append(Row(time + ahead, device, value, time))
        found.rows += rows
        found.by_product[product] = rows
    return found


def _swapped(swaps: list[tuple[int, float]], time: int) -> float:
    return [factor for since, factor in swaps if since <= time][-1]


def stamp(rows: Iterable[Row], clocks: Clocks) -> None:
    """Lets each device write its own time on its records."""
    for row in rows:
        row.arrival = row.time
        row.time += clocks.of(row.device)


def deliver(config: WarehouseConfig, rows: list[Row], clocks: Clocks, rng: Random) -> list[Row]:
    """Numbers stamped records and brings them to the collector: mostly at once, some late, some twice."""
    rows.sort(key=_arrival)
    for number, row in enumerate(rows, start=1):
        row.number = number
    repeated = []
    for row in _some(rows, config.resend_share, rng):
        again = Row(row.time, row.device, row.value, 0, row.number, row.label)
        again.arrival = row.arrival + rng.randint(0, _longest_delay(config, clocks, row))
        repeated.append(again)
    for row in _some(rows, config.late_share, rng):
        row.arrival += rng.randint(0, _longest_delay(config, clocks, row))
    rows = rows + repeated
    rows.sort(key=_arrival)
    return rows


def _some(rows: list[Row], share: float, rng: Random) -> list[Row]:
    return [rows[index] for index in sorted(rng.sample(range(len(rows)), round(share * len(rows))))]


def _longest_delay(config: WarehouseConfig, clocks: Clocks, row: Row) -> int:
    """How late a record may be: the slower its clock, the older it looks already."""
    looks_old = clocks.most - clocks.of(row.device) + _MARGIN_MS
    return max(0, min(round(1000 * config.late_max_s), round(1000 * config.lateness_s) - looks_old))


def _arrival(row: Row) -> int:
    return row.arrival
