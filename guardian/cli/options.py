"""Options that several subcommands share."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardian.events.decode import Decoder
from guardian.events.times import TimeParser
from guardian.runtime.composition import site_zone
from guardian.runtime.settings import Settings, load_settings

DAY_MS = 86_400_000

CatalogOption = Annotated[
    Path | None,
    typer.Option(
        "--catalog", help="Product catalogue, CSV. Default: the products_list.csv beside the recordings."
    ),
]
ZoneOption = Annotated[
    str | None,
    typer.Option("--zone", help="Zone of times without one: UTC, +05:30, Europe/Berlin. Default: UTC."),
]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", help="Settings of the site, TOML (see docs/operating.md).")
]
SiteOption = Annotated[str | None, typer.Option("--site", help="Name of the site, for its alerts.")]


def site_settings(path: Path | None, zone: str | None, site: str | None) -> Settings:
    """Settings from the file, overruled by what the command line says."""
    settings = load_settings(path)
    given = {name: value for name, value in (("zone", zone), ("site", site)) if value is not None}
    return msgspec.structs.replace(settings, **given)


def decoder_now(settings: Settings) -> tuple[Decoder, TimeParser]:
    """A decoder that takes times up to a day from now, and its parser, to move that limit along."""
    times = TimeParser(site_zone(settings), latest())
    return Decoder(times), times


def latest() -> int:
    """The latest event time that is believed, epoch ms: no clock is more than a day ahead by honest means."""
    return int(time.time() * 1000) + DAY_MS
