"""Honest shipments: goods are picked, marked as shipped, wait at a dock, and leave on a truck.

A unit is picked within a minute of being marked, before or after. The truck leaves at most ten minutes
before the first or after the last mark of its shipment: the dispatcher writes the time, and paper may be
ahead of the goods.
"""

from __future__ import annotations

from random import Random

import msgspec

from simulators.store.chance import how_many
from simulators.warehouse import people, places
from simulators.warehouse.articles import Article
from simulators.warehouse.config import DAY_MS
from simulators.warehouse.journal import UPDATE
from simulators.warehouse.people import HOUR_MS, MINUTE_MS, Employee
from simulators.warehouse.records import DELIVERED, IN_TRANSIT, Label, Line
from simulators.warehouse.site import Site

PICKED_MS = (-55_000, 40_000)
"""When goods leave the shelf, from and to, relative to being marked."""

_WINDOW_MS = 9 * MINUTE_MS + 30_000
_SEEN_FROM_MS = 90_000
_LONGEST_MS = 12 * MINUTE_MS
_TOWNS = ("Eastmere", "Northwold", "Port Aldous", "Quarry Hill", "Sandwick", "Tarnbridge", "Westerby")


class Load(msgspec.Struct, gc=False):
    """Goods of a shipment that are picked together. marked: when they are marked as shipped."""

    article: Article
    units: int
    marked: int
    label: Label | None = None


class Left(msgspec.Struct):
    """A truck that left, by its papers at `time`. consumed: when labels were used up, by serial."""

    shipment: str
    time: int
    consumed: dict[str, int]


def ship(
    site: Site,
    loads: list[Load],
    by: list[Employee],
    rng: Random,
    *,
    wait_ms: int | None = None,
) -> Left:
    """Picks, marks and sends the loads; their shelves must have been reserved.

    wait_ms: the truck leaves after the last mark, and waits at least so long; None: whenever it may. Loads
    with a label have it scanned at the shelf, when packed, and used up at the dock's gate, if the truck
    leaves late enough for that.
    """
    journal = site.journal
    shipment = site.new_shipment()
    loads = sorted(loads, key=lambda load: load.marked)
    first, last = loads[0].marked, loads[-1].marked
    leaves = _departure(first, last, rng, wait_ms)
    dock = rng.choice(places.DOCKS)
    consumed: dict[str, int] = {}
    for load in loads:
        article, marked = load.article, load.marked
        person = rng.choice(by)
        picked = marked + rng.randint(*PICKED_MS)
        journal.mark(marked, article, load.units, person.id, shipment)
        site.shelf(article).take(picked, load.units)
        if rng.random() < 0.85:
            journal.post(marked + rng.randint(2_000, 8_000), article, person.id)
        if rng.random() < 0.3:
            journal.act(marked + rng.randint(-3_000, 3_000), person, UPDATE, article.shelf)
        _wait_at_dock(site, load, picked, leaves, dock, rng)
        if load.label is not None:
            used_up = _walk_out(site, load.label, picked, leaves, dock, person, rng)
            if used_up is not None:
                consumed[load.label.serial] = used_up
    town = rng.choice(_TOWNS)
    truck = f"TRUCK-{rng.randint(10, 99)}"
    journal.depart(leaves, shipment, truck, town, manifest(loads, rng))
    _travel(site, loads, shipment, leaves, town, truck, rng)
    return Left(shipment, leaves, consumed)


def manifest(loads: list[Load], rng: Random) -> list[Line | str]:
    """What the papers say: mostly goods with quantities, often without, at times nothing."""
    form = rng.random()
    units: dict[str, int] = {}
    for load in loads:
        units[load.article.product_id] = units.get(load.article.product_id, 0) + load.units
    if form < 0.6:
        return [Line(product, number) for product, number in units.items()]
    return list(units) if form < 0.85 else []


