"""Somebody off the roster works on codes and books at night; goods leave, and the books deny it."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.everyday import SYSTEM
from simulators.warehouse.journal import ACCESS_QR, DOOR, LOGIN, UPDATE
from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.scenarios.thieves import carry_out
from simulators.warehouse.site import Site

_UPDATES = (6, 12)
_UNITS = (8, 80)
_WORKING_MS = 13 * MINUTE_MS
_CARRYING_MS = (5 * MINUTE_MS, 25 * MINUTE_MS)
_BOOKS_EVERY_MS = 4 * MINUTE_MS
_BOOKS_STAY_MS = 12 * MINUTE_MS


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(when=When.NIGHT, lasts_ms=60 * MINUTE_MS, articles=(2, rng.randint(2, 5)), people=1)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal, thief = site.journal, cast.people[0]
    journal.act(cast.start, thief, LOGIN, places.OFFICE, rostered=False)
    begins = cast.start + rng.randint(30_000, 120_000)
    for _ in range(rng.randint(1, 2)):
        journal.act(begins + rng.randint(0, 60_000), thief, ACCESS_QR, places.OFFICE, rostered=False)
    for _ in range(rng.randint(*_UPDATES)):
        at = begins + rng.randint(60_000, _WORKING_MS)
        journal.act(at, thief, UPDATE, rng.choice(cast.articles).shelf, rostered=False)

    first = begins + _WORKING_MS // 2
    last = first + rng.randint(*_CARRYING_MS)
    journal.act(first - 30_000, thief, DOOR, rng.choice(places.DOCKS), rostered=False)
    until = last + _BOOKS_STAY_MS
    by = thief.id if cast.variant == "books_kept_by_thief" else SYSTEM
    for article in cast.articles:
        stock = site.shelf(article).available
        carry_out(site, article, rng.randint(min(_UNITS[0], stock), min(_UNITS[1], stock)), first, last, rng)
        at = first - rng.randint(0, _BOOKS_EVERY_MS)
        while at < until:
            journal.post(at, article, by)
            at += rng.randint(_BOOKS_EVERY_MS // 2, _BOOKS_EVERY_MS)
    return story(cast, SCENARIO, until, first_wrong=cast.start, moves_goods=True)


SCENARIO = Scenario(
    "after_hours_theft", False, ("books_kept_by_thief", "books_kept_by_system"), _demand, _play
)
