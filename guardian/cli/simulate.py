"""`guardian simulate`: writes a made-up day with attacks in it, and what a correct system finds."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from simulators.store import StoreConfig, simulate_store


class Scenario(StrEnum):
    """What can be simulated."""

    STORE = "store"


def simulate_command(
    scenario: Annotated[Scenario, typer.Argument(help="What to simulate.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; made if it does not exist.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, max=24, help="Length of the day.")] = 2.0,
) -> None:
    """Writes the files of a recording and expected.json, the findings that are in it."""
    day = simulate_store(StoreConfig(hours=hours), seed)
    out.mkdir(parents=True, exist_ok=True)
    day.write(out)
    typer.echo(f"{scenario.value} day with seed {seed} written to {out}")
