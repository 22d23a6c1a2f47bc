"""What a scenario is: what it needs, what it gets, and what it tells afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from random import Random

import msgspec

from simulators.warehouse.articles import Article
from simulators.warehouse.people import MINUTE_MS, Employee
from simulators.warehouse.site import Site


class When(StrEnum):
    """Within the site's hours, outside them, or whenever."""

    DAY = "day"
    NIGHT = "night"
    ANY = "any"


class Demand(msgspec.Struct, kw_only=True):
    """What a scenario needs.

    when, lasts_ms: in which hours, and for how long. articles: at least, and if there are enough of them.
    exclusive: whether it needs their shelves for itself. people: how many; by_night: whether they are of the
    night crew (else of the day's shifts: a scenario at night is then played by people off the roster).
    marks_untaken: whether it marks goods that no truck takes; such scenarios are kept apart in time.
    quiet_ms: how long after the very beginning it starts at the earliest.
    """

    when: When
    lasts_ms: int
    articles: tuple[int, int]
    exclusive: bool = True
    people: int
    by_night: bool = False
    marks_untaken: bool = False
    quiet_ms: int = 20 * MINUTE_MS


class Cast(msgspec.Struct):
    """What a scenario gets: a moment, a span that ends at the latest then, goods, people, and its variant."""

    start: int
    end: int
    articles: list[Article]
    people: list[Employee]
    variant: str


class Story(msgspec.Struct, kw_only=True):
    """What came of it.

    products, employees: who and what took part. first_wrong: true ms of the first thing that was not right;
    None in an honest scenario. codes: serials that were abused. marks_untaken: as in `Demand`.
    moves_goods: whether goods leave that should not, or stay where they should not be.
    """

    name: str
    variant: str
    honest: bool
    start: int
    end: int
    products: frozenset[str]
    employees: frozenset[str]
    first_wrong: int | None = None
    codes: frozenset[str] = frozenset()
    marks_untaken: bool = False
    moves_goods: bool = False


class Scenario(msgspec.Struct, frozen=True):
    """A scenario. variants: the ways in which it can be played. demand, play: see `Demand` and `Story`."""

    name: str
    honest: bool
    variants: tuple[str, ...]
    demand: Callable[[str, Random], Demand]
    play: Callable[[Cast, Site, Random], Story]


def story(
    cast: Cast,
    scenario: Scenario,
    end: int,
    *,
    first_wrong: int | None = None,
    codes: Iterable[str] = (),
    marks_untaken: bool = False,
    moves_goods: bool = False,
    people: Iterable[Employee] = (),
) -> Story:
    """The story of a cast. people: those who took part besides the cast."""
    return Story(
        name=scenario.name,
        variant=cast.variant,
        honest=scenario.honest,
        start=cast.start,
        end=end,
        products=frozenset(article.product_id for article in cast.articles),
        employees=frozenset(person.id for person in (*cast.people, *people)),
        first_wrong=first_wrong,
        codes=frozenset(codes),
        marks_untaken=marks_untaken,
        moves_goods=moves_goods,
    )
