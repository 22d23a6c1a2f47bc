"""Goods marked as shipped so slowly that it is no mass shipment; they stay on the shelf for a good while."""

from __future__ import annotations

from random import Random

from simulators.warehouse.people import HOUR_MS, MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.scenarios.thieves import carry_out, mark_gone
from simulators.warehouse.site import Site

_AN_HOUR = 25
_HOURS = 2
_STAYS_MS = (20 * MINUTE_MS, 70 * MINUTE_MS)


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(
        when=When.DAY,
        lasts_ms=_HOURS * HOUR_MS + _STAYS_MS[1] + 10 * MINUTE_MS,
        articles=(12, rng.randint(20, _AN_HOUR * _HOURS)),
        people=rng.randint(1, 2),
        marks_untaken=True,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    every = _HOURS * HOUR_MS // len(cast.articles)
    shipment = site.new_shipment()
    end = cast.start
    for index, article in enumerate(cast.articles):
        at = cast.start + index * every + rng.randrange(every)
        if rng.random() < 0.2:
            shipment = site.new_shipment()
        mark_gone(
            site, article, at, rng.choice(cast.people), None if cast.variant == "no_id" else shipment, rng
        )
        gone = at + rng.randint(*_STAYS_MS)
        carry_out(site, article, site.shelf(article).available, gone, gone + 5 * MINUTE_MS, rng)
        end = max(end, gone + 5 * MINUTE_MS)
    return story(cast, SCENARIO, end, first_wrong=cast.start, marks_untaken=True, moves_goods=True)


SCENARIO = Scenario("slow_theft", False, ("fresh_ids", "no_id"), _demand, _play)
