"""Rows as Parquet files, by table and date."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from guardian.adapters.embedded.history.folder import HistoryFolder
from guardian.adapters.history.fields import Field
from guardian.adapters.history.rows import Row
from guardian.adapters.history.tables import Table

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROW_GROUP: Final = 100_000
_KINDS: Final[dict[str, pa.DataType]] = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "DATE": pa.date32(),
}


def arrow_schema(table: Table, unit: str = "us") -> pa.Schema:
    """The schema of a table. unit: of its times, "us" in files and "ms" in rows."""
    return pa.schema([_arrow_field(field, unit) for field in table.fields])


def arrow_table(table: Table, rows: Iterable[Row]) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_pylist(list(rows), arrow_schema(table, "ms")).cast(arrow_schema(table))


def write_part(folder: HistoryFolder, table: Table, date: str, name: str, content: pa.Table) -> None:
    """Writes one file, whole or not at all, in the place of one of that name."""
    path = folder.data / table.name / date / f"{name}.parquet"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as out:
        pq.write_table(content, out, compression="zstd", row_group_size=_ROW_GROUP)
        out.flush()
        os.fsync(out.fileno())
    partial.chmod(0o600)
    partial.replace(path)


def write_rows(folder: HistoryFolder, table: Table, name: str, rows: Iterable[Row]) -> int:
    """Writes rows to a file of this name for each date; returns how many rows there were."""
    by_date: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_date[date_of(row[table.partition])].append(row)
    for date, of_date in by_date.items():
        write_part(folder, table, date, name, arrow_table(table, of_date))
    return sum(map(len, by_date.values()))


def date_of(ms: int) -> str:
    """The date of a time, UTC."""
    return (_EPOCH + timedelta(milliseconds=ms)).date().isoformat()


def _arrow_field(field: Field, unit: str) -> pa.Field:
    kind: Any
    if field.type == "RECORD":
        kind = pa.struct([_arrow_field(part, unit) for part in field.fields])
    elif field.type == "TIMESTAMP":
        kind = pa.timestamp(unit, tz="UTC")
    elif field.type == "DATETIME":
        kind = pa.timestamp(unit)
    else:
        kind = _KINDS[field.type]
    if field.mode == "REPEATED":
        kind = pa.list_(kind)
    return pa.field(field.name, kind)
