"""How long to wait before the next attempt."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """attempts: together. first_s: wait before the second, doubled before each one after, at most most_s.

    jitter: share of each wait that is left to chance, so that those who failed together do not return
    together.
    """

    attempts: int = 4
    first_s: float = 0.5
    most_s: float = 8.0
    jitter: float = 0.5

    def wait_s(self, failures: int, chance: Callable[[], float]) -> float:
        """Seconds to wait after so many failures (from 1). chance: a number from 0 to 1."""
        whole: float = min(self.first_s * 2.0 ** (failures - 1), self.most_s)
        return whole * (1.0 - self.jitter * chance())
