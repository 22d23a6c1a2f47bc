"""Counting different things in a sliding window of event time."""

from __future__ import annotations

import msgspec


class DistinctCounter(msgspec.Struct, array_like=True):
    """The different things seen within a window, each at the latest time it was seen.

    Bounded: things older than the window plus the lateness are dropped when something is added, and
    `cap` things are kept at most, the latest.
    """

    latest: dict[str, int] = msgspec.field(default_factory=dict)

    def add(self, thing: str, time: int, window_ms: int, lateness_ms: int, cap: int = 10_000) -> None:
        """Adds a sighting of `thing`."""
        latest = self.latest
        if latest.get(thing, time) <= time:
            latest[thing] = time
        horizon = time - window_ms - lateness_ms
        if len(latest) > min(16, cap):
            for old in [one for one, seen in latest.items() if seen < horizon]:
                del latest[old]
            for old in sorted(latest, key=latest.__getitem__)[: len(latest) - cap]:
                del latest[old]

    def within(self, until: int, window_ms: int) -> list[str]:
        """What was seen in (until - window, until], in order of time."""
        inside = [(seen, one) for one, seen in self.latest.items() if until - window_ms < seen <= until]
        return [one for _, one in sorted(inside)]

    def fullest(self, time: int, window_ms: int) -> tuple[int, int, int]:
        """(count, first, last) of the fullest window shorter than `window_ms` that has `time` in it."""
        near = sorted(seen for seen in self.latest.values() if abs(seen - time) < window_ms)
        best = (0, time, time)
        for first, begin in enumerate(near):
            inside = [seen for seen in near[first:] if seen < begin + window_ms]
            if begin <= time <= inside[-1] and len(inside) > best[0]:
                best = (len(inside), begin, inside[-1])
        return best
