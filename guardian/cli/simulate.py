"""`guardian simulate`: writes a made-up day with attacks in it, and what a correct system finds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from simulators.warehouse.config import ATTACKS, LOOKALIKES

STORE, WAREHOUSE = "store", "warehouse"

Scenario = StrEnum(  # type: ignore[misc]
    "Scenario", {name: name for name in (STORE, WAREHOUSE, "honest", *ATTACKS, *LOOKALIKES)}
)
"""A store; a warehouse with everything in it, with the honest look-alikes alone, or with one scenario."""


def simulate_command(
    scenario: Annotated[
        Scenario,
        typer.Argument(
            help="store; or a warehouse: with everything, with honest look-alikes only, or one scenario."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; made if it does not exist.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=31, help="Warehouse: number of days.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="Store: length of the day.")] = 2.0,
) -> None:
    """Writes the files of a recording and expected.json, the findings that are in it."""
    name = scenario.value
    if name == STORE:
        simulate_store(StoreConfig(hours=hours), seed).write(out)
    else:
        chosen = {WAREHOUSE: ATTACKS + LOOKALIKES, "honest": LOOKALIKES}.get(name, (name,))
        simulate_warehouse(WarehouseConfig(days=days, scenarios=chosen), seed).write(out)
    typer.echo(f"{name} with seed {seed} written to {out}")
