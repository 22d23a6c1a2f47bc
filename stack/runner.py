"""Starts processes in the order in which they need each other, and ends them without a trace.

Each process leads a session of its own, so that Ctrl-C reaches the runner alone, and whatever it starts
(gcloud an emulator, gunicorn its workers) can be ended with it. Nothing is started again by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from stack.part import Part, healthy

ROOT: Final = Path(__file__).parents[1]
LAST_WORDS: Final = 4_000
"""Characters of a log that are shown when its process has ended."""
LOOK_S: Final = 0.05
GONE_S: Final = 10.0
"""For a process group to be gone once it has been killed."""

_ELSEWHERE = ("GUARDIAN_", "GOOGLE_", "GCLOUD_", "PUBSUB_", "FIRESTORE_")
"""Variables that may be meant for another deployment. None reaches a process unless its part says so."""


class StackError(RuntimeError):
    """A process did not come up, or is none of ours. The text says which, with the end of its log."""


class Process:
    """One part, running or not. May be started again when it has ended."""

    def __init__(self, part: Part, log: Path, tell: Callable[[str], None] = lambda line: None) -> None:
        """tell: told "+GROUP" when it begins and "-GROUP" when nothing is left of it."""
        self.part = part
        self.log_file = log
        self.ready = False
        self.started = 0.0
        self.told = False
        """Whether its end has been asked for, or told of."""
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._status: int | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that is running; it is its session's and its group's id too."""
        return None if self._process is None else self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended, the last time; None before that. A signal is a negative number."""
        self.running()
        return self._status

    def start(self) -> None:
        """Starts it. Raises StackError if it runs, or there is no such program."""
        if self.running():
            raise StackError(f"{self.part.name} is running already")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_ELSEWHERE)
        } | self.part.environment
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log_file.open("ab") as log:
                output = None if self.part.on_screen else log
                self._process = subprocess.Popen(  # noqa: S603
                    self.part.command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise StackError(f"{self.part.name}: {self.part.command[0]}: {error.strerror}") from error
        self._tell(f"+{self._process.pid}")
        self.ready = self.told = False
        self._status = None
        self.started = time.monotonic()

    def running(self) -> bool:
        """Whether it runs. One that has ended by itself takes with it what it has started."""
        if self._process is None:
            return False
        status = self._process.poll()
        if status is None:
            return True
        self._bury(status)
        return False

    def look(self) -> bool:
        """Whether it is ready, asked until it is. Raises StackError if it has ended, or takes too long."""
        part = self.part
        if self.ready:
            return True
        running = self.running()
        if part.job:
            self.ready = self._status == 0
        elif running:
            self.ready = part.health is None or healthy(part.health)
        if not self.ready and not running:
            self.told = True
            raise StackError(self.obituary())
        if not self.ready and time.monotonic() - self.started > part.start_s:
            raise StackError(
                f"{part.name} is not ready after {part.start_s:g} s; its log ends:\n{self.last_words()}"
            )
        return self.ready

    def wait_until_ready(self) -> None:
        """Raises StackError."""
        while not self.look():
            time.sleep(LOOK_S)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to it and to whatever it has started."""
        if self.running() and self._process is not None:
            os.killpg(self._process.pid, number)

    def ask_to_stop(self) -> None:
        """Sends its stop signal, as whoever runs containers does: to the process itself."""
        self.told = True
        if self.running() and self._process is not None:
            self.signal(signal.SIGCONT)
            self._process.send_signal(self.part.stop_signal)

    def stop(self) -> None:
        """Ends it in good order, or by force when it takes too long."""
        self.ask_to_stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.part.stop_s)
        self.kill()

    def kill(self) -> None:
        """Ends it as a crash of its machine would, and waits until nothing is left of it."""
        self.told = True
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            self._bury(process.wait())

    def log(self) -> str:
        """Everything that it has written."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""

    def last_words(self) -> str:
        """The end of it."""
        return self.log()[-LAST_WORDS:].strip() or "(nothing)"

    def obituary(self) -> str:
        """That it has ended, how, and the end of its log."""
        return f"{self.part.name} ended with status {self._status}; its log ends:\n{self.last_words()}"

    def _bury(self, status: int) -> None:
        """Waits until the whole group is gone. As long as one of it is there its number is nobody else's."""
        if self._process is None:
            return
        group, self._process, self._status = self._process.pid, None, status
        deadline = time.monotonic() + GONE_S
        with suppress(ProcessLookupError, PermissionError):  # the latter: where only zombies are left (macOS)
            os.killpg(group, signal.SIGKILL)
            while _alive(group) and time.monotonic() < deadline:
                time.sleep(LOOK_S)
        self._tell(f"-{group}")


