"""Several people, each of whom marks no more than an ordinary number of goods; one opens the dock's door."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.journal import DOOR, UPDATE
from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.scenarios.thieves import carry_all_out, mark_gone
from simulators.warehouse.site import Site

_EACH = 12
_TOGETHER = (25, 60)
_MARKING_MS = (4 * MINUTE_MS, 9 * MINUTE_MS)
_CARRYING_MS = (5 * MINUTE_MS, 35 * MINUTE_MS)


def _demand(variant: str, rng: Random) -> Demand:
    people = rng.randint(3, 5)
    wanted = min(rng.randint(*_TOGETHER), people * _EACH)
    return Demand(
        when=When.DAY,
        lasts_ms=50 * MINUTE_MS,
        articles=(_TOGETHER[0], wanted),
        people=people,
        marks_untaken=True,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    marks_until = cast.start + rng.randint(*_MARKING_MS)
    shared = site.new_shipment()
    own: dict[str, str | None] = {person.id: site.new_shipment() for person in cast.people}
    for index, article in enumerate(cast.articles):
        person = cast.people[index % len(cast.people)]
        shipment = {"shared_id": shared, "own_ids": own[person.id], "no_id": None}[cast.variant]
        at = rng.randint(cast.start, marks_until)
        mark_gone(site, article, at, person, shipment, rng)
        if rng.random() < 0.3:
            site.journal.act(at, person, UPDATE, article.shelf)
    opened = marks_until + rng.randint(30_000, 180_000)
    site.journal.act(opened, rng.choice(cast.people), DOOR, rng.choice(places.DOCKS))
    end = opened + rng.randint(*_CARRYING_MS)
    carry_all_out(site, cast.articles, cast.people, opened, end, rng, rostered=True)
    return story(cast, SCENARIO, end, first_wrong=cast.start, marks_untaken=True, moves_goods=True)


SCENARIO = Scenario("collusion", False, ("shared_id", "own_ids", "no_id"), _demand, _play)
