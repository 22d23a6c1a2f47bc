"""Gives every scenario its moment, its goods and its people, so that none is in another's way."""

from __future__ import annotations

from random import Random

import msgspec

from simulators.store.chance import Chance
from simulators.warehouse.articles import Article
from simulators.warehouse.config import DAY_MS, WarehouseConfig
from simulators.warehouse.people import CLOSES_MS, MINUTE_MS, OPENS_MS, Employee, Shift, shift_at
from simulators.warehouse.scenarios import SCENARIOS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, When
from simulators.warehouse.site import Site

_ENDS_EARLY_MS = 20 * MINUTE_MS
"""Trucks and sensors have that long to show what came of a scenario before the records end."""

_APART_MS = 25 * MINUTE_MS
_MARGIN_MS = 10 * MINUTE_MS
_TRIES = 500

_UNDISTURBED_MS = 30 * MINUTE_MS
"""How long before a scenario everyday work on its shelves ends, for the books to have settled."""

_KEPT_UNITS = 12
"""What everyday work leaves at least for a scenario."""

Span = tuple[int, int]


class _Plan(msgspec.Struct):
    scenario: Scenario
    variant: str
    demand: Demand
    rng: Random


def cast_scenarios(site: Site, chance: Chance) -> list[tuple[Scenario, Cast, Random]]:
    """Casts the scenarios of a site's configuration; each comes with the generator it goes on drawing from.

    Raises ValueError if there are too few articles or people for all of them, or too little time.
    """
    config = site.config
    plans = []
    for scenario in SCENARIOS.values():
        if scenario.name in config.scenarios:
            rng = chance.about(f"scenario {scenario.name}")
            variant = config.variants.get(scenario.name) or rng.choice(scenario.variants)
            if variant not in scenario.variants:
                raise ValueError(
                    f"{scenario.name} has no variant {variant}, only {', '.join(scenario.variants)}"
                )
            plans.append(_Plan(scenario, variant, scenario.demand(variant, rng), rng))
    goods = _allot(site, plans, chance.about("casting"))
    hours = _Hours(config)
    people = _People(site)
    casts: list[tuple[Scenario, Cast, Random]] = []
    for plan in plans:
        start, end = hours.find(plan.demand, plan.rng, plan.scenario.name)
        articles = goods.get(plan.scenario.name)
        if articles is None:
            articles = _share(site, plan, start, end, casts, goods)
        else:
            for article in articles:
                site.shelf(article).own_from = start - _UNDISTURBED_MS
                site.shelf(article).kept = _KEPT_UNITS
        crew = people.find(plan.demand, start, plan.rng)
        casts.append((plan.scenario, Cast(start, end, articles, crew, plan.variant), plan.rng))
    return casts


def _allot(site: Site, plans: list[_Plan], rng: Random) -> dict[str, list[Article]]:
    """Articles for those who need shelves of their own, by scenario; some are left over for everyday work."""
    own = [plan for plan in plans if plan.demand.exclusive]
    shared = len(own) < len(plans)
    kept = max(10, len(site.articles) // (4 if shared or len(own) > 1 else 16))
    least = sum(plan.demand.articles[0] for plan in own)
    beyond = sum(plan.demand.articles[1] - plan.demand.articles[0] for plan in own)
    spare = len(site.articles) - kept - least
    if spare < 0:
        raise ValueError(f"these scenarios need {least + kept} articles, there are {len(site.articles)}")
    share = min(1.0, spare / beyond) if beyond else 1.0
    pool = rng.sample(site.articles, len(site.articles))
    goods = {}
    for plan in own:
        fewest, wanted = plan.demand.articles
        number = fewest + int((wanted - fewest) * share)
        goods[plan.scenario.name] = [pool.pop() for _ in range(number)]
    return goods


def _share(
    site: Site,
    plan: _Plan,
    start: int,
    end: int,
    casts: list[tuple[Scenario, Cast, Random]],
    goods: dict[str, list[Article]],
) -> list[Article]:
    """Articles that everyday work uses as well, but no other scenario at the time."""
    busy = {article for own in goods.values() for article in own}
    for _, cast, _ in casts:
        if cast.start - _MARGIN_MS < end and start < cast.end + _MARGIN_MS:
            busy.update(cast.articles)
    pool = [article for article in site.articles if article not in busy]
    plan.rng.shuffle(pool)
    fewest, wanted = plan.demand.articles
    if len(pool) < fewest:
        raise ValueError(f"{plan.scenario.name} needs {fewest} articles, {len(pool)} are left")
    return pool[: min(wanted, max(fewest, 2 * len(pool) // 3))]


class _Hours:
    """Finds the time for scenarios."""

    def __init__(self, config: WarehouseConfig) -> None:
        self._config = config
        self._taken: list[Span] = []

    def find(self, demand: Demand, rng: Random, name: str) -> Span:
        """Start and end."""
        windows = [
            (since, until - demand.lasts_ms)
            for since, until in self._windows(demand)
            if until - since >= demand.lasts_ms
        ]
        if not windows:
            raise ValueError(f"{name} does not fit into {self._config.days} day(s)")
        weights = [latest - earliest + 1 for earliest, latest in windows]
        for _ in range(_TRIES):
            start = rng.randint(*rng.choices(windows, weights)[0])
            span = start, start + demand.lasts_ms
            if not demand.marks_untaken:
                return span
            if all(
                span[1] + _APART_MS < since or until + _APART_MS < span[0] for since, until in self._taken
            ):
                self._taken.append(span)
                return span
        raise ValueError(f"{name} finds no time of its own in {self._config.days} day(s)")

    def _windows(self, demand: Demand) -> list[Span]:
        config = self._config
        earliest, latest = config.starts_ms + demand.quiet_ms, config.ends_ms - _ENDS_EARLY_MS
        if demand.when is When.ANY:
            return [(earliest, latest)]
        spans = []
        for day in range(-1, config.days):
            midnight = config.starts_ms + day * DAY_MS
            opens, closes = midnight + OPENS_MS, midnight + CLOSES_MS
            since, until = (opens, closes) if demand.when is When.DAY else (closes, opens + DAY_MS)
            # Clocks may be off: nothing that depends on the hours is near their limits.
            spans.append((max(since + 5 * MINUTE_MS, earliest), min(until - 5 * MINUTE_MS, latest)))
        return spans


class _People:
    """Finds people for scenarios, each for one alone."""

    def __init__(self, site: Site) -> None:
        self._left = list(site.staff.everybody)

    def find(self, demand: Demand, start: int, rng: Random) -> list[Employee]:
        """Those on duty; at night, unless the night crew is asked for, people who should not be there."""
        if demand.by_night:
            shifts = {Shift.NIGHT}
        elif demand.when is When.DAY:
            shifts = {shift_at(start)}
        else:
            shifts = {Shift.EARLY, Shift.LATE}
        right = [person for person in self._left if person.shift in shifts]
        if len(right) < demand.people:
            raise ValueError("there are too few people for these scenarios")
        found = rng.sample(right, demand.people)
        self._left = [person for person in self._left if person not in found]
        return found
