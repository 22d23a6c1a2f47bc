"""Runs a program to its end and tells what it and all its children took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

SAMPLE_S = 0.05


class Taken(msgspec.Struct, frozen=True):
    """seconds: wall time. cpu_s: processor time, user and system. peak_bytes: most resident memory of all
    its processes together, at one moment. load: of the machine in the minute before, as `os.getloadavg`."""

    seconds: float
    cpu_s: float
    peak_bytes: int
    load: float


def measured(
    command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, timeout_s: float = 3_600.0
) -> Taken:
    """Runs a command with its output in `log`. Raises SystemExit, with the end of the log, if it fails.

    Processor time is what the system charged the command and the children it has waited for, so a program
    that leaves one running is not for this.
    """
    load = os.getloadavg()[0]
    peak = 0
    with log.open("wb") as out:
        before = os.times()
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=None if env is None else {**os.environ, **env}
        ) as process:
            watched = psutil.Process(process.pid)
            while process.poll() is None:
                peak = max(peak, _resident(watched))
                if time.perf_counter() - started > timeout_s:
                    _end(watched)
                    raise SystemExit(f"{command[0]}: not done after {timeout_s:.0f} s\n{_tail(log)}")
                time.sleep(SAMPLE_S)
        seconds = time.perf_counter() - started
        after = os.times()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}\n{_tail(log)}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Taken(seconds, cpu, peak, load)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def _end(process: psutil.Process) -> None:
    for one in (*process.children(recursive=True), process):
        try:
            one.kill()
        except psutil.NoSuchProcess:
            pass


def _tail(log: Path) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-40:])
