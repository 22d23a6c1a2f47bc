"""What thieves do, whichever way they cover it up."""

from __future__ import annotations

from random import Random

from simulators.warehouse import places
from simulators.warehouse.articles import Article
from simulators.warehouse.journal import DOOR
from simulators.warehouse.people import Employee
from simulators.warehouse.site import Site

MOST_TRIPS = 4


def carry_out(site: Site, article: Article, units: int, start: int, end: int, rng: Random) -> None:
    """Takes units off a shelf, in a few trips."""
    trips = rng.randint(1, min(MOST_TRIPS, units))
    cuts = sorted(rng.sample(range(1, units), trips - 1))
    for since, until in zip([0, *cuts], [*cuts, units], strict=True):
        site.shelf(article).take(rng.randint(start, end), until - since)


def carry_all_out(
    site: Site,
    articles: list[Article],
    people: list[Employee],
    start: int,
    end: int,
    rng: Random,
    *,
    rostered: bool,
) -> None:
    """Takes everything off the shelves and out through a dock's door."""
    dock = rng.choice(places.DOCKS)
    for _ in range(rng.randint(1, 3)):
        site.journal.act(rng.randint(start, end), rng.choice(people), DOOR, dock, rostered=rostered)
    for article in articles:
        carry_out(site, article, site.shelf(article).available, start, end, rng)


def mark_gone(
    site: Site, article: Article, time: int, by: Employee, shipment: str | None, rng: Random
) -> None:
    """Marks all units of an article as shipped; at times the books say "nothing in stock" besides."""
    site.journal.mark(time, article, site.shelf(article).available, by.id, shipment)
    if rng.random() < 0.5:
        site.journal.post(time + rng.randint(2_000, 8_000), article, by.id)
