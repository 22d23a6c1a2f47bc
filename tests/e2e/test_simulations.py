"""The commands around simulated days: written, replayed, scored, watched live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Guardian


@pytest.mark.e2e
def test_a_scenario_is_written_and_what_is_in_it_is_found(guardian: Guardian, tmp_path: Path) -> None:
    guardian("simulate", "jd_com_attack", "--seed", 3, "--out", tmp_path / "day")
    guardian("replay", tmp_path / "day", "--alerts", tmp_path / "alerts.jsonl")
    alerts = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    (fraud,) = [alert for alert in alerts if alert["type"] == "MASS_SHIPMENT_FRAUD"]
    expected = json.loads((tmp_path / "day" / "expected.json").read_text())

    assert fraud["status"] == "confirmed"
    (scenario,) = expected["scenarios"]
    assert set(fraud["evidence"]["product_ids"]) <= set(scenario["products"])
    assert set(fraud["evidence"]["employee_ids"]) <= set(scenario["employees"])


@pytest.mark.e2e
def test_an_honest_day_has_nothing_in_it(guardian: Guardian, tmp_path: Path) -> None:
    guardian("simulate", "honest", "--seed", 4, "--out", tmp_path / "day")
    guardian("replay", tmp_path / "day", "--alerts", tmp_path / "alerts.jsonl")
    statuses = {json.loads(line)["status"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()}

    assert statuses <= {"cleared"}


@pytest.mark.e2e
def test_evaluation(guardian: Guardian) -> None:
    done = guardian("evaluate", "--seeds", 1, "--first-seed", 60, "--domain", "warehouse", "--min", 0.9)

    assert "mass_shipment_fraud" in done.stdout
    assert "0 on honest days that were not cleared" in " ".join(done.stdout.split())


@pytest.mark.e2e
def test_an_evaluation_that_is_not_good_enough_fails(guardian: Guardian) -> None:
    done = guardian("evaluate", "--seeds", 1, "--domain", "store", "--hard", "--min", 1.0, check=False)

    assert done.returncode == ("worst figure 1.000" not in done.stdout)


@pytest.mark.e2e
def test_the_demo_shows_the_attack_while_it_happens(guardian: Guardian) -> None:
    """Within some seconds, at 250 times the speed of the day: raised, and confirmed later."""
    lines = guardian("demo", "--terminal", "--seconds", 25, "--speed", 250).stdout.splitlines()
    raised = [number for number, line in enumerate(lines) if line.startswith("critical MASS_SHIPMENT_FRAUD")]

    assert len(raised) == 2
    assert "yet." in "".join(lines[raised[0] : raised[0] + 3])
