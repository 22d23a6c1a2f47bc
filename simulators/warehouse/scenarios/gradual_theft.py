"""A few units vanish every now and then, and nobody tells the books."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from simulators.warehouse.articles import Article
from simulators.warehouse.people import HOUR_MS, MINUTE_MS, Employee
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.shipping import Load, ship
from simulators.warehouse.site import Site

_DROPS = (3, 6)
_UNITS = (1, 4)
_FEWEST_UNITS = 5
_APART_MS = 20 * MINUTE_MS
_QUIET_MS = 20 * MINUTE_MS
"""Honest work on the same shelf leaves a loss so much time to show."""


def _demand(variant: str, rng: Random) -> Demand:
    hours = rng.randint(4, 20)
    return Demand(when=When.ANY, lasts_ms=hours * HOUR_MS, articles=(1, rng.randint(1, 3)), people=0)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    times: list[int] = []
    crew: list[Employee] = []
    for article in cast.articles:
        drops = _moments(cast.start, cast.end, rng.randint(*_DROPS), _APART_MS, rng)
        units = [rng.randint(*_UNITS) for _ in drops]
        while sum(units) < _FEWEST_UNITS:
            units = [rng.randint(*_UNITS) for _ in drops]
        # Ten units is the least that lie on a shelf.
        while sum(units) > site.shelf(article).available - 1:
            units[units.index(max(units))] -= 1
        for time, number in zip(drops, units, strict=True):
            site.shelf(article).take(time, number)
            site.shelf(article).available -= number
        times += drops
        if cast.variant == "busy_shelf":
            crew += _ship_between(site, article, drops, rng)
    return story(cast, SCENARIO, max(times), first_wrong=min(times), moves_goods=True, people=crew)


def _moments(start: int, end: int, number: int, apart: int, rng: Random) -> list[int]:
    """So many moments in a span, no two of them nearer to each other than that."""
    room = end - start - (number - 1) * apart
    return [
        start + at + index * apart
        for index, at in enumerate(sorted(rng.randint(0, room) for _ in range(number)))
    ]


def _ship_between(site: Site, article: Article, drops: list[int], rng: Random) -> list[Employee]:
    """Honest shipments of the same article. Returns who sent them."""
    crew = []
    for before, after in pairwise(drops):
        units = rng.randint(1, 3)
        if after - before > 2 * _QUIET_MS and site.shelf(article).available > units:
            site.shelf(article).available -= units
            marked = rng.randint(before + _QUIET_MS, after - _QUIET_MS)
            crew.append(site.on_duty(marked, rng))
            ship(site, [Load(article, units, marked)], crew[-1:], rng)
    return crew


SCENARIO = Scenario("gradual_theft", False, ("quiet_shelf", "busy_shelf"), _demand, _play)
