"""THREAT_SCORES: the same row whatever order alerts and posts come in, and nothing published without need."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.detectors.warehouse.threat_scores import FACTORS_CAP, ThreatScores, ThreatState
from guardian.engine.context import Context
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS, SOCIAL
from guardian.testing import at
from guardian.testing.warehouse import post

TYPES = ("QR_CODE_CLONED", "GRADUAL_THEFT", "LONG_QUEUE")


def detector() -> ThreatScores:
    return ThreatScores(types=TYPES, lateness_ms=5_000)


def alert(
    identifier: str,
    second: float,
    severity: Severity = Severity.HIGH,
    status: Status = Status.CONFIRMED,
    **evidence: Any,
) -> Event:
    """An alert as the engine hands it on."""
    value = Alert(
        alert_id=identifier,
        type="GRADUAL_THEFT",
        severity=severity,
        status=status,
        site="WH1",
        subject=Subject("product", "P1"),
        event_time=at(second),
        started_at=at(second),
        ended_at=at(second),
        detected_at=at(second),
        evidence=evidence,
        detector=DetectorRef("GRADUAL_THEFT", 1),
    )
    return Event(FRAUD_ALERTS, value.event_time, value, None, "GRADUAL_THEFT", 0, b"")


def published(events: list[Event], key: str = "location:L") -> list[Any]:
    """The rows of one key, as they are kept."""
    scores, state = detector(), ThreatState()
    context = Context(scores.about, 0, "WH1", UTC)
    handlers = {given.topic: given.apply for given in scores.inputs}
    for event in events:
        context.key, context.now = key, event.time
        handlers[event.topic](state, event, context)
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=ThreatState)
    return [row.row for row in context.history]


happenings = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20), st.integers(0, 8 * 86_400), st.sampled_from(Severity)),
    min_size=1,
    max_size=25,
    unique_by=lambda one: one[:2],
).map(
    lambda rows: [
        post(second, "theft", location="L", id=f"p{number}")
        if is_post
        else alert(f"a{number}", second, severity)
        for is_post, number, second, severity in rows
    ]
)


@settings(deadline=None)
@given(happenings, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(events: list[Event], chance: Any) -> None:
    shuffled = events[:]
    chance.shuffle(shuffled)

    assert published(shuffled)[-1] == published(events)[-1]


@settings(deadline=None)
@given(happenings)
def test_the_same_again_publishes_nothing(events: list[Event]) -> None:
    assert published([one for event in events for one in (event, event)]) == published(events)


@settings(deadline=None)
@given(happenings)
def test_scores_stay_between_nothing_and_a_hundred(events: list[Event]) -> None:
    for row in published(events):
        assert 0 <= row.score <= 100
        assert row.score == round(row.score, 1)


def test_an_alert_that_grows_replaces_its_factor() -> None:
    rows = published(
        [
            alert("a", 0, Severity.MEDIUM, Status.SUSPECTED),
            alert("a", 0, Severity.MEDIUM, Status.SUSPECTED),
            alert("a", 0, Severity.CRITICAL, Status.SUSPECTED),
            alert("a", 0, Severity.CRITICAL, Status.CONFIRMED),
            alert("a", 0, Severity.CRITICAL, Status.CLEARED),
            alert("b", 0, Severity.LOW, Status.CLEARED),
        ]
    )

    assert [row.score for row in rows] == [7.5, 30.0, 60.0, 0.0]
    assert rows[-1].factors == []


def test_only_the_weightiest_are_shown_and_all_are_bounded() -> None:
    rows = published([alert(f"a{number}", number, Severity.LOW) for number in range(FACTORS_CAP + 50)])

    assert len(rows[-1].factors) == 20
    assert rows[-1].factors[0].ref == f"a{FACTORS_CAP + 49}"


def test_what_is_long_over_is_forgotten() -> None:
    rows = published([alert("old", 0), alert("new", 11 * 86_400), alert("old", 0)])

    assert [[factor.ref for factor in row.factors] for row in rows] == [["old"], ["new"]]


@pytest.mark.parametrize(
    ("evidence", "keys"),
    [
        ({"product_id": "P1", "location": "WH1/A-1"}, ["product:P1", "location:WH1/A-1"]),
        ({"sku": "S", "product_sku": "S", "actual_sku": "T"}, ["product:S", "product:T"]),
        ({"employee_id": "E1", "employee_ids": ["E2", "E1"]}, ["employee:E1", "employee:E2"]),
        ({"station_id": "SCC1", "customer_id": "C1"}, ["location:SCC1"]),
        ({"product_ids": [f"P{n}" for n in range(300)]}, [f"product:P{n}" for n in range(200)]),
        ({"product_id": None, "employee_ids": [7], "difference": 3}, []),
    ],
    ids=str,
)
def test_what_is_named_is_scored(evidence: dict[str, Any], keys: list[str]) -> None:
    given, _ = detector().inputs

    assert given.key(alert("a", 0, **evidence)) == keys


@pytest.mark.parametrize(
    ("content", "sentiment", "about_crime"),
    [
        ("Anybody else see the break-in?", 0.0, True),
        ("Two men STEALING tablets", 0.2, True),
        ("stolen goods offered cheap", "neutral", True),
        ("A gang was seen", 0.0, True),
        ("Worst place ever", -0.5, True),
        ("Worst place ever", "Negative", True),
        ("A steel shelf fell off the gangway", 0.0, False),
        ("Queue again", -0.3, False),
        ("Great", "positive", False),
    ],
)
def test_posts_about_crime(content: str, sentiment: float | str, about_crime: bool) -> None:
    _, given = detector().inputs
    keys = given.key(post(0, content, sentiment=sentiment, location="WH1/DOCK-1"))

    assert given.topic == SOCIAL
    assert keys == (["location:WH1/DOCK-1", "location:WH1"] if about_crime else None)


def test_alerts_that_are_no_threat_are_not_consumed() -> None:
    assert detector().inputs[0].types == {"QR_CODE_CLONED", "GRADUAL_THEFT"}
