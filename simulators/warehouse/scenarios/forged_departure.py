"""Goods marked for a shipment that does leave, on a truck whose papers list other goods."""

from __future__ import annotations

from random import Random

from simulators.warehouse.journal import UPDATE
from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.records import Line
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.scenarios.thieves import carry_all_out, mark_gone
from simulators.warehouse.site import Site

_ARTICLES = (25, 80)
_MARKING_MS = (4 * MINUTE_MS, 9 * MINUTE_MS)
_LEAVES_MS = (2 * MINUTE_MS, 9 * MINUTE_MS)
_LISTED = (3, 12)


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(
        when=When.DAY,
        lasts_ms=30 * MINUTE_MS,
        articles=(_ARTICLES[0], rng.randint(*_ARTICLES)),
        people=1 if variant == "one_person" else 2,
        marks_untaken=True,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    shipment = site.new_shipment()
    marks_until = cast.start + rng.randint(*_MARKING_MS)
    times = [cast.start, marks_until, *(rng.randint(cast.start, marks_until) for _ in cast.articles[2:])]
    for article, at in zip(cast.articles, times, strict=True):
        person = rng.choice(cast.people)
        mark_gone(site, article, at, person, shipment, rng)
        if rng.random() < 0.3:
            site.journal.act(at, person, UPDATE, article.shelf)
    leaves = marks_until + rng.randint(*_LEAVES_MS)
    taken = set(cast.articles)
    others = rng.sample([article for article in site.articles if article not in taken], rng.randint(*_LISTED))
    manifest: list[Line | str] = [
        Line(article.product_id, rng.randint(1, 20)) if rng.random() < 0.7 else article.product_id
        for article in others
    ]
    site.journal.depart(leaves, shipment, f"TRUCK-{rng.randint(10, 99)}", "Eastmere", manifest)
    end = leaves + rng.randint(MINUTE_MS, 6 * MINUTE_MS)
    # The shelves are emptied once the goods are off the books, and the truck is loaded outside the gate.
    carry_all_out(site, cast.articles, cast.people, marks_until + MINUTE_MS, end, rng, rostered=True)
    return story(cast, SCENARIO, end, first_wrong=cast.start, marks_untaken=True, moves_goods=True)


SCENARIO = Scenario("forged_departure", False, ("one_person", "two_people"), _demand, _play)
