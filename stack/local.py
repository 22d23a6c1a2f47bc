"""A stack on this machine, for `python -m stack` and for tests.

with running(folder, Options(day=day, play=("--speed=0",))) as stack:
    stack.start("producer")
    stack.kill("correlator")
    stack.start("correlator")
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from guardian.adapters.google.firestore_documents import stored_alert
from guardian.ports import StoredAlert
from stack import emulators, maven
from stack.day import SETTINGS_FILE, SITE, write_settings
from stack.runner import Process, Runner, StackError
from stack.table import FIRESTORE, KAFKA, PUBSUB, Options, Table, table
from stack.watch import ALERTS

if TYPE_CHECKING:
    from google.cloud.firestore import Client

__all__ = ["LocalStack", "Options", "StackError", "missing", "running"]

LOGS = "logs"


class LocalStack:
    """What runs. project: Google's. ports: by the parts' names. environment: for clients of this stack."""

    def __init__(self, made: Table, logs: Path, project: str) -> None:
        self.table = made
        self.project = project
        self.logs = logs
        self.ports = {part.name: part.port for part in made.parts if part.port is not None}
        self.environment = made.environment
        self.runner = Runner(made.parts, logs)
        self._firestore: Client | None = None

    def start(self, name: str) -> None:
        """Starts a part and waits until it is ready; not for those that are only ever started by hand.

        What Pub/Sub or Firestore held is gone when they have stopped; then "topics" has to run again. Raises
        StackError.
        """
        process = self.runner.start(name)
        if not process.part.by_hand:
            process.wait_until_ready()

    def stop(self, name: str) -> None:
        """Ends a part in good order."""
        self.runner.stop(name)

    def kill(self, name: str) -> None:
        """Ends a part, and what it has started, with SIGKILL."""
        self.runner.kill(name)

    def pause(self, name: str) -> None:
        """Holds a part still: an outage in which connections stay and nobody answers."""
        self.runner.pause(name)

    def resume(self, name: str) -> None:
        """Lets a part go on."""
        self.runner.resume(name)

    def ended(self, name: str) -> int | None:
        """How a part ended; None while it runs."""
        return self.runner.processes[name].status

    def log(self, name: str) -> str:
        """What a part has written so far."""
        return self.runner.processes[name].log()

    def died(self) -> list[str]:
        """What has ended unasked since the last question, each with the end of its log."""
        return [process.obituary() for process in self.runner.died()]

    def firestore(self) -> Client:
        """A client of its Firestore."""
        if self._firestore is None:
            self._firestore = emulators.firestore_client(
                self.environment[emulators.FIRESTORE_HOST], self.project
            )
        return self._firestore

    def alerts(self) -> list[StoredAlert]:
        """All alerts that are in Firestore now."""
        found = self.firestore().collection("sites", SITE, ALERTS).stream()
        return [stored_alert(document.to_dict() or {}) for document in found]

    def close(self) -> None:
        """Ends everything."""
        if self._firestore is not None:
            self._firestore.close()  # type: ignore[no-untyped-call]
        self.runner.stop_all()


@contextmanager
def running(
    folder: Path,
    options: Options,
    on_ready: Callable[[Process], None] = lambda process: None,
    stop: threading.Event | None = None,
) -> Iterator[LocalStack]:
    """A stack whose parts are all ready, but for those that are started by hand; gone at the end.

    folder: for logs and settings; what an earlier stack left in it goes. on_ready: called with each part that
    is. stop: when it is set while they start, not all of them are. Raises StackError, having ended
    everything, if a part does not come up; ValueError for options that do not fit.
    """
    folder = folder.resolve()
    with _for_itself(folder):
        for name in (KAFKA, PUBSUB, FIRESTORE, LOGS):
            shutil.rmtree(folder / name, ignore_errors=True)
        write_settings(options.day, folder / SETTINGS_FILE, SITE, options.lateness_s)
        stack = LocalStack(table(options, folder, os.environ), folder / LOGS, options.project)
        try:
            stack.runner.start_all(on_ready, stop or threading.Event())
            yield stack
        finally:
            stack.close()


def missing() -> str | None:
    """What this machine lacks to run a stack, or None."""
    return emulators.missing() or maven.missing()


@contextmanager
def _for_itself(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"{folder}: another stack runs here; choose another --folder") from None
        yield
