"""`guardian replay --threat-scores`: the last score of everything that an alert named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Guardian

pytestmark = pytest.mark.e2e


def test_scores_are_written_and_name_their_alerts(guardian: Guardian, day: Path, tmp_path: Path) -> None:
    guardian(
        "replay",
        day,
        "--alerts",
        tmp_path / "alerts.jsonl",
        "--threat-scores",
        tmp_path / "scores.jsonl",
        "--zone",
        "+02:00",
    )
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_bytes().splitlines()]
    scores = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_bytes().splitlines()]

    assert scores
    known = {alert["alert_id"]: alert for alert in alerts}
    named = {f"{score['kind']}:{score['id']}" for score in scores}
    assert len(named) == len(scores)
    stolen = {alert["evidence"]["sku"] for alert in alerts if alert["type"] == "SCANNER_AVOIDANCE"}
    assert stolen
    assert {f"product:{sku}" for sku in stolen} <= named
    for score in scores:
        assert 0 <= score["score"] <= 100
        assert score["as_of"].endswith("+02:00")
        for factor in score["factors"]:
            alert = known[factor["ref"]]
            assert (factor["what"], factor["severity"]) == (alert["type"], alert["severity"])
            assert factor["at"].endswith("+02:00")


def test_a_folder_that_is_not_there_is_named(guardian: Guardian, day: Path, tmp_path: Path) -> None:
    done = guardian("replay", day, "--threat-scores", tmp_path / "no" / "scores.jsonl", check=False)

    assert done.returncode == 2
    assert "no such folder" in done.stderr
