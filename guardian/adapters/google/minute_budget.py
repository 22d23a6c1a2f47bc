"""So many requests a minute, and no more."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

MINUTE_S = 60.0


class MinuteBudget:
    """Counts requests of one process over the last sixty seconds. clock: seconds, monotonic."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._spent: deque[float] = deque()
        self._lock = Lock()

    def spend(self) -> bool:
        """Whether one more is allowed now; then it is counted."""
        with self._lock:
            now = self._clock()
            while self._spent and self._spent[0] <= now - MINUTE_S:
                self._spent.popleft()
            if len(self._spent) >= self._per_minute:
                return False
            self._spent.append(now)
            return True
