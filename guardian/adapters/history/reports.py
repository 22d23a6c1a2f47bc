"""The reports: SELECTs in BigQuery's SQL, each in a file of its own with a head that says what it is.

They take three parameters: @since and @until (timestamps, the second not included) and @site ('': all).
Every table they read may hold a row more than once, and older states of it; the query takes what counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from guardian.adapters.history.tables import TABLES

Period = Literal["day", "week", "range"]
"""What a row is about: a day, a week, or all of the time asked for (columns `since` and `until`)."""

ALL_SITES: Final = ""
"""As the parameter of a query."""

_TABLE: Final = re.compile(rf"\b(FROM|JOIN) ({'|'.join(sorted(TABLES))})\b")
_HEAD: Final = re.compile(r"-- (\w+): (.+)")
_NAMES: Final = frozenset({"name", "title", "schedule", "description", "period", "days"})


class Report(msgspec.Struct, frozen=True):
    """One report. days: how far back a scheduled run looks. sql: the query, without the head.

    schedule: in the words of BigQuery's scheduled queries, three minutes past the hour, since those on the
    hour may run twice.
    """

    name: str
    title: str
    description: str
    schedule: str
    period: Period
    days: int
    sql: str


class ReportError(ValueError):
    """A report that cannot be used; says why."""


@cache
def reports() -> dict[str, Report]:
    """Every report, by name."""
    found = sorted(_texts())
    return {name: read_report(name, text) for name, text in found}


def read_report(name: str, text: str) -> Report:
    """The report in a file. Raises ReportError."""
    head: dict[str, str] = {}
    lines = text.splitlines(keepends=True)
    while lines and (line := _HEAD.match(lines[0])):
        head[line[1]] = line[2].strip()
        del lines[0]
    if head.keys() != _NAMES or head["name"] != name:
        raise ReportError(f"{name}: expected a head with {', '.join(sorted(_NAMES))}, and its own name")
    try:
        return msgspec.convert({**head, "sql": "".join(lines)}, Report, strict=False)
    except msgspec.ValidationError as error:
        raise ReportError(f"{name}: {error}") from error


def qualified(sql: str, dataset: str) -> str:
    """A query that says of which dataset its tables are."""
    return _TABLE.sub(rf"\1 `{dataset}.\2`", sql)


def _texts() -> Iterator[tuple[str, str]]:
    for file in files(__package__).joinpath("sql").iterdir():
        name, dot, kind = file.name.rpartition(".")
        if dot and kind == "sql":
            yield name, file.read_text("utf-8")
