"""Who is told, and when it is news."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.model import Severity, Status
from guardian.alerts.routing import STATES, Quiet, Route, Verdict, channels_for, state_of, verdict
from tests.unit.alerts.documents import document

NOON = int(datetime(2025, 6, 3, 12, tzinfo=UTC).timestamp() * 1000)
ROUTES = (
    Route(channels=("all",)),
    Route(channels=("guard", "all"), severity=Severity.HIGH),
    Route(channels=("tills",), types=("LONG_QUEUE",), sites=("shop-1",)),
)


def told_of(
    status: Status, severity: Severity, told: tuple[str, ...] = (), quiet: Quiet | None = None, at: int = NOON
) -> Verdict:
    return verdict(document(status=status, severity=severity), told, quiet, UTC, at)


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({"severity": Severity.HIGH, "site": "shop-2"}, ["all", "guard"]),
        ({"severity": Severity.LOW}, ["all", "tills"]),
        ({"type": "LONG_WAIT"}, ["all"]),
        # Whoever was told of a high severity hears that it was nothing, also when it has sunk meanwhile.
        ({"status": Status.CLEARED, "type": "LONG_WAIT"}, ["all", "guard"]),
    ],
)
def test_routes(changes: dict[str, object], channels: list[str]) -> None:
    assert channels_for(document(**changes), ROUTES) == channels


@pytest.mark.parametrize(
    ("status", "severity", "told", "expected"),
    [
        (Status.SUSPECTED, Severity.MEDIUM, (), Verdict.TELL),
        (Status.SUSPECTED, Severity.MEDIUM, ("suspected-medium",), Verdict.KNOWN),
        (Status.SUSPECTED, Severity.LOW, ("suspected-medium",), Verdict.KNOWN),
        (Status.SUSPECTED, Severity.HIGH, ("suspected-medium",), Verdict.TELL),
        (Status.CONFIRMED, Severity.LOW, ("suspected-medium",), Verdict.TELL),
        (Status.SUSPECTED, Severity.MEDIUM, ("confirmed-medium",), Verdict.KNOWN),
        (Status.CLEARED, Severity.MEDIUM, (), Verdict.KNOWN),
        (Status.CLEARED, Severity.MEDIUM, ("suspected-medium",), Verdict.TELL),
        (Status.CLEARED, Severity.MEDIUM, ("suspected-medium", "cleared"), Verdict.KNOWN),
    ],
)
def test_news(status: Status, severity: Severity, told: tuple[str, ...], expected: Verdict) -> None:
    assert told_of(status, severity, told) == expected


def test_quiet_hours_are_the_sites() -> None:
    quiet = Quiet(hours="22:00-06:00", breaks=Severity.CRITICAL)
    late = int(datetime(2025, 6, 3, 20, 30, tzinfo=UTC).timestamp() * 1000)
    assert told_of(Status.SUSPECTED, Severity.HIGH, quiet=quiet, at=late) == Verdict.TELL
    alert = document(severity=Severity.HIGH)
    assert verdict(alert, (), quiet, ZoneInfo("Europe/Berlin"), late) == Verdict.QUIET
    assert verdict(document(severity=Severity.CRITICAL), (), quiet, ZoneInfo("Europe/Berlin"), late) == "tell"
    deaf = Quiet(hours="22:00-06:00", breaks=None)
    assert verdict(document(severity=Severity.CRITICAL), (), deaf, ZoneInfo("Europe/Berlin"), late) == "quiet"


@given(st.lists(st.tuples(st.sampled_from(Status), st.sampled_from(Severity)), max_size=12))
def test_nothing_is_told_twice_and_no_clearance_comes_unasked(history: list[tuple[Status, Severity]]) -> None:
    told: list[str] = []
    for status, severity in history:
        alert = document(status=status, severity=severity)
        if verdict(alert, told, None, UTC, NOON) == Verdict.TELL:
            assert state_of(alert) in STATES
            assert state_of(alert) not in told
            assert status != Status.CLEARED or told
            told.append(state_of(alert))
