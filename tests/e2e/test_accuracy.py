"""Precision and recall on simulated days whose findings are known."""

from __future__ import annotations

import pytest

from guardian.cli.evaluate import evaluate_day
from simulators.store import StoreConfig


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_everything_and_nothing_else_is_found(seed: int) -> None:
    accuracy = evaluate_day(StoreConfig(), seed)
    assert accuracy.worst >= 0.95, accuracy.table()


@pytest.mark.parametrize("seed", [201, 202])
def test_honest_days_are_quiet(seed: int) -> None:
    """Skewed clocks, lost and repeated reads, restocks, keyed multiples: and no crime."""
    accuracy = evaluate_day(StoreConfig.honest(), seed)
    assert accuracy.overall.found == 0, accuracy.table()


def test_crimes_that_look_like_something_else() -> None:
    days = [evaluate_day(StoreConfig(ambiguous=True, read_loss=0.04), seed) for seed in range(301, 306)]
    expected = sum(day.overall.expected for day in days)
    assert sum(day.overall.recalled for day in days) / expected >= 0.95
    assert sum(day.overall.justified for day in days) / sum(day.overall.found for day in days) >= 0.95
