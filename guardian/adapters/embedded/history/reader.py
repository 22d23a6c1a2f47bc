"""All of a folder of history as tables in DuckDB: what lies in Parquet, and what is still in the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import duckdb
import pyarrow as pa

from guardian.adapters.embedded.history.folder import HistoryFolder
from guardian.adapters.embedded.history.log import EventReader, frames
from guardian.adapters.embedded.history.parquet import arrow_schema, arrow_table
from guardian.adapters.history.rows import Row, event_row, tick_row
from guardian.adapters.history.tables import METRICS, STREAM_TABLES, TABLES, Table

_TOPIC_OF: Final = {table.name: topic for topic, table in STREAM_TABLES.items()}


@contextmanager
def opened(
    folder: HistoryFolder,
    tables: Iterable[str] = tuple(TABLES),
    since: date | None = None,
    until: date | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """These tables, of at least these dates (UTC, both included), as views by their names.

    Rows may be there more than once. Raises HistoryError.
    """
    about = folder.about()
    wanted = [TABLES[name] for name in tables]
    # The log first: what is turned into Parquet meanwhile is there twice then, and not missing.
    fresh = _in_log(folder, about.zone, about.site, frozenset(table.name for table in wanted))
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "TimeZone": "UTC"}) as db:
        for table in wanted:
            _add(db, folder, table, fresh.get(table.name), since, until)
        yield db


def _add(
    db: duckdb.DuckDBPyConnection,
    folder: HistoryFolder,
    table: Table,
    fresh: pa.Table | None,
    since: date | None,
    until: date | None,
) -> None:
    parts = folder.parts(table.name, since, until)
    db.register(f"{table.name}_in_log", arrow_schema(table).empty_table() if fresh is None else fresh)
    # S608: names and paths of ours; a view takes no parameters.
    sql = f"CREATE VIEW {table.name} AS SELECT * FROM {table.name}_in_log"  # noqa: S608
    if parts:
        paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in parts)
        sql += f" UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], union_by_name = true)"  # noqa: S608
    db.execute(sql)


def _in_log(folder: HistoryFolder, zone: str, site: str, tables: frozenset[str]) -> dict[str, pa.Table]:
    topics = frozenset(_TOPIC_OF[name] for name in tables if name in _TOPIC_OF)
    if not topics and METRICS not in tables:
        return {}
    reader = EventReader(zone)
    rows: dict[str, list[Row]] = defaultdict(list)
    for segment in folder.segments():
        try:
            for frame, _ in frames(segment):
                for seq, event in reader.events(frame, topics):
                    rows[STREAM_TABLES[event.topic].name].append(event_row(event, site, seq))
                if frame.silence_ms:
                    rows[METRICS].append(tick_row(frame.first, frame.silence_ms, frame.times[0], site))
        except FileNotFoundError:
            continue  # it has just become Parquet, which is looked at after this
    return {name: arrow_table(TABLES[name], of_table) for name, of_table in rows.items()}
