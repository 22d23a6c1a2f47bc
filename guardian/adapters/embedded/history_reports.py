"""Reports over the embedded history: the same SQL that BigQuery runs, translated for DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import duckdb
import sqlglot
from sqlglot import exp

from guardian.adapters.embedded.history.folder import HistoryError, HistoryFolder
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.history.outcome import outcome
from guardian.adapters.history.reports import ALL_SITES, Report, ReportError, reports
from guardian.adapters.history.tables import TABLES
from guardian.desk_ports import NotFoundError, ReportInfo, ReportTable, StoreUnavailableError

LOOK_BACK: Final = timedelta(days=14)
"""How much before `since` a report may look: it compares weeks."""


class EmbeddedReports:
    """`Reports` over a folder of history. For many threads: each report opens it for itself."""

    def __init__(self, folder: HistoryFolder) -> None:
        self._folder = folder

    def list(self) -> list[ReportInfo]:
        """See the port."""
        return [info(report) for report in reports().values()]

    def run(self, name: str, site: str | None, since: datetime, until: datetime) -> ReportTable:
        """See the port."""
        report = reports().get(name)
        if report is None:
            raise NotFoundError(name)
        sql, tables = translated(report)
        try:
            with opened(self._folder, tables, (since - LOOK_BACK).date(), until.date()) as db:
                given = {"site": site or ALL_SITES, "since": since, "until": until}
                found = db.sql(sql, params=given).to_arrow_table()
        except HistoryError as error:
            raise StoreUnavailableError(f"history: {error}") from error
        except (duckdb.Error, OSError) as error:
            raise StoreUnavailableError(f"history: {type(error).__name__}") from error
        return outcome(report, site, since, until, found.column_names, _rows(found.to_pylist()))


def info(report: Report) -> ReportInfo:
    """A report, as those who choose one see it."""
    return ReportInfo(report.name, report.title, report.description, report.days)


@cache
def translated(report: Report) -> tuple[str, tuple[str, ...]]:
    """The query for DuckDB, and the tables it reads. Raises ReportError for what does not go over."""
    try:
        parsed = sqlglot.parse(report.sql, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
        if len(parsed) != 1 or parsed[0] is None:
            raise ReportError(f"{report.name}: expected one query")
        query = parsed[0]
        if (unknown := query.find(exp.Anonymous)) is not None:  # sqlglot would pass it on as it stands
            raise ReportError(f"{report.name}: no function {unknown.name} in DuckDB")
        sql = query.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        raise ReportError(f"{report.name}: {error}") from error
    return sql, tuple(sorted({table.name for table in query.find_all(exp.Table)} & TABLES.keys()))


def _rows(found: list[dict[str, Any]]) -> list[list[Any]]:
    return [list(row.values()) for row in found]


def moment(ms: int) -> datetime:
    """A time in epoch milliseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
