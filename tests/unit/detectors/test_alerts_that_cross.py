"""Alerts told by another part: in any order, some contents never, some before the events they are about."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.detectors.store.rapid_transactions import SESSIONS, RapidTransactions
from guardian.detectors.store.staffing_need import StaffingNeed
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS
from guardian.testing import Outcome, at, play, sale
from guardian.testing.play import SITE


def told(type_: str, station: str, since: float, until: float, **evidence: Any) -> Event:
    """A content of the alert about a station that begins at `since`."""
    alert = Alert(
        alert_id=f"{type_}-{station}-{since}",
        type=type_,
        severity=Severity.MEDIUM,
        status=Status.CONFIRMED,
        site=SITE,
        subject=Subject("station", station),
        event_time=at(since),
        started_at=at(since),
        ended_at=at(until),
        detected_at=at(since),
        evidence={"station_id": station, **evidence},
        detector=DetectorRef(type_, 1),
    )
    identity = msgspec.json.encode(alert).decode()
    return Event(FRAUD_ALERTS, alert.event_time, alert, identity, "fraud-alerts", 0, b"")


def needs(events: list[Event]) -> Outcome:
    return play(events, lambda: [StaffingNeed(lateness_ms=5_000)])


def queue_at(station: str, since: float, until: float, ongoing: bool = True) -> Event:
    return told("LONG_QUEUE", station, since, until, ongoing=ongoing)


@pytest.mark.parametrize(
    "contents",
    list(itertools.permutations([(0, 0, True), (0, 70, True), (0, 90, True), (0, 90, False)])),
)
def test_a_long_queue_needs_a_cashier_whatever_is_told_first(contents: Any) -> None:
    outcome = needs([queue_at("S1", *content) for content in contents])
    (alert,) = outcome.alerts.values()
    assert alert.started_at == at(70) or alert.started_at == at(90)
    assert alert.ended_at == at(90)


def test_the_end_alone_tells_enough() -> None:
    """A part that had much to catch up with has told of a queue when it was over."""
    (alert,) = needs([queue_at("S1", 0, 90, ongoing=False)]).alerts.values()
    assert alert.ended_at == at(90)
    assert not needs([queue_at("S1", 0, 50, ongoing=False)]).alerts


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_two_stations_at_once_whatever_is_told_first(order: tuple[int, ...]) -> None:
    contents = [queue_at("S1", 0, 10), queue_at("S1", 0, 50), queue_at("S2", 75, 80)]
    (alert,) = needs([contents[number] for number in order]).alerts.values()
    assert alert.evidence["stations_under_pressure"] == 2
    assert not needs([contents[0], contents[2]]).alerts


def test_an_alert_before_its_sale_is_in_the_session() -> None:
    weighed = told("WEIGHT_DISCREPANCY", "SCC1", 10, 10, customer_id="C1")
    long_before = told("WEIGHT_DISCREPANCY", "SCC1", -900, -900, customer_id="C1")
    of_another = told("WEIGHT_DISCREPANCY", "SCC1", 11, 11, customer_id="C2")
    sales = [sale(10, "TEA", customer="C1"), sale(20, "MILK", customer="C1")]
    for events in itertools.permutations([long_before, weighed, weighed, of_another]):
        for place in range(len(events) + 1):
            mixed = [*events[:place], *sales, *events[place:]]
            outcome = play(mixed, lambda: [RapidTransactions(lateness_ms=5_000)])
            (session,) = [row.row for (kind, _), row in outcome.history.items() if kind == SESSIONS]
            assert weighed.value.alert_id in session["alerts"]
            assert of_another.value.alert_id not in session["alerts"]
