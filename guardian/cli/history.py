"""`guardian history`: brings history out and in."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from guardian.runtime.settings import SettingsError

if TYPE_CHECKING:
    from guardian.adapters.embedded.history.folder import HistoryFolder

app = typer.Typer(help="History: out of a folder, and into another.", no_args_is_help=True)


def extra_reports() -> None:
    """Raises SettingsError, saying what is missing, where the extra `reports` is not installed."""
    try:
        import duckdb
        import pyarrow
        import sqlglot
    except ImportError as error:
        raise SettingsError(f"history needs the extra `reports`: {error}") from None
    del duckdb, pyarrow, sqlglot


def history_folder(path: Path) -> HistoryFolder:
    """A folder that holds history. Raises SettingsError."""
    from guardian.adapters.embedded.history.folder import HistoryError, HistoryFolder

    folder = HistoryFolder(path)
    try:
        folder.about()
    except HistoryError as error:
        raise SettingsError(str(error)) from error
    return folder


@app.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(help="Folder of history.")],
    out: Annotated[Path, typer.Option(help="Folder to write to: TABLE/DATE.parquet or .jsonl.")],
    format: Annotated[str, typer.Option(help="parquet or jsonl.")] = "parquet",
    since: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
) -> None:
    """Writes history by table and date; the same history gives the same bytes."""
    extra_reports()
    from guardian.adapters.embedded.history.folder import HistoryError
    from guardian.adapters.embedded.history.transfer import Shape, export_history

    if format not in set(Shape):
        raise SettingsError(f"--format: expected parquet or jsonl, found {format!r}")
    try:
        rows = export_history(
            history_folder(folder), out, Shape(format), _day("--from", since), _day("--to", until)
        )
    except (HistoryError, OSError) as error:
        _unusable(error)
    typer.echo(f"{rows:,} rows written to {out}")


@app.command("import")
def import_command(
    given: Annotated[Path, typer.Argument(help="Folder that was exported.")],
    folder: Annotated[Path, typer.Option("--into", help="Folder of history; made if it does not exist.")],
    site: Annotated[str, typer.Option(help="Whose history it is.")] = "store",
    zone: Annotated[str, typer.Option(help="The site's time zone.")] = "UTC",
) -> None:
    """Brings in what was exported, beside what is there."""
    extra_reports()
    from guardian.adapters.embedded.history.folder import About, HistoryError, HistoryFolder
    from guardian.adapters.embedded.history.transfer import import_history

    into = HistoryFolder(folder)
    try:
        into.create(About(site, zone))
        rows = import_history(into, given)
    except (HistoryError, OSError) as error:
        _unusable(error)
    typer.echo(f"{rows:,} rows brought into {folder}")


def _day(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option}: expected YYYY-MM-DD, found {text!r}") from None


def _unusable(error: Exception) -> NoReturn:
    raise SettingsError(str(error)) from error
