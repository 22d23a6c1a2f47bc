"""Goods are written off or found again: shelf and books change within a minute of each other."""

from __future__ import annotations

from random import Random

from simulators.warehouse.people import HOUR_MS, MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.site import Site

_CORRECTIONS = (3, 8)
_UNITS = (1, 60)
_APART_MS = (-50_000, 50_000)


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(
        when=When.DAY,
        lasts_ms=rng.randint(2, 6) * HOUR_MS,
        articles=(1, rng.randint(2, 6)),
        exclusive=False,
        people=1,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal, person = site.journal, cast.people[0]
    end = cast.start
    for article in cast.articles:
        shelf = site.shelf(article)
        for _ in range(rng.randint(*_CORRECTIONS)):
            at = rng.randint(cast.start + MINUTE_MS, cast.end - MINUTE_MS)
            found = cast.variant == "found" or (cast.variant == "both" and rng.random() < 0.5)
            units = rng.randint(*_UNITS) if found else min(rng.randint(*_UNITS), shelf.spare)
            if units < 1 or not site.reserve(article, at):
                continue
            if found:
                shelf.put(at, units)
            else:
                shelf.available -= units
                shelf.take(at, units)
            journal.post(at + rng.randint(*_APART_MS), article, person.id, units if found else -units)
            end = max(end, at)
    return story(cast, SCENARIO, end)


SCENARIO = Scenario("stock_correction", True, ("written_off", "found", "both"), _demand, _play)
