"""What has been told, for one process: forgotten when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock


class MemoryRecords:
    """`NoticeRecords` in memory. lease_s: after so long a claim ends by itself. clock: seconds."""

    def __init__(self, lease_s: float = 120.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._ends: dict[tuple[str, str], float | None] = {}
        """When a claim ends; None: it is done."""
        self._lock = Lock()

    def states(self, site: str, keys: Iterable[str]) -> dict[str, bool]:
        """Of these keys those that are claimed (False) or done (True)."""
        with self._lock:
            return {key: self._ends[site, key] is None for key in keys if self._taken(site, key)}

    def claim(self, site: str, key: str) -> bool:
        """Whether the caller may send now."""
        with self._lock:
            if self._taken(site, key):
                return False
            self._ends[site, key] = self._clock() + self._lease_s
            return True

    def done(self, site: str, key: str) -> None:
        """It has been sent."""
        with self._lock:
            self._ends[site, key] = None

    def release(self, site: str, key: str) -> None:
        """It could not be sent."""
        with self._lock:
            if self._ends.get((site, key)) is not None:
                del self._ends[site, key]

    def _taken(self, site: str, key: str) -> bool:
        if (site, key) not in self._ends:
            return False
        end = self._ends[site, key]
        return end is None or end > self._clock()
