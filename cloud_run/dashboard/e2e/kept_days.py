"""Simulated days of a warehouse, decided on by the real engine and kept as history: for the browser tests."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import msgspec

from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.e2e.kept_day import keep_day

SMALL = WarehouseConfig(
    products=50,
    sensor_every_s=100.0,
    scenarios=("jd_com_attack", "after_hours_theft", "cloned_labels", "tampered_labels"),
)
"""A warehouse with little in it: it takes a third of the time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="few products, and few things that happen")
    parser.add_argument("--db", type=Path, required=True, help="the engine's file")
    parser.add_argument("--history", type=Path, required=True, help="folder to keep them in")
    given = parser.parse_args()
    config = msgspec.structs.replace(SMALL if given.small else WarehouseConfig(), days=given.days)
    with tempfile.TemporaryDirectory(prefix="guardian-days-") as folder:
        simulate_warehouse(config, given.seed).write(Path(folder))
        keep_day(Path(folder), given.history, given.db, site=given.site)


if __name__ == "__main__":
    main()
