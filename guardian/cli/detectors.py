"""`guardian detectors`: the catalogue of detections."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from guardian.detectors.registry import REGISTRY, Registered, Site
from guardian.events.catalogue import Catalogue


def detectors_command(
    markdown: Annotated[bool, typer.Option("--markdown", help="The whole catalogue as Markdown.")] = False,
) -> None:
    """Lists what is detected, with its parameters and their defaults."""
    if markdown:
        typer.echo(catalogue_markdown(), nl=False)
        return
    table = Table(show_lines=True)
    for column in ("id", "about", "severity", "parameters"):
        table.add_column(column)
    for name, entry in REGISTRY.items():
        about = entry.detector.about
        table.add_row(
            f"{name}\n[dim]version {about.version}[/]",
            about.description,
            "\n".join(severity.value for severity in about.severities),
            "\n".join(f"{field} = {default}" for field, default in _parameters(entry)),
        )
    Console().print(table)


def catalogue_markdown() -> str:
    """docs/detectors.md, generated: everything a detector says of itself."""
    parts = [
        "# Detectors\n\nMade by `guardian detectors --markdown`. Parameters are set in the settings file.\n"
    ]
    for name, entry in REGISTRY.items():
        about = entry.detector.about
        topics = dict.fromkeys(
            given.topic + (f" ({', '.join(sorted(given.types))})" if given.types else "")
            for given in _inputs(entry)
        )
        parts.append(
            f"## {name}\n\n**{about.title}** (version {about.version}, by {about.subject}). "
            f"{about.description}\n"
        )
        parts.append("Consumes " + ", ".join(f"`{topic}`" for topic in topics) + ".\n")
        if about.severities:
            parts.append("\n".join(f"- {key.value}: {text}" for key, text in about.severities.items()) + "\n")
        parameters = _parameters(entry)
        if parameters:
            rows = "\n".join(f"| `{field}` | `{default}` |" for field, default in parameters)
            parts.append(f"| parameter | default |\n|---|---|\n{rows}\n")
            parts.append((entry.params.__doc__ or "").strip().replace("\n    ", "\n") + "\n")
        if about.blind_spots:
            parts.append(f"Blind spots: {about.blind_spots}\n")
        if about.runbook:
            parts.append("\n".join(f"{step}. {text}" for step, text in enumerate(about.runbook, 1)) + "\n")
    return "\n".join(parts)


def _parameters(entry: Registered) -> list[tuple[str, Any]]:
    return [(field.name, field.default) for field in msgspec.structs.fields(entry.params)]


def _inputs(entry: Registered) -> Any:

    return entry.build(entry.params(), Site(Catalogue.empty(), 5_000)).inputs
