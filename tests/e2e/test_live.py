"""The live product on a real feed over a real socket, killed and started again."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simulators.feed_server import FeedServer
from tests.e2e.conftest import ROOT, Guardian, command
from tests.e2e.test_kill import events_committed

WAIT_S = 90


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Waits for something that will happen, or fails."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)  # paces the question; what counts is the condition


def finding(alert: dict[str, Any]) -> tuple[str, str, str, str]:
    """Type, subject, severity and status."""
    return alert["type"], str(alert["subject"]["id"]), alert["severity"], alert["status"]


def found(db: Path) -> Counter[tuple[str, str, str, str]]:
    """The findings in the database."""
    if not db.exists():
        return Counter()
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=5)) as reader:
        return Counter(finding(json.loads(doc)) for (doc,) in reader.execute("SELECT doc FROM alerts"))


@pytest.mark.e2e
def test_a_feed_watched_by_a_process_that_is_killed(day: Path, guardian: Guardian, tmp_path: Path) -> None:
    """Frames come again from the start after each kill; nothing is lost and nothing counts twice.

    The last deadlines pass by the clock: the feed is silent then, and no event will move the watermark.
    """
    guardian("replay", day, "--alerts", tmp_path / "replayed.jsonl")
    expected = Counter(
        finding(json.loads(line)) for line in (tmp_path / "replayed.jsonl").read_bytes().splitlines()
    )
    total = sum(len(path.read_bytes().splitlines()) for path in day.glob("*.jsonl"))
    db = tmp_path / "live.db"
    (tmp_path / "fast.toml").write_text("idle_after_s = 1.0\n")
    with FeedServer(day, "127.0.0.1", 0, speed=0, loop=False) as server:
        watch = command(
            "run", "--tcp", f"127.0.0.1:{server.port}", "--db", db, "--settings", tmp_path / "fast.toml",
            "--catalog", day / "products_list.csv",
        )  # fmt: skip
        for target in (1, total // 2):
            with subprocess.Popen(watch, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
                until(lambda target=target: events_committed(db) >= target, process)  # type: ignore[misc]
                process.send_signal(signal.SIGKILL)
        with subprocess.Popen(watch, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            until(lambda: events_committed(db) >= total and found(db) == expected, process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_S) == 0
    assert events_committed(db) == total


@pytest.mark.e2e
def test_files_watched_by_a_process_that_is_killed(
    warehouse_day: Path, guardian: Guardian, tmp_path: Path
) -> None:
    """A whole day is there already when it starts, as after a pause: it is merged, and nothing is late."""
    guardian("replay", warehouse_day, "--alerts", tmp_path / "replayed.jsonl")
    expected = Counter(
        finding(json.loads(line)) for line in (tmp_path / "replayed.jsonl").read_bytes().splitlines()
    )
    total = sum(len(path.read_bytes().splitlines()) for path in warehouse_day.glob("*.jsonl"))
    db = tmp_path / "live.db"
    (tmp_path / "fast.toml").write_text("idle_after_s = 1.0\n")
    watch = command("run", warehouse_day, "--db", db, "--settings", tmp_path / "fast.toml")
    with subprocess.Popen(watch, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until(lambda: events_committed(db) >= total // 2, process)
        process.send_signal(signal.SIGKILL)
    with subprocess.Popen(watch, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        until(lambda: events_committed(db) >= total and found(db) == expected, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    assert events_committed(db) == total
