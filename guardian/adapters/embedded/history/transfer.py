"""History out of a folder and into another: Parquet files or JSON lines, by table and date.

The same history gives the same bytes, and what was brought in is brought out again as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from guardian.adapters.embedded.history.folder import HistoryError, HistoryFolder, replace_file
from guardian.adapters.embedded.history.keeper import ordered_once
from guardian.adapters.embedded.history.parquet import arrow_schema, arrow_table, write_part
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.history.fields import Field
from guardian.adapters.history.rows import Row
from guardian.adapters.history.tables import TABLES, Table

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Shape(StrEnum):
    """What files are."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def export_history(
    folder: HistoryFolder, out: Path, shape: Shape, since: date | None = None, until: date | None = None
) -> int:
    """Writes OUT/TABLE/DATE.parquet (or .jsonl); returns how many rows there are. Raises HistoryError."""
    total = 0
    with opened(folder, since=since, until=until) as db:
        for table in TABLES.values():
            for day in _days(db, table, since, until):
                # S608: names of ours.
                of_day = f"SELECT * FROM {table.name} WHERE CAST({table.partition} AS DATE) = ?"  # noqa: S608
                content = db.sql(ordered_once(table, of_day), params=[day]).to_arrow_table()
                content = content.cast(arrow_schema(table))
                path = out / table.name / f"{day.isoformat()}.{shape.value}"
                path.parent.mkdir(parents=True, exist_ok=True)
                if shape is Shape.PARQUET:
                    pq.write_table(content, path, compression="zstd")
                else:
                    replace_file(path, b"".join(_lines(table, content)))
                total += content.num_rows
    return total


def import_history(folder: HistoryFolder, given: Path) -> int:
    """Brings in what was exported, beside what is there; returns how many rows. Raises HistoryError."""
    folder.about()
    total, newest = 0, 0
    for path in sorted(given.glob("*/*")):
        table = TABLES.get(path.parent.name)
        if table is None or path.suffix.removeprefix(".") not in set(Shape):
            raise HistoryError(f"{path}: no export of history")
        try:
            date.fromisoformat(path.stem)
            content = (
                pq.read_table(path, schema=arrow_schema(table))
                if path.suffix == ".parquet"
                else arrow_table(table, _rows(table, path))
            )
        except (ValueError, KeyError, pa.ArrowException) as error:
            raise HistoryError(f"{path}: not what table {table.name} holds ({error})") from error
        name = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        write_part(folder, table, path.stem, f"i{name}", content)
        total += content.num_rows
        if "seq" in content.column_names and content.num_rows:
            newest = max(newest, pc.max(content["seq"]).as_py())
    if not folder.segments():  # what is appended later comes after what is here
        folder.segment(newest + 1).touch(mode=0o600)
    return total


def _days(
    db: duckdb.DuckDBPyConnection, table: Table, since: date | None, until: date | None
) -> Iterator[date]:
    # S608: names of ours.
    sql = f"SELECT DISTINCT CAST({table.partition} AS DATE) AS day FROM {table.name} ORDER BY day"  # noqa: S608
    for (day,) in db.sql(sql).fetchall():
        if (since is None or day >= since) and (until is None or day <= until):
            yield day


def _lines(table: Table, content: pa.Table) -> Iterator[bytes]:
    for row in content.to_pylist():
        yield msgspec.json.encode(_told(table.fields, row)) + b"\n"


def _told(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    return {field.name: _each(field, row[field.name], _told_value) for field in fields}


def _told_value(field: Field, value: Any) -> Any:
    if field.type == "RECORD":
        return _told(field.fields, value)
    if field.type == "TIMESTAMP":
        at: datetime = value.astimezone(UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat(timespec="milliseconds") if field.type == "DATETIME" else value


def _rows(table: Table, path: Path) -> Iterator[Row]:
    with path.open("rb") as lines:
        for line in lines:
            yield _read(table.fields, msgspec.json.decode(line))


def _read(fields: tuple[Field, ...], row: dict[str, Any]) -> dict[str, Any]:
    return {field.name: _each(field, row[field.name], _read_value) for field in fields}


def _read_value(field: Field, value: Any) -> Any:
    if field.type == "RECORD":
        return _read(field.fields, value)
    if field.type in {"TIMESTAMP", "DATETIME"}:
        at = datetime.fromisoformat(value)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MS
    return value


def _each(field: Field, value: Any, of: Any) -> Any:
    if value is None:
        return None
    return [of(field, one) for one in value] if field.mode == "REPEATED" else of(field, value)
