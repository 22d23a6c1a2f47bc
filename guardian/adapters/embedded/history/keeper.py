"""Keeps a folder of history in order, in a process of its own beside the engine's.

    python -m guardian.adapters.embedded.history.keeper FOLDER --db FILE --days N [--catalog FILE]

It ends when its standard input does, which whoever started it holds open.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import select
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import duckdb
import structlog

from guardian.adapters.embedded.history.folder import HistoryError, HistoryFolder
from guardian.adapters.embedded.history.follow import Follower
from guardian.adapters.embedded.history.log import EventReader, frames
from guardian.adapters.embedded.history.parquet import write_part, write_rows
from guardian.adapters.history.rows import Row, event_row, tick_row
from guardian.adapters.history.tables import METRICS, STREAM_TABLES, TABLES, Table
from guardian.events.catalogue import Catalogue
from guardian.events.times import parse_zone

EVERY_S: Final = 30.0
MOST_PARTS: Final = 16
"""Files of a table and date, beyond which they are joined although the date is not over."""
NICE: Final = 10

log = structlog.get_logger()


class Keeper:
    """One round at a time; what a round that was killed has not done, the next one does."""

    def __init__(
        self, folder: HistoryFolder, store: Path, days: int, catalogue: Catalogue | None = None
    ) -> None:
        """store: the engine's file. days: how long history is kept, behind its newest date."""
        self._folder = folder
        about = folder.about()
        self._site, self._days = about.site, days
        self._events = EventReader(about.zone)
        zone = parse_zone(about.zone)
        self._follower = Follower(folder, store, about.site, zone, catalogue or Catalogue.empty())

    def round(self, *, whole: bool = False) -> None:
        """Once round. whole: the segment that may still grow, too, since nobody is writing to it."""
        with self._folder.locked("keeper"):
            segments = self._folder.segments()
            for segment in segments if whole else segments[:-1]:
                self._convert(segment, keep=segment == segments[-1])
            self._follower.follow(last=whole)
            self._join()
            self._forget()

    def _convert(self, segment: Path, *, keep: bool) -> None:
        """Turns a segment into Parquet, and removes it.

        keep: leaves an empty one, whose name is the number of the next event.
        """
        rows: dict[str, list[Row]] = defaultdict(list)
        ticks: list[Row] = []
        following, unread = int(segment.stem), 0
        for frame, _ in frames(segment):
            number = len(frame.raws)
            if frame.silence_ms:
                ticks.append(tick_row(frame.first, frame.silence_ms, frame.times[0], self._site))
            for seq, event in self._events.events(frame):
                rows[event.topic].append(event_row(event, self._site, seq))
                number -= 1
            unread += number
            following = frame.after()
        if unread:
            log.warning("history_events_unreadable", number=unread)
        for topic, of_topic in rows.items():
            write_rows(self._folder, STREAM_TABLES[topic], f"s{segment.stem}", of_topic)
        write_rows(self._folder, TABLES[METRICS], f"s{segment.stem}", ticks)
        if keep:
            self._folder.segment(following).touch(mode=0o600)
        if not keep or following != int(segment.stem):
            segment.unlink()

    def _join(self) -> None:
        """Joins the files of dates that are over, and of those that have many."""
        dates = self._folder.dates()
        for table in TABLES.values():
            by_date: dict[str, list[Path]] = defaultdict(list)
            for path in self._folder.parts(table.name):
                by_date[path.parent.name].append(path)
            for day, paths in by_date.items():
                if len(paths) > (MOST_PARTS if day == dates[-1] else 1):
                    self._join_parts(table, day, paths)

    def _join_parts(self, table: Table, day: str, paths: list[Path]) -> None:
        """One file instead of several. Killed in between, rows are there twice until the next round."""
        with duckdb.connect() as db:
            of = "SELECT * FROM read_parquet(?, union_by_name = true)"
            content = db.sql(ordered_once(table, of), params=[list(map(str, paths))]).to_arrow_table()
        name = hashlib.blake2b("\n".join(path.name for path in paths).encode(), digest_size=8).hexdigest()
        write_part(self._folder, table, day, f"j{name}", content)
        for path in paths:
            path.unlink()

    def _forget(self) -> None:
        dates = self._folder.dates()
        if dates:
            first = (date.fromisoformat(dates[-1]) - timedelta(days=self._days)).isoformat()
            for path in self._folder.data.glob("*/*"):
                if path.name <= first:
                    shutil.rmtree(path)


def ordered_once(table: Table, of: str) -> str:
    """The rows of a query, each once, in an order that follows from them alone."""
    streams = {of_stream.name for of_stream in STREAM_TABLES.values()}
    key = [*table.key, *([table.latest] if table.latest else [])]
    order = "seq" if table.name in streams else table.partition
    keys = ", ".join(f'"{name}"' for name in key)
    # S608: names of ours.
    return f"""SELECT * FROM ({of})
        QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY "{order}") = 1
        ORDER BY "{order}", {keys}"""  # noqa: S608


def keep(keeper: Keeper, wait: Callable[[], bool]) -> None:
    """Goes round until `wait` says so. What fails is told, and tried again."""
    while not wait():
        try:
            keeper.round()
        except Exception as error:
            log.error("history_round_failed", error=type(error).__name__)


def main() -> int:
    """Runs until standard input ends."""
    parser = argparse.ArgumentParser(prog="guardian history keeper")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--catalog", type=Path)
    parser.add_argument("--every", type=float, default=EVERY_S, help="seconds between two rounds")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    os.nice(NICE)
    catalogue = (
        Catalogue.from_csv_text(given.catalog.read_text("utf-8-sig")) if given.catalog else Catalogue.empty()
    )
    try:
        keeper = Keeper(HistoryFolder(given.folder), given.db, given.days, catalogue)
    except HistoryError as error:
        log.error("history_unusable", reason=str(error))
        return 2
    keep(keeper, lambda: bool(select.select([sys.stdin], [], [], given.every)[0]))
    if sys.stdin.read(1):  # it says so, and was not killed: what it has done last is taken, too
        keep(keeper, iter((False, True)).__next__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
