"""The whole chain: codes changed at night, goods marked as shipped, no truck, shelves carried empty."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from simulators.warehouse import places
from simulators.warehouse.articles import Article
from simulators.warehouse.config import DAY_MS
from simulators.warehouse.journal import ACCESS_QR, DOOR, LOGIN, LOGOUT, REGENERATE, UPDATE
from simulators.warehouse.people import MINUTE_MS, Employee
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.scenarios.thieves import carry_all_out, mark_gone
from simulators.warehouse.shipping import Load, ship
from simulators.warehouse.site import Site

_FEWEST, _USUAL, _MOST = 25, 127, 150
_REGENERATED = 10
_REGENERATING_MS = (3 * MINUTE_MS, 11 * MINUTE_MS)
_MARKING_MS = (3 * MINUTE_MS, 9 * MINUTE_MS)
_CARRYING_MS = (15 * MINUTE_MS, 60 * MINUTE_MS)
_TRUCK_LONG_GONE_MS = 35 * MINUTE_MS


def _demand(variant: str, rng: Random) -> Demand:
    # Reused ids need trucks that have left by then.
    return Demand(
        when=When.NIGHT,
        lasts_ms=95 * MINUTE_MS,
        articles=(_FEWEST, _USUAL if rng.random() < 0.5 else rng.randint(_FEWEST, _MOST)),
        people=rng.randint(2, 4) if variant == "several_people" else 1,
        marks_untaken=True,
        quiet_ms=90 * MINUTE_MS if variant == "reused_ids" else 20 * MINUTE_MS,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal, leader = site.journal, cast.people[0]
    goods = list(cast.articles)
    shipments, crew = _shipments(cast, site, rng)

    time = cast.start
    for person in cast.people:
        journal.act(time, person, LOGIN, places.OFFICE, rostered=False)
        time += rng.randint(15_000, 60_000)
        journal.act(time, person, ACCESS_QR, places.OFFICE, rostered=False)
    time += rng.randint(20_000, 90_000)
    time = _regenerate(site, leader, goods, time, rng)
    marks_from = time + rng.randint(20_000, 180_000)
    marks_until = marks_from + rng.randint(*_MARKING_MS)
    rng.shuffle(goods)
    for article in goods:
        at = rng.randint(marks_from, marks_until)
        person = rng.choice(cast.people)
        mark_gone(site, article, at, person, rng.choice(shipments), rng)
        if rng.random() < 0.3:
            journal.act(at, person, UPDATE, article.shelf, rostered=False)
    leaves = marks_until + rng.randint(MINUTE_MS, 3 * MINUTE_MS)
    journal.act(leaves, leader, DOOR, rng.choice(places.DOCKS), rostered=False)
    end = leaves + rng.randint(*_CARRYING_MS)
    carry_all_out(site, goods, cast.people, leaves, end, rng, rostered=False)
    for person in cast.people:
        journal.act(end + rng.randint(1_000, 120_000), person, LOGOUT, places.OFFICE, rostered=False)
    return story(
        cast, SCENARIO, end, first_wrong=cast.start, marks_untaken=True, moves_goods=True, people=crew
    )


def _regenerate(site: Site, leader: Employee, goods: list[Article], time: int, rng: Random) -> int:
    """Prints new codes for some of the articles. Returns when the last was printed."""
    chosen = rng.sample(goods, rng.randint(_REGENERATED, min(len(goods), 40)))
    takes = rng.randint(*_REGENERATING_MS)
    told_twice = rng.random() < 0.5
    for article, after in zip(chosen, sorted(rng.randrange(takes) for _ in chosen), strict=True):
        label = site.printer.issue(article, time + after, legacy=False)
        site.journal.regenerate(time + after, label, leader.id)
        if told_twice:
            site.journal.act(time + after, leader, REGENERATE, places.OFFICE, rostered=False)
    return time + takes


def _shipments(cast: Cast, site: Site, rng: Random) -> tuple[Sequence[str | None], list[Employee]]:
    """Under which ids the goods are marked; and whoever sent the trucks that these ids were taken from."""
    if cast.variant == "no_id":
        return [None], []
    if cast.variant == "reused_ids":
        return _former(cast, site, rng)
    several = cast.variant in {"several_ids", "several_people"}
    return [site.new_shipment() for _ in range(rng.randint(2, 5) if several else 1)], []


def _former(cast: Cast, site: Site, rng: Random) -> tuple[list[str], list[Employee]]:
    """Sends honest trucks, well before the attack."""
    latest = cast.start - _TRUCK_LONG_GONE_MS
    earliest = max(site.config.starts_ms + 20 * MINUTE_MS, cast.start - DAY_MS + 60 * MINUTE_MS)
    shipments, crew = [], []
    for article in rng.sample(cast.articles, rng.randint(1, 3)):
        marked = rng.randint(earliest, latest - 10 * MINUTE_MS)
        units = rng.randint(1, 3)
        site.shelf(article).available -= units
        crew.append(site.on_duty(marked, rng))
        shipments.append(ship(site, [Load(article, units, marked)], crew[-1:], rng).shipment)
    return shipments, crew


SCENARIO = Scenario(
    "jd_com_attack",
    False,
    ("fresh_id", "several_ids", "reused_ids", "no_id", "several_people"),
    _demand,
    _play,
)
