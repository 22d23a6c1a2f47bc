"""The kit itself: it must catch detectors that break the rules, or all other tests here mean little."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from guardian.alerts.model import Severity
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_PHYSICAL, POS, TOPICS
from guardian.testing import WAYS, Case, Finding, at, event, heartbeat, play, problems, sale


class CountState(KeyState):
    number: int = 0
    last: int = 0


class Third(Detector[CountState]):
    """Raises an alert with a customer's third sale, and is right about it."""

    state = CountState
    about = About(
        id="THIRD",
        version=1,
        title="Third",
        description="The third sale.",
        subject="customer",
        severities={Severity.LOW: "third"},
    )

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(POS, lambda event: event.value.data.customer_id, self.on_sale),)

    def on_sale(self, state: CountState, event: Event, ctx: Context) -> None:
        state.number += 1
        if state.number == 3:
            self.tell(ctx, event)

    def tell(self, ctx: Context, event: Event) -> None:
        ctx.alert(
            episode="third",
            subject=ctx.key,
            severity=Severity.LOW,
            event_time=event.time,
            evidence={"customer_id": ctx.key},
        )


class Forgetful(Third):
    """Counts outside its state."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.number = 0

    def on_sale(self, state: CountState, event: Event, ctx: Context) -> None:
        self.number += 1
        if self.number == 3:
            self.tell(ctx, event)


class InOrder(Third):
    """Believes that sales arrive in order."""

    def on_sale(self, state: CountState, event: Event, ctx: Context) -> None:
        if event.time >= state.last:
            state.last = event.time
            super().on_sale(state, event, ctx)


class Broken(Third):
    """Raises on the second sale."""

    def on_sale(self, state: CountState, event: Event, ctx: Context) -> None:
        if event.time == at(1):
            raise ValueError("boom")
        super().on_sale(state, event, ctx)


CASE = Case(
    name="three sales",
    kind="hit",
    events=[sale(0, "SOAP"), sale(1, "SOAP"), sale(2, "SOAP")],
    expect=[Finding("THIRD", "C1", "low", {"customer_id": "C1"})],
)


def failing(detector: type[Detector[Any]], case: Case = CASE) -> set[str]:
    """The ways in which the case is not played as it must be."""
    return {
        way.name.rstrip(" 0123456789")
        for way in WAYS
        if problems(case, lambda: [detector(lateness_ms=5_000)], way)
    }


def test_what_is_not_in_the_state_does_not_survive_a_crash() -> None:
    assert {"crashed after every event", "crashed and redelivered"} <= failing(Forgetful)


def test_order_does_not_matter() -> None:
    assert failing(InOrder) == {"shuffled"}


def test_a_failure_is_a_problem() -> None:
    found = problems(CASE, lambda: [Broken(lateness_ms=5_000)], WAYS[0])

    assert any("ValueError: boom" in line for line in found)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"expect": []}, "not expected: THIRD C1 low confirmed"),
        ({"expect": [*CASE.expect, *CASE.expect]}, "missing: THIRD C1 low confirmed"),
        ({"expect": [Finding("THIRD", "C1", "high")]}, "missing: THIRD C1 high confirmed"),
        ({"expect": [Finding("THIRD", "C1", "low", {"customer_id": "C2"})]}, "'C1' instead of 'C2'"),
        ({"expect": [Finding("THIRD", "C1", "low", {"customer_id": None})]}, "'C1' instead of None"),
        ({"expect": [Finding("THIRD", "C1", "low", when=1)]}, "when: 2 s instead of 1 s"),
        ({"expect": [Finding("THIRD", "C1", "low", count=3)]}, "count: 1 instead of 3"),
        ({"counts": {"THIRD.applied": 4}}, "counter THIRD.applied: 3 instead of 4"),
        ({"history": [{"kind": "session"}]}, "no row kept"),
    ],
    ids=str,
)
def test_what_is_not_as_expected_is_told(changes: dict[str, Any], problem: str) -> None:
    case = msgspec.structs.replace(CASE, **changes)
    found = problems(case, lambda: [Third(lateness_ms=5_000)], WAYS[0])

    assert any(problem in line for line in found)


def test_events_without_an_id_are_known_by_their_position() -> None:
    twice = sale(0, "SOAP")

    assert play([twice, twice, twice], lambda: [Third(lateness_ms=5_000)]).alerts


def test_events_keep_to_their_contract() -> None:
    with pytest.raises(msgspec.ValidationError, match="price"):
        sale(0, "SOAP", price=-1.0)
    with pytest.raises(ValueError, match="required"):
        event(POS, 0, {"station_id": "SCC1", "status": "Active"})


def test_events_of_every_stream_can_be_made() -> None:
    made = event(
        INVENTORY_PHYSICAL,
        1.5,
        {"product_id": "P1", "location": "A", "quantity": 3, "rfid_detected": True, "sensor_id": "S1"},
    )

    assert made.time == at(1.5)
    assert isinstance(made.value, TOPICS[INVENTORY_PHYSICAL].contract)
    assert heartbeat(2).time == at(2)
