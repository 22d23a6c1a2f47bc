"""Counting events in a sliding window of event time."""

from __future__ import annotations

from bisect import insort

import msgspec


class SlidingCounter(msgspec.Struct, array_like=True):
    """Counts events in any window of a given length that contains the newest one added.

    Bounded: times older than the window plus the lateness are dropped, and `cap` times are kept at most
    (the newest; more than that is above any threshold one would set).
    """

    times: list[int] = msgspec.field(default_factory=list)

    def add(self, time: int, window_ms: int, lateness_ms: int, cap: int = 1_000) -> None:
        """Adds an event."""
        times = self.times
        if times and time < times[-1]:
            insort(times, time)
        else:
            times.append(time)
        horizon = times[-1] - window_ms - lateness_ms
        drop = max(0, len(times) - cap)
        while drop < len(times) and times[drop] < horizon:
            drop += 1
        if drop:
            del times[:drop]

    def densest(self, time: int, window_ms: int) -> tuple[int, int, int]:
        """(count, first, last) of the fullest window of `window_ms` that has `time` in it.

        Both ends of the window are inside. Of several equally full, the earliest.
        (0, time, time) when `time` is not among those kept.
        """
        times = self.times
        best = (0, time, time)
        last = 0
        for first, begin in enumerate(times):
            if begin > time:
                break
            if begin < time - window_ms:
                continue
            last = max(last, first)
            while last < len(times) and times[last] <= begin + window_ms:
                last += 1
            if times[last - 1] >= time and last - first > best[0]:
                best = (last - first, begin, times[last - 1])
        return best
