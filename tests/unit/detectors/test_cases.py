"""Plays every table of cases, each case in every way its events may arrive.

A table is a module of this folder named like the detector's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from guardian.alerts.model import Alert
from guardian.detectors.registry import REGISTRY, build
from guardian.testing import WAYS, Case, Way, play, problems
from tests.unit.detectors.shop import WHERE, Table

KINDS = {"hit", "near miss", "duplicate", "late", "out of order"}

TABLES: list[Table] = [
    import_module(f"tests.unit.detectors.{name.lower()}").TABLE for name in sorted(REGISTRY)
]
CASES = [
    pytest.param(table, case, id=f"{table.detector}: {case.name}") for table in TABLES for case in table.cases
]

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
@pytest.mark.parametrize(("table", "case"), CASES)
def test_case(table: Table, case: Case, way: Way) -> None:
    found = problems(case, partial(table.detectors, case), way)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.detector)
def test_every_detector_has_a_case_of_every_kind(table: Table) -> None:
    assert {case.kind for case in table.cases} == KINDS


@pytest.mark.parametrize(("table", "case"), CASES)
def test_detectors_do_not_disturb_each_other(table: Table, case: Case) -> None:
    alone = play(case.events, partial(table.detectors, case)).alerts
    together = play(case.events, lambda: build(WHERE, case.settings)).alerts

    assert {name: together.get(name) for name in alone} == alone


def evidence_names() -> set[str]:
    """The names of the evidence vocabulary, as documented."""
    text = (ROOT / "docs" / "alerts.md").read_text("utf-8")
    section = text.split("## Evidence", 1)[1].split("\n## ", 1)[0]
    names = {name.strip() for quoted in re.findall(r"`([^`:]+)`", section) for name in quoted.split(",")}
    return {name for name in names if name.isidentifier()}


def alerts_of_all_cases() -> Iterator[Alert]:
    for table in TABLES:
        for case in table.cases:
            outcome = play(case.events, partial(table.detectors, case))
            yield from outcome.alerts.values()


def test_alerts_speak_the_documented_language() -> None:
    vocabulary = evidence_names()
    raised = set()
    for alert in alerts_of_all_cases():
        about = REGISTRY[alert.type].detector.about
        raised.add(alert.type)

        assert alert.evidence.keys() <= vocabulary
        assert alert.severity in about.severities
        assert alert.subject.kind == about.subject
        assert alert.recommended_actions == about.runbook
        assert (alert.detector.id, alert.detector.version) == (about.id, about.version)
        assert alert.started_at <= alert.event_time <= alert.ended_at
        assert alert.detected_at >= alert.event_time
        assert alert.narrative
        assert "None" not in alert.narrative
        assert alert.narrative.endswith(".")

    assert raised == {name for name, entry in REGISTRY.items() if entry.detector.about.severities}
