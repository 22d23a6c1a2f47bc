"""Reports go over to DuckDB, or say that they do not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from guardian.adapters.embedded.history_reports import translated
from guardian.adapters.history.outcome import plain
from guardian.adapters.history.reports import ReportError, reports
from guardian.adapters.history.tables import TABLES


@pytest.mark.parametrize("report", reports().values(), ids=lambda report: report.name)
def test_every_report_goes_over(report: Any) -> None:
    sql, tables = translated(report)
    assert "$since" in sql
    assert tables
    assert set(tables) <= TABLES.keys()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM alerts_history FOR SYSTEM_TIME AS OF TIMESTAMP '2025-01-01'; SELECT 1",
        "SELECT FROM WHERE",
        "SELECT APPROX_QUANTILES(count, 4 RESPECT NULLS) FROM alerts_history",
        "SELECT OUR_OWN_FUNCTION(narrative) FROM alerts_history",
        "SELECT ML.PREDICT(narrative) FROM alerts_history",
    ],
)
def test_what_does_not_go_over_raises(sql: str) -> None:
    report = msgspec.structs.replace(next(iter(reports().values())), sql=sql)
    with pytest.raises(ReportError):
        translated(report)


def test_values_are_plain() -> None:
    assert plain(float("nan")) is None
    assert plain(3.0) == 3.0
