"""Precision and recall on simulated days whose findings are known."""

from __future__ import annotations

import pytest

from guardian.cli.scored_day import store_day, warehouse_day
from simulators.store import StoreConfig
from simulators.warehouse import WarehouseConfig


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_everything_and_nothing_else_is_found(seed: int) -> None:
    accuracy = store_day(StoreConfig(), seed)
    assert accuracy.worst >= 0.95, accuracy.table()


@pytest.mark.parametrize("seed", [201, 202])
def test_honest_days_are_quiet(seed: int) -> None:
    """Skewed clocks, lost and repeated reads, restocks, keyed multiples: and no crime."""
    accuracy = store_day(StoreConfig.honest(), seed)
    assert accuracy.overall.found == 0, accuracy.table()


def test_crimes_that_look_like_something_else() -> None:
    days = [store_day(StoreConfig(ambiguous=True, read_loss=0.04), seed) for seed in range(301, 306)]
    expected = sum(day.overall.expected for day in days)
    assert sum(day.overall.recalled for day in days) / expected >= 0.95
    assert sum(day.overall.justified for day in days) / sum(day.overall.found for day in days) >= 0.95


@pytest.mark.parametrize("seed", [401, 402])
def test_a_warehouse_that_is_robbed_in_every_way(seed: int) -> None:
    day = warehouse_day(WarehouseConfig(legacy_secret=True), seed)
    assert day.kinds.overall.recall >= 0.95, day.kinds.table()
    assert day.kinds.overall.precision >= 0.95, day.kinds.table()
    fraud = day.kinds["mass_shipment_fraud"]
    assert (fraud.recalled, fraud.justified) == (fraud.expected, fraud.found)
    assert fraud.expected >= 1


@pytest.mark.parametrize("seed", [501, 502])
def test_an_honest_warehouse_is_quiet(seed: int) -> None:
    """Night shift, relabelling, mass shipments, stock corrections: and no crime."""
    day = warehouse_day(WarehouseConfig.honest(), seed)
    assert day.kinds.overall.found == 0, day.kinds.table()
