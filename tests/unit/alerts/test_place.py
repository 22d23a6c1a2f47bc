"""Where alerts are."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from guardian.alerts.model import Subject
from guardian.alerts.place import is_at, place_of
from tests.contract.committer import example_alert


@pytest.mark.parametrize(
    ("subject", "evidence", "place"),
    [
        (Subject("station", "SCC1"), {}, "SCC1"),
        (Subject("location", "WH1/A-03"), {}, "WH1/A-03"),
        (Subject("product", "P1"), {"location": "WH1/A-03", "station_id": "SCC2"}, "WH1/A-03"),
        (Subject("station", "SCC1"), {"station_id": "SCC2", "location": None}, "SCC2"),
        (Subject("employee", "E1"), {"location": ["WH1/A-03"], "station_id": ""}, ""),
    ],
)
def test_the_place_is_what_the_evidence_says_else_the_subject(
    subject: Subject, evidence: dict[str, Any], place: str
) -> None:
    alert = msgspec.structs.replace(example_alert("a"), subject=subject, evidence=evidence)
    assert place_of(alert) == place


def test_a_place_contains_what_is_in_it_and_not_what_is_only_called_alike() -> None:
    alert = msgspec.structs.replace(example_alert("a"), evidence={"location": "WH1/A-03"})
    assert [is_at(alert, place) for place in ("WH1", "WH1/A", "WH1/A-03")] == [True] * 3
    assert [is_at(alert, place) for place in ("WH", "WH1/A-0", "WH1/B", "WH11")] == [False] * 4
