"""Acceptance on a real store's recording, where it lies beside the checkout: every finding, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
RECORDING = SHARED / "data" / "sentinel-test"
SCORER = SHARED / "tools" / "score_store.py"


@pytest.mark.e2e
@pytest.mark.skipif(not RECORDING.is_dir(), reason="the recording is not beside the checkout")
def test_every_finding_of_the_recording(tmp_path: Path) -> None:
    alerts = tmp_path / "alerts.jsonl"
    events = tmp_path / "events.jsonl"
    replay = [
        sys.executable,
        "-m",
        "guardian.cli.main",
        "replay",
        RECORDING,
        "--alerts",
        alerts,
        "--events",
        events,
    ]
    subprocess.run(replay, check=True, cwd=ROOT)
    scored = subprocess.run(
        [sys.executable, SCORER, alerts, RECORDING / "expected.json", "--min", "1.0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert scored.returncode == 0, scored.stdout + scored.stderr
    assert events.stat().st_size > 0
