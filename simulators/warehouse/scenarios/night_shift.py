"""The night crew at work, by the roster: many updates, and a mass shipment with its truck."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.journal import ACCESS_QR, DOOR, REGENERATE, UPDATE
from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.shipping import Load, ship
from simulators.warehouse.site import Site

_UPDATES = (8, 25)
_MARKING_MS = (6 * MINUTE_MS, 10 * MINUTE_MS)


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(
        when=When.NIGHT,
        lasts_ms=60 * MINUTE_MS,
        articles=(22, rng.randint(24, 60)),
        exclusive=False,
        people=2,
        by_night=True,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal = site.journal
    for person in cast.people:
        for action, times in (
            (ACCESS_QR, rng.randint(2, 6)),
            (UPDATE, rng.randint(*_UPDATES)),
            (REGENERATE, 2),
        ):
            for _ in range(times):
                where = rng.choice(cast.articles).shelf if action == UPDATE else places.OFFICE
                journal.act(cast.start + rng.randrange(14 * MINUTE_MS), person, action, where)
    first = cast.start + rng.randint(5 * MINUTE_MS, 20 * MINUTE_MS)
    last = first + rng.randint(*_MARKING_MS)
    loads = []
    for article in cast.articles:
        shelf, marked = site.shelf(article), rng.randint(first, last)
        units = min(rng.randint(1, 20), shelf.spare)
        if units > 0 and site.reserve(article, marked):
            shelf.available -= units
            loads.append(Load(article, units, marked))
    journal.act(last, cast.people[0], DOOR, places.DOCKS[0])
    left = ship(site, loads, cast.people, rng)
    return story(cast, SCENARIO, max(last, left.time))


SCENARIO = Scenario("night_shift", True, ("mass_shipment",), _demand, _play)
