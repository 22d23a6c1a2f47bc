"""Units are replaced by something lighter: the count stays, the weight does not."""

from __future__ import annotations

from random import Random

from simulators.warehouse.people import HOUR_MS
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.site import Site

_LIGHTER = (0.15, 0.60)
_SPREAD_MS = HOUR_MS


def _demand(variant: str, rng: Random) -> Demand:
    number = rng.randint(1, 3)
    return Demand(when=When.ANY, lasts_ms=2 * _SPREAD_MS, articles=(number, number), people=0)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    times = []
    for article in cast.articles:
        at = cast.start + rng.randrange(_SPREAD_MS)
        lighter = rng.uniform(*_LIGHTER)
        swaps = site.shelf(article).swaps
        swaps.append((at, 1 - lighter))
        if cast.variant == "put_back":
            swaps.append((at + rng.randint(_SPREAD_MS // 2, _SPREAD_MS), 1.0))
        times.append(at)
    end = cast.start + 2 * _SPREAD_MS if cast.variant == "put_back" else site.config.ends_ms
    return story(cast, SCENARIO, end, first_wrong=min(times))


SCENARIO = Scenario("swapped_goods", False, ("kept", "put_back"), _demand, _play)
