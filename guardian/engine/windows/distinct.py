"""Counting different things in a sliding window of event time."""

from __future__ import annotations

import msgspec


class DistinctCounter(msgspec.Struct, array_like=True):
    """The different things seen within a window, each at the latest time it was seen.

    Bounded: things older than the window plus the lateness are dropped when something is added, and
    `cap` things are kept at most, the latest.
    """

    latest: dict[str, int] = msgspec.field(default_factory=dict)
    crowded: int = 4

    def add(self, thing: str, time: int, window_ms: int, lateness_ms: int, cap: int = 10_000) -> None:
        """Adds a sighting of `thing`."""
        latest = self.latest
        if latest.get(thing, time) <= time:
            latest[thing] = time
        if len(latest) > min(self.crowded, cap):
            horizon = time - window_ms - lateness_ms
            for old in [one for one, seen in latest.items() if seen < horizon]:
                del latest[old]
            for old in sorted(latest, key=latest.__getitem__)[: max(0, len(latest) - cap)]:
                del latest[old]
            # Looking for old ones again only when there are twice as many keeps the cost of adding constant.
            self.crowded = max(4, min(2 * len(latest), cap))

    def fullest(self, time: int, window_ms: int) -> tuple[int, int, int]:
        """(count, first, last) of the fullest window shorter than `window_ms` that has `time` in it."""
        near = sorted([seen for seen in self.latest.values() if -window_ms < seen - time < window_ms])
        if len(near) == 1:
            return 1, time, time
        best = (0, time, time)
        for first, begin in enumerate(near):
            inside = [seen for seen in near[first:] if seen < begin + window_ms]
            if begin <= time <= inside[-1] and len(inside) > best[0]:
                best = (len(inside), begin, inside[-1])
        return best