class Runner:
    """The processes of one stack."""

    def __init__(self, parts: Sequence[Part], logs: Path) -> None:
        """logs: folder for NAME.log. Raises ValueError, see `waves`."""
        self.order = waves(parts)
        self.processes = {
            part.name: Process(part, logs / f"{part.name}.log", self._tell_undertaker) for part in parts
        }
        self._lock = threading.Lock()
        self._undertaker = subprocess.Popen(
            [sys.executable, "-m", "stack.undertaker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start_all(self, on_ready: Callable[[Process], None], stop: threading.Event) -> bool:
        """Starts all but those that are started by hand, each as soon as what it needs is ready.

        on_ready: called with each that is. stop: gives up when it is set; False is returned then. Raises
        StackError; what has been started goes on running in either case.
        """
        waiting = [process for process in self.processes.values() if not process.part.by_hand]
        started: list[Process] = []
        while waiting or started:
            if stop.is_set():
                return False
            for process in list(waiting):
                if all(self.processes[name].ready for name in process.part.after):
                    waiting.remove(process)
                    self.start(process.part.name)
                    started.append(process)
            for process in list(started):
                if process.look():
                    started.remove(process)
                    on_ready(process)
            self._fail_if_one_died()
            time.sleep(LOOK_S)
        return True

    def start(self, name: str) -> Process:
        """Starts one, and does not wait for it. Raises StackError."""
        process = self._find(name)
        process.start()
        return process

    def stop(self, name: str) -> None:
        """Ends one in good order."""
        self._find(name).stop()

    def kill(self, name: str) -> None:
        """Ends one with SIGKILL, and all that it has started."""
        self._find(name).kill()

    def pause(self, name: str) -> None:
        """Holds one still with SIGSTOP, as an outage would: connections stay, and nobody answers."""
        self._find(name).signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Lets one go on."""
        self._find(name).signal(signal.SIGCONT)

    def died(self) -> list[Process]:
        """Those that have ended, unasked, since the last time this was asked. A job that is done is none."""
        found = []
        for process in self.processes.values():
            if process.told or not process.started or process.running():
                continue
            process.told = True
            if not (process.part.job and process.status == 0):
                found.append(process)
        return found

    def stop_all(self) -> None:
        """Ends everything: first those that need others; side by side those that do not need each other."""
        for names in reversed(self.order):
            processes = [self.processes[name] for name in names]
            for process in processes:
                process.ask_to_stop()
            for process in processes:
                process.stop()
        if self._undertaker.stdin is not None:
            self._undertaker.stdin.close()
        self._undertaker.wait()

    def _find(self, name: str) -> Process:
        if name not in self.processes:
            raise StackError(f"no part is called {name!r}; there are {', '.join(sorted(self.processes))}")
        return self.processes[name]

    def _fail_if_one_died(self) -> None:
        if died := self.died():
            raise StackError("\n".join(process.obituary() for process in died))

    def _tell_undertaker(self, line: str) -> None:
        with self._lock:
            if self._undertaker.stdin is not None and not self._undertaker.stdin.closed:
                self._undertaker.stdin.write(line.encode() + b"\n")
                self._undertaker.stdin.flush()


def _alive(group: int) -> bool:
    """Whether a process of the group is there that is more than an entry which nobody has asked for yet."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group and not (
                # While other threads of it are still ending it looks dead, and its ports are taken.
                process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
            ):
                return True
    return False


def waves(parts: Iterable[Part]) -> list[list[str]]:
    """Names in the order of starting: each list needs only what stands in those before it.

    Raises ValueError for two of one name, a need that is no part, and a circle.
    """
    parts = list(parts)
    needs = {part.name: set(part.after) for part in parts}
    if len(needs) < len(parts):
        raise ValueError("two parts of one name")
    for name, needed in needs.items():
        if missing := needed - needs.keys():
            raise ValueError(f"{name} needs {', '.join(sorted(missing))}, which is no part")
    order: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(needs):
        wave = [name for name, needed in needs.items() if name not in placed and needed <= placed]
        if not wave:
            raise ValueError(f"a circle: {', '.join(sorted(needs.keys() - placed))}")
        order.append(wave)
        placed.update(wave)
    return order
