"""Runs the Bytewax dataflow in its own environment, with its state durable."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.joins.process_tree import Taken, measured
from tests.flink.mapping import Episode

FLOW = Path(__file__).with_name("bytewax_flow.py")
REQUIREMENTS = Path(__file__).with_name("bytewax-requirements.txt")
BUILD = Path("build/bytewax")
PYTHON = BUILD / "venv" / "bin" / "python"
SNAPSHOT_S = 1


def install() -> None:
    """Makes the environment in build/bytewax if there is none, or if its requirements have changed."""
    stamp = BUILD / REQUIREMENTS.name
    if stamp.is_file() and stamp.read_bytes() == REQUIREMENTS.read_bytes():
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(BUILD / "venv", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(BUILD / "venv")], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)], check=True)
    shutil.copyfile(REQUIREMENTS, stamp)


def version() -> str:
    """The version installed."""
    command = [str(PYTHON), "-c", "from importlib.metadata import version; print(version('bytewax'))"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run(events: Path, work: Path) -> tuple[Taken, list[Episode]]:
    """Runs the dataflow over a file; what it took, and what it found."""
    out, recovery = work / "bytewax.jsonl", work / "recovery"
    recovery.mkdir()
    subprocess.run([str(PYTHON), "-m", "bytewax.recovery", str(recovery), "1"], check=True)
    command = [str(PYTHON), "-m", "bytewax.run", f"{FLOW}:flow({str(events)!r}, {str(out)!r})"]
    taken = measured([*command, "-r", str(recovery), "-s", str(SNAPSHOT_S), "-b", "0"], work / "bytewax.log")
    return taken, _last(out)


def _last(out: Path) -> list[Episode]:
    """The findings as they were told last: an episode is told each time it has grown."""
    if not out.exists():  # it is made with the first line
        return []
    latest = {}
    for line in out.read_bytes().splitlines():
        found = msgspec.json.decode(line, type=Episode)
        latest[found.type, found.subject, found.started] = found
    return sorted(latest.values())
