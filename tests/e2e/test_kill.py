"""A run killed with SIGKILL at random moments and started again ends with the same alerts, byte for byte."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Guardian, command

KILLS = 6


def events_committed(db: Path) -> int:
    """How many events the database says are done; 0 while there is none to ask."""
    if not db.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5)) as reader:
            (number,) = reader.execute(
                "SELECT coalesce(sum(value), 0) FROM counters WHERE name LIKE 'events.%'"
            ).fetchone()
    except sqlite3.OperationalError:  # between creating the file and its tables
        return 0
    return int(number)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("fixture", "batch", "seed"), [("day", 40, 1), ("day", 40, 2), ("warehouse_day", 250, 3)]
)
def test_killed_and_continued(
    request: pytest.FixtureRequest, guardian: Guardian, tmp_path: Path, fixture: str, batch: int, seed: int
) -> None:
    day: Path = request.getfixturevalue(fixture)
    undisturbed = tmp_path / "undisturbed.jsonl"
    guardian("replay", day, "--alerts", undisturbed)
    total = sum(len(path.read_bytes().splitlines()) for path in day.glob("*.jsonl"))
    chance = random.Random(seed)
    db, alerts = tmp_path / "killed.db", tmp_path / "killed.jsonl"
    replay = command("replay", day, "--db", db, "--batch", batch, "--alerts", alerts)
    kills = 0
    for target in sorted(chance.randrange(1, total) for _ in range(KILLS)):
        with subprocess.Popen(replay, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while process.poll() is None and events_committed(db) < target:
                time.sleep(0.001)  # only paces the question; what decides is the number committed
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 1, "the run was never killed before its end"
    guardian("replay", day, "--db", db, "--alerts", alerts)
    assert alerts.read_bytes() == undisturbed.read_bytes()
    assert events_committed(db) == total