def _departure(first: int, last: int, rng: Random, wait_ms: int | None) -> int:
    if wait_ms is not None:
        return last + rng.randint(wait_ms, _WINDOW_MS)
    form = rng.random()
    if form < 0.8:
        return last + rng.randint(MINUTE_MS, _WINDOW_MS)
    if form < 0.9:
        return rng.randint(first, last)
    return first - rng.randint(0, _WINDOW_MS)


def _wait_at_dock(site: Site, load: Load, picked: int, leaves: int, dock: str, rng: Random) -> None:
    since = picked + _SEEN_FROM_MS
    for _ in range(rng.randint(0, 3)):
        if since < leaves - 10_000:
            unit = rng.randrange(load.article.quantity)
            site.journal.portal(rng.randint(since, leaves - 10_000), load.article, load.units, dock, unit)


def _walk_out(
    site: Site, label: Label, picked: int, leaves: int, dock: str, person: Employee, rng: Random
) -> int | None:
    """Scans a unit's label on its way out. Returns when it was used up; None if the truck left too early."""
    packed = picked + places.WALK_MS + rng.randint(10_000, 60_000)
    at_dock = packed + places.WALK_MS + rng.randint(10_000, 60_000)
    site.journal.scan(picked, label, label.location, person.scanner)
    if packed < leaves:
        site.journal.scan(packed, label, places.PACKING, person.scanner)
    if at_dock >= leaves:
        return None
    if rng.random() < 0.5:
        site.journal.scan(at_dock - rng.randint(1_000, 8_000), label, dock, person.scanner)
    site.journal.consume(at_dock, label, dock, person.scanner)
    return at_dock


def _travel(
    site: Site, loads: list[Load], shipment: str, leaves: int, town: str, truck: str, rng: Random
) -> None:
    """Hours later the carrier's system tells where some of the goods are."""
    on_road = leaves + rng.randint(HOUR_MS, 4 * HOUR_MS)
    there = on_road + rng.randint(HOUR_MS, 5 * HOUR_MS)
    for load in loads:
        if rng.random() > 0.3:
            continue
        for time, status, where in (
            (on_road, IN_TRANSIT, places.TRANSIT),
            (there, DELIVERED, f"{town}/RECEIVING"),
        ):
            if time < site.config.ends_ms:
                time += rng.randint(0, 60_000)
                site.journal.mark(time, load.article, load.units, truck, shipment, status, where)


def ship_all_day(site: Site, day: int, rng: Random) -> None:
    """The trucks of one day. day: its midnight."""
    config = site.config
    per_hour = config.shipments_per_hour
    starts = [
        day + people.OPENS_MS + rng.randrange(16 * HOUR_MS) for _ in range(how_many(rng, 16 * per_hour))
    ]
    starts += [
        day + (people.CLOSES_MS + rng.randrange(8 * HOUR_MS)) % DAY_MS
        for _ in range(how_many(rng, 8 * per_hour / 4))
    ]
    # Trucks of the first minutes may have been loaded on the day before, and those of the last minutes leave
    # on the next, which nobody recorded.
    earliest, latest = config.starts_ms + 20 * MINUTE_MS, config.ends_ms - _LONGEST_MS - 20 * MINUTE_MS
    for start in sorted(min(max(start, earliest), latest) for start in starts):
        loads = []
        end = start + rng.randint(2 * MINUTE_MS, _LONGEST_MS)
        for article in rng.sample(site.articles, rng.randint(4, 14)):
            load = _pick(site, article, rng.randint(start, end), rng)
            if load is not None:
                loads.append(load)
        if loads:
            crew = [site.on_duty(start, rng) for _ in range(2)]
            ship(site, loads, crew, rng)


def _pick(site: Site, article: Article, marked: int, rng: Random) -> Load | None:
    """Some units of an article, if there are enough left and its shelf is to be had."""
    shelf = site.shelf(article)
    units = min(rng.randint(1, 15), shelf.spare)
    if units < 1 or not site.reserve(article, marked):
        return None
    shelf.available -= units
    label = site.printer.issue(article, site.config.starts_ms) if rng.random() < 0.25 else None
    return Load(article, units, marked, label)
