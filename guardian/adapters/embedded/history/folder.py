"""Where things lie in a folder of history, and how files in it come and go."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

FORMAT: Final = 1


class HistoryError(Exception):
    """A folder that cannot be used. Says which, and why."""


class About(msgspec.Struct, frozen=True):
    """Whose history it is. zone: of the site, as in its settings."""

    site: str
    zone: str
    format: int = FORMAT


class HistoryFolder:
    """log/N.log: what has been appended, by the number of its first event. data/TABLE/DATE/: Parquet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.data = path / "data"

    def create(self, about: About) -> None:
        """Makes it, or finds it made. Raises HistoryError if it is another site's."""
        try:
            for folder in (self.path, self.log, self.data):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryError(f"{self.path}: {error.strerror or error}") from error
        if not (self.path / "history.json").exists():
            replace_file(self.path / "history.json", msgspec.json.encode(about))
        if (found := self.about()) != about:
            raise HistoryError(
                f"{self.path}: the history of site {found.site!r} in {found.zone},"
                f" not of {about.site!r} in {about.zone}"
            )

    def about(self) -> About:
        """Whose it is. Raises HistoryError."""
        try:
            found = msgspec.json.decode((self.path / "history.json").read_bytes(), type=About)
        except (OSError, msgspec.DecodeError) as error:
            raise HistoryError(f"{self.path}: no history here") from error
        if found.format != FORMAT:
            raise HistoryError(f"{self.path}: format {found.format}, but this program knows only {FORMAT}")
        return found

    def segments(self) -> list[Path]:
        """The log's files, the oldest first. Only the last one may still grow."""
        return sorted(self.log.glob("*.log"))

    def segment(self, first: int) -> Path:
        """The log's file that begins with this number."""
        return self.log / f"{first:020}.log"

    def parts(self, table: str, since: date | None = None, until: date | None = None) -> list[Path]:
        """The Parquet files of a table, by date; of those dates, both included."""
        return sorted(
            path
            for path in (self.data / table).glob("*/*.parquet")
            if (since is None or path.parent.name >= since.isoformat())
            and (until is None or path.parent.name <= until.isoformat())
        )

    def dates(self) -> list[str]:
        """Every date there is something of, the first first."""
        return sorted({path.name for path in self.data.glob("*/*") if path.is_dir()})

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Holds the right to do something that one process does at a time. Raises HistoryError."""
        with (self.path / f"{name}.lock").open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise HistoryError(f"{self.path}: another process is its {name}") from None
            yield


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all, and for good."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(path)
