"""A report as CSV: the same text that the dashboard saves."""

from __future__ import annotations

from guardian.cli.report import report_csv
from guardian.desk_ports import ReportTable


def test_what_a_spreadsheet_gets() -> None:
    table = ReportTable(
        name="any",
        title="Any",
        description="Any.",
        site=None,
        since="2025-06-03T00:00:00.000Z",
        until="2025-06-04T00:00:00.000Z",
        columns=("text", "number"),
        rows=[['a,b "c"', 120.0], ["=1+1", 0.25], ["-", -3], ["", None]],
    )
    assert report_csv(table) == "text,number\n" + '"a,b ""c""",120\n' + "'=1+1,0.25\n'-,-3\n,\n"
