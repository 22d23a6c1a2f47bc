"""What the embedded product keeps besides alerts, read from the engine's file."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from guardian.adapters.embedded.desk_file import DeskFile
from guardian.desk_ports import Progress
from guardian.engine.plan import HistoryRow
from guardian.engine.watermark import LONG_AGO, Watermark

BEHIND_ALL: Final = "\U0010ffff"
"""After a prefix: behind every id that begins with it."""

_SELECT: Final = "SELECT id, time, row FROM engine.history WHERE kind = ?"


class SqliteRows:
    """`Rows` of the one site whose engine writes the file. For many threads."""

    def __init__(self, file: DeskFile, site: str) -> None:
        """file: the caller's, who closes it. site: as it is set for the engine."""
        self._file = file
        self._site = site

    def sites(self) -> list[str]:
        """The one site."""
        return [self._site]

    def get(self, site: str, kind: str, row_id: str) -> HistoryRow | None:
        """One row, or None."""
        found = self._ask(site, kind, f"{_SELECT} AND id = ?", (row_id,))
        return found[0] if found else None

    def page(self, site: str, kind: str, *, prefix: str, after: str, limit: int) -> list[HistoryRow]:
        """Rows by id; see the port."""
        sql = f"{_SELECT} AND id >= ? AND id < ? AND id > ? ORDER BY id LIMIT ?"
        return self._ask(site, kind, sql, (prefix, prefix + BEHIND_ALL, after, limit))

    def newest(self, site: str, kind: str, limit: int) -> list[HistoryRow]:
        """The rows of the latest time; see the port."""
        return self._ask(site, kind, f"{_SELECT} ORDER BY time DESC LIMIT ?", (limit,))

    def progress(self, site: str) -> Progress:
        """The watermark and the counters of the last commit."""
        if site != self._site:
            return Progress(None, {})
        with self._file.reading() as db:
            row = db.execute("SELECT value FROM engine.meta WHERE name = 'watermark'").fetchone()
            counters = dict(db.execute("SELECT name, value FROM engine.counters"))
        if row is None:
            return Progress(None, counters)
        value = msgspec.msgpack.decode(row[0], type=Watermark).value
        return Progress(value if value > LONG_AGO else None, counters)

    def _ask(self, site: str, kind: str, sql: str, values: tuple[Any, ...]) -> list[HistoryRow]:
        if site != self._site:
            return []
        with self._file.reading() as db:
            rows = db.execute(sql, (kind, *values)).fetchall()
        return [HistoryRow(kind, row_id, time, msgspec.json.decode(row)) for row_id, time, row in rows]
