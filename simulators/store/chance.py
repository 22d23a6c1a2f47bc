"""Chance, in separate streams: turning one knob does not reshuffle what the others decide."""

from __future__ import annotations

from math import ceil, floor
from random import Random

_SPREAD = 0.2


class Chance:
    """Random generators of one seed, one for each subject."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def about(self, subject: str) -> Random:
        """A generator of its own for a subject, always the same one for the same seed."""
        return Random(f"{self._seed}/{subject}")


def how_many(rng: Random, mean: float) -> int:
    """A number of occurrences within a fifth of the mean; a small mean is met on average."""
    if mean < 1:
        return int(rng.random() < mean)
    return rng.randint(floor(mean * (1 - _SPREAD)), ceil(mean * (1 + _SPREAD)))


def jitter_ms(rng: Random, limit_ms: int) -> int:
    """A deviation in ms: mostly small, never beyond the limit."""
    deviation = round(rng.gauss(0, 0.35) * limit_ms)
    return max(-limit_ms, min(limit_ms, deviation))
