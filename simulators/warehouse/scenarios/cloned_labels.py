"""Copies of a label: in two places at once, or still about after the original was used up."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.articles import Article
from simulators.warehouse.people import MINUTE_MS, Employee
from simulators.warehouse.records import Label
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.shipping import Load, ship
from simulators.warehouse.site import Site

_OTHER_SHELF, _OTHER_SITE, _AFTER_USE, _MIXED = "other_shelf", "other_site", "after_use", "mixed"
_SECONDS_MS = (1_000, 8_000)
_OTHER_SITE_MS = (10_000, 8 * MINUTE_MS)
_AFTER_USE_MS = (6 * MINUTE_MS, 60 * MINUTE_MS)
_SPREAD_MS = 40 * MINUTE_MS


def _demand(variant: str, rng: Random) -> Demand:
    number = rng.randint(1, 4)
    return Demand(when=When.DAY, lasts_ms=150 * MINUTE_MS, articles=(number, number), people=2)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    one, other = (person.scanner for person in cast.people)
    codes, wrong, people = [], [], []
    for article in cast.articles:
        way = cast.variant if cast.variant != _MIXED else rng.choice((_OTHER_SHELF, _OTHER_SITE, _AFTER_USE))
        time = cast.start + rng.randint(0, _SPREAD_MS)
        label = site.printer.issue(article, site.config.starts_ms)
        codes.append(label.serial)
        if way == _AFTER_USE:
            person = site.on_duty(time, rng)
            people.append(person)
            used_up = _ship_one(site, article, label, time, person, rng)
            again = used_up + rng.randint(*_AFTER_USE_MS)
            site.journal.scan(again, label, article.shelf, one)
        elif way == _OTHER_SITE:
            again = time + rng.randint(*_OTHER_SITE_MS)
            site.journal.scan(time, label, article.shelf, one, in_full=True)
            site.journal.scan(again, label, rng.choice(places.other_shelves()), "HS-WH2-1")
        else:
            again = time + rng.randint(*_SECONDS_MS)
            elsewhere = rng.choice([a.shelf for a in site.articles if a.shelf != article.shelf])
            site.journal.scan(time, label, article.shelf, one, in_full=True)
            site.journal.scan(again, label, elsewhere, other)
        wrong.append(again)
    return story(cast, SCENARIO, max(wrong), first_wrong=min(wrong), codes=codes, people=people)


def _ship_one(site: Site, article: Article, label: Label, time: int, person: Employee, rng: Random) -> int:
    """Ships a unit honestly, label and all. Returns when its label was used up."""
    # The second load only keeps the truck waiting until the first has walked to the dock.
    loads = [Load(article, 1, time, label), Load(article, 1, time + 6 * MINUTE_MS)]
    site.shelf(article).available -= len(loads)
    left = ship(site, loads, [person], rng, wait_ms=5 * MINUTE_MS)
    return left.consumed[label.serial]


SCENARIO = Scenario("cloned_labels", False, (_OTHER_SHELF, _OTHER_SITE, _AFTER_USE, _MIXED), _demand, _play)
