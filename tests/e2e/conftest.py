"""Simulated days of a store and a warehouse, and the real `guardian` command as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse

ROOT = Path(__file__).parents[2]

Guardian = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour in a simulated store, with everything in it that can go wrong."""
    folder = tmp_path_factory.mktemp("day")
    simulate_store(StoreConfig(hours=1.0), seed=11).write(folder)
    return folder


@pytest.fixture(scope="session")
def warehouse_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day in a small warehouse that is robbed in several ways."""
    folder = tmp_path_factory.mktemp("warehouse")
    scenarios = (
        "jd_com_attack",
        "after_hours_theft",
        "gradual_theft",
        "cloned_labels",
        "tampered_labels",
        "swapped_goods",
        "stock_correction",
    )
    config = WarehouseConfig(products=80, sensor_every_s=100.0, scenarios=scenarios)
    simulate_warehouse(config, seed=12).write(folder)
    return folder


def command(*arguments: object) -> list[str]:
    """The command line of `guardian`."""
    return [sys.executable, "-m", "guardian.cli.main", *map(str, arguments)]


@pytest.fixture(scope="session")
def guardian() -> Guardian:
    """Runs `guardian` with arguments and waits; a status other than 0 fails, unless check=False."""

    def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    return run
