"""What engines have found, and how it differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.flink.mapping import Episode


def counts(episodes: Iterable[Episode]) -> dict[str, int]:
    """How many there are of each type."""
    return dict(sorted(Counter(one.type for one in episodes).items()))


def differences(expected: Iterable[Episode], found: Iterable[Episode]) -> list[str]:
    """What one has and the other has not, a line each; empty when they agree."""
    wanted, got = Counter(expected), Counter(found)
    return [f"missing {one}" for one in sorted((wanted - got).elements())] + [
        f"too much {one}" for one in sorted((got - wanted).elements())
    ]
