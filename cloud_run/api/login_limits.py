"""How often somebody may try to log in."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Final

WINDOW_S: Final = 300.0
OF_A_PAIR: Final = 5
"""Failures in a window for one user from one address."""
OF_A_USER: Final = 30
"""From everywhere: high, or anybody could keep somebody out."""
OF_AN_ADDRESS: Final = 30
REMEMBERED: Final = 20_000
"""Users, addresses and pairs that are remembered, the latest."""


class LoginLimits:
    """Counts attempts that have not succeeded. For many threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """clock: seconds."""
        self._clock = clock
        self._lock = Lock()
        self._tries: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def begin(self, name: str, address: str) -> float:
        """Counts an attempt before it is looked at. Seconds to wait if there have been too many, else 0."""
        now = self._clock()
        with self._lock:
            kept = [(self._recent(key, now), most) for key, most in _keys(name, address)]
            waits = [tries[0] + WINDOW_S - now for tries, most in kept if len(tries) >= most]
            if waits:
                return max(waits)
            for tries, _ in kept:
                tries.append(now)
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was no failure: the pair starts anew, and nobody else is the worse for it."""
        with self._lock:
            for key, most in _keys(name, address):
                tries = self._tries.get(key)
                if tries and most == OF_A_PAIR:
                    tries.clear()
                elif tries:
                    tries.pop()

    def _recent(self, key: tuple[str, str], now: float) -> deque[float]:
        tries = self._tries.setdefault(key, deque())
        self._tries.move_to_end(key)
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return tries


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    name = name.strip()[:200]
    return (((name, address), OF_A_PAIR), ((name, ""), OF_A_USER), (("", address), OF_AN_ADDRESS))
