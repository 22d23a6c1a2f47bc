"""Options that several subcommands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from guardian.runtime.settings import Settings, load_settings

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
