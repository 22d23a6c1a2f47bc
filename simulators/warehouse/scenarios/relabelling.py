"""One person renews old labels for hours, at a steady pace."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.journal import ACCESS_QR, REGENERATE
from simulators.warehouse.people import HOUR_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.site import Site

_PACE_MS = (120_000, 200_000)
"""Between two labels: never more than eight in a quarter of an hour."""


def _demand(variant: str, rng: Random) -> Demand:
    return Demand(
        when=When.DAY,
        lasts_ms=rng.randint(2, 4) * HOUR_MS,
        articles=(8, rng.randint(12, 40)),
        exclusive=False,
        people=1,
    )


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal, person = site.journal, cast.people[0]
    journal.act(cast.start, person, ACCESS_QR, places.OFFICE)
    time = cast.start + 60_000
    number = 0
    while time < cast.end - _PACE_MS[1]:
        article = cast.articles[number % len(cast.articles)]
        old = site.printer.issue(article, site.config.starts_ms, legacy=rng.random() < 0.3)
        new = site.printer.issue(article, time, legacy=False)
        journal.scan(time - rng.randint(10_000, 50_000), old, article.shelf, person.scanner)
        journal.regenerate(time, new, person.id)
        if cast.variant == "told_twice":
            journal.act(time, person, REGENERATE, places.OFFICE)
        # The clocks of handhelds and printer differ; the old label is void once the new one is on.
        journal.revoke(time + 20_000, old, person.id)
        journal.scan(time + rng.randint(25_000, 60_000), new, article.shelf, person.scanner)
        time += rng.randint(*_PACE_MS)
        number += 1
    return story(cast, SCENARIO, time)


SCENARIO = Scenario("relabelling", True, ("told_once", "told_twice"), _demand, _play)
