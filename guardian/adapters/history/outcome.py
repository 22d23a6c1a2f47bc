"""What a report gave, in the same shape whoever ran it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from guardian.adapters.history.reports import Report
from guardian.desk_ports import ReportTable


def outcome(
    report: Report,
    site: str | None,
    since: datetime,
    until: datetime,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> ReportTable:
    """The table of a report. rows: as a database's client gives them."""
    return ReportTable(
        name=report.name,
        title=report.title,
        description=report.description,
        site=site,
        since=plain(since),
        until=plain(until),
        columns=tuple(columns),
        rows=[[plain(value) for value in row] for row in rows],
    )


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO-8601 in UTC, whole numbers as such, what is no number as null."""
    if isinstance(value, datetime):
        at = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
