"""When stations are down."""

from __future__ import annotations

from bisect import bisect_right
from random import Random

from simulators.store.chance import how_many
from simulators.store.config import StoreConfig

MARGIN_MS = 5_000
"""Nobody scans so shortly before or after a crash: the clocks of the devices differ."""

_APART_MS = 120_000
_SHORTEST_S, _LONGEST_S = 60, 240


class Crashes:
    """The crashes of one station, (start, end) in true ms, in order."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self.spans = spans
        self._starts = [start for start, _ in spans]

    def down_until(self, time: int, margin: int = 0) -> int | None:
        """When the crash that covers this moment (or comes that near to it) is over; None if none does."""
        at = bisect_right(self._starts, time + margin) - 1
        if at < 0 or time > self.spans[at][1] + margin:
            return None
        return self.spans[at][1]


def plan_crashes(config: StoreConfig, rng: Random) -> dict[str, Crashes]:
    """Crashes by station: 60 to 240 s each, in the middle of the day rather than at its edges."""
    spans: dict[str, list[tuple[int, int]]] = {station: [] for station in config.stations}
    edge = min(300_000, round(config.hours * 360_000))
    for _ in range(how_many(rng, config.crashes * config.hours * config.station_count)):
        station = rng.choice(config.stations)
        length = round(1000 * rng.uniform(_SHORTEST_S, _LONGEST_S))
        latest = config.closes_ms - edge - length
        if latest <= config.opens_ms + edge:
            continue
        start = rng.randint(config.opens_ms + edge, latest)
        end = start + length
        if all(end + _APART_MS < other or start > until + _APART_MS for other, until in spans[station]):
            spans[station].append((start, end))
    return {station: Crashes(sorted(those)) for station, those in spans.items()}
