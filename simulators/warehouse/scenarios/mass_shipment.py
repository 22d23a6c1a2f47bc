"""Two or three trucks loaded at once with a lot of goods, each of which leaves in time."""

from __future__ import annotations

from random import Random

from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.shipping import Load, ship
from simulators.warehouse.site import Site

_ROUNDS = 3
_ROUND_MS = 5 * MINUTE_MS
_MARKS = 200
_MOST_UNITS = 3


def _demand(variant: str, rng: Random) -> Demand:
    most = _MARKS // _ROUNDS + 1
    return Demand(when=When.DAY, lasts_ms=40 * MINUTE_MS, articles=(10, most), exclusive=False, people=3)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    trucks = 2 if cast.variant == "two_trucks" else 3
    loads: list[list[Load]] = [[] for _ in range(trucks)]
    begins = cast.start + 5 * MINUTE_MS
    for article in cast.articles:
        shelf = site.shelf(article)
        first = begins + rng.randrange(_ROUND_MS)
        order = rng.sample(range(_ROUNDS), _ROUNDS)
        for number, truck in enumerate(order):
            units = min(rng.randint(1, _MOST_UNITS), shelf.spare)
            marked = first + number * _ROUND_MS
            if units > 0 and site.reserve(article, marked):
                shelf.available -= units
                loads[truck % trucks].append(Load(article, units, marked))
    left = [
        ship(site, goods, [person], rng, wait_ms=MINUTE_MS)
        for goods, person in zip(loads, cast.people, strict=False)
        if goods
    ]
    return story(cast, SCENARIO, max(truck.time for truck in left))


SCENARIO = Scenario("mass_shipment", True, ("two_trucks", "three_trucks"), _demand, _play)
