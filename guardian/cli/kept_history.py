"""History, as a command that runs the engine keeps it: the log in this process, its keeper in another."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Final

import structlog

from guardian.adapters.embedded.history.folder import About, HistoryError, HistoryFolder
from guardian.adapters.embedded.history.log import HistoryLog
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.cli.history import extra_reports
from guardian.runtime.settings import Settings, SettingsError

STOP_S: Final = 10.0
"""How long the keeper may take to end."""

log = structlog.get_logger()


class KeptHistory:
    """Appends to the log and has the keeper run beside it."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        store: SqliteStore,
        db: Path,
        *,
        days: int,
        catalogue: Path | None,
    ) -> None:
        """Raises SettingsError."""
        extra_reports()
        try:
            self._log = HistoryLog(
                HistoryFolder(folder), About(settings.site, settings.zone), store.positions()
            )
        except (HistoryError, OSError) as error:
            raise SettingsError(f"--history: {error}") from error
        command = [sys.executable, "-m", "guardian.adapters.embedded.history.keeper", str(folder)]
        command += ["--db", str(db), "--days", str(days)]
        if catalogue is not None:
            command += ["--catalog", str(catalogue)]
        # It ends when its standard input does: also when this process is killed.
        # Ctrl-C is for all processes of a terminal; this one ends when its standard input does.
        self._keeper = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, start_new_session=True
        )
        self.before = self._log.before
        self.ticked = self._log.ticked

    def close(self) -> None:
        """Ends both, once the keeper has taken the last alerts; the rest of the log is for the next start."""
        self._log.close()
        if self._keeper.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it was killed
                self._keeper.stdin.write(b"\n")
                self._keeper.stdin.close()
        try:
            self._keeper.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
            log.warning("history_keeper_killed")
