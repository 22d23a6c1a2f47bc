"""How fast events flow, worked out from counters that are looked at now and again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final

import msgspec

WINDOW_S: Final = 60.0
"""Rates are of this time, or of as much of it as has been watched."""
LEAST_S: Final = 1.0
"""Between two looks; and what a rate is worked out from at least."""
STALE_S: Final = 180.0
"""A stream that has not grown for so long, while others have, is stale."""
EVENTS: Final = "events."
"""Begins the names of the counters of streams."""


class Stream(msgspec.Struct, frozen=True):
    """One stream. grew_at: clock, seconds; None: not since it has been watched. rate: events per second."""

    topic: str
    events: int
    grew_at: float | None
    rate: float | None
    stale: bool


class _Look(msgspec.Struct, frozen=True):
    at: float
    counts: dict[str, int]


class Flow:
    """Of one site. For many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: deque[_Look] = deque()
        self._grew: dict[str, float] = {}
        self._began: float | None = None

    def look(self, counters: Mapping[str, int], now: float) -> list[Stream]:
        """The streams as of now, by topic. counters: all there are. now: the clock, seconds."""
        counts = {
            name.removeprefix(EVENTS): number for name, number in counters.items() if name.startswith(EVENTS)
        }
        with self._lock:
            if self._began is None:
                self._began = now
            looks = self._looks
            if looks:
                for topic, number in counts.items():
                    if number > looks[-1].counts.get(topic, 0):
                        self._grew[topic] = now
            if not looks or now - looks[-1].at >= LEAST_S or counts != looks[-1].counts:
                looks.append(_Look(now, counts))
            # One look from before the window stays, so that all of the window is covered.
            while len(looks) > 1 and looks[1].at <= now - WINDOW_S:
                looks.popleft()
            first, span = looks[0], now - looks[0].at
            newest = max(self._grew.values(), default=None)
            return [
                Stream(
                    topic,
                    number,
                    self._grew.get(topic),
                    (number - first.counts.get(topic, 0)) / span if span >= LEAST_S else None,
                    newest is not None and newest - self._grew.get(topic, self._began) > STALE_S,
                )
                for topic, number in sorted(counts.items())
            ]
