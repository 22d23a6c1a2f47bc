"""`guardian report`: a report over the embedded history, as a table, CSV, JSON or a page."""

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from guardian.cli.history import extra_reports, history_folder
from guardian.cli.report_page import report_page
from guardian.desk_ports import NotFoundError, ReportTable, StoreUnavailableError
from guardian.runtime.settings import SettingsError

WIDE: Final = 240
"""Columns of a table that is not read on a screen."""


class Format(StrEnum):
    """How a report is told."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def report_command(
    name: Annotated[str | None, typer.Argument(help="Which report; --list tells them.")] = None,
    history: Annotated[Path | None, typer.Option(help="Folder that `guardian run --history` writes.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="First day, YYYY-MM-DD (UTC). Default: by the report.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Last day, included. Default: the last there is.")
    ] = None,
    site: Annotated[str | None, typer.Option(help="One site. Default: all.")] = None,
    format: Annotated[Format, typer.Option(help="How it is told.")] = Format.TABLE,
    list_: Annotated[bool, typer.Option("--list", help="Tell which reports there are.")] = False,
) -> None:
    """Runs a report over the history of `guardian run --history`: the same SQL that BigQuery runs."""
    if list_:
        from guardian.adapters.history.reports import reports

        for report in reports().values():
            typer.echo(f"{report.name:26} {report.description}")
        return
    if name is None or history is None:
        raise SettingsError("give the name of a report and --history FOLDER, or --list")
    extra_reports()
    from guardian.adapters.embedded.history_reports import EmbeddedReports

    folder = history_folder(history)
    reports_ = EmbeddedReports(folder)
    days = next((info.days for info in reports_.list() if info.name == name), 1)
    last = _day("--to", until) if until else _last_day(folder.dates())
    first = _day("--from", since) if since else last - timedelta(days=days - 1)
    if first > last:
        raise SettingsError(f"--from {first} is after --to {last}")
    try:
        found = reports_.run(name, site, _midnight(first), _midnight(last + timedelta(days=1)))
    except NotFoundError:
        raise SettingsError(f"no report {name!r}; `guardian report --list` tells them") from None
    except StoreUnavailableError as error:
        raise SettingsError(str(error)) from error
    tell(found, format)


def tell(found: ReportTable, format: Format) -> None:
    """Writes a report to standard output."""
    match format:
        case Format.CSV:
            sys.stdout.write(report_csv(found))
        case Format.JSON:
            sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        case Format.HTML:
            sys.stdout.write(report_page(found))
        case Format.TABLE:
            table = Table(
                title=f"{found.title}, {found.since[:10]} to {found.until[:10]}", title_justify="left"
            )
            for number, column in enumerate(found.columns):
                numbers = any(isinstance(row[number], int | float) for row in found.rows)
                table.add_column(column.replace("_", " "), justify="right" if numbers else "left")
            for row in found.rows:
                table.add_row(*(_shown(value).replace("[", r"\[") for value in row))
            console = Console()
            if not console.is_terminal:
                console.width = WIDE
            console.print(table)


def report_csv(found: ReportTable) -> str:
    """A report as CSV. A text that a spreadsheet would take for a formula gets a quote before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(found.columns)
    for row in found.rows:
        writer.writerow(_cell(value) for value in row)
    return out.getvalue()


def _cell(value: str | int | float | None) -> str | int | float | None:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    # 120, not 120.0: as the dashboard, which cannot tell them apart, writes it.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def _last_day(dates: list[str]) -> date:
    return date.fromisoformat(dates[-1]) if dates else datetime.now(UTC).date()


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option}: expected YYYY-MM-DD, found {text!r}") from None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
