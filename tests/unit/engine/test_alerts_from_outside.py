"""Alerts of another engine: taken as if raised here, in their place, once; and time stays where it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.engine.watermark import Watermark
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS
from guardian.testing.states import MemoryStates
from tests.unit.engine.toys import BASE, LATENESS, LONG, NOTES, Recorder, note, one_key, run, started

SIZES = pytest.mark.parametrize("size", [1, 2, 5, 100])


def told(time: int, type_: str = "ELSEWHERE", count: int = 1, id: str | None = None, **more: Any) -> Event:
    """An alert that comes from outside, about `time` ms after BASE."""
    at = BASE + time
    values: dict[str, Any] = {
        "alert_id": f"{type_}-{time}",
        "type": type_,
        "severity": Severity.LOW,
        "status": Status.CONFIRMED,
        "site": "toys",
        "subject": Subject("toy", "s"),
        "event_time": at,
        "started_at": at,
        "ended_at": at,
        "detected_at": at,
        "count": count,
        "evidence": {},
        "detector": DetectorRef(type_, 1),
    }
    alert = Alert(**(values | more))
    return Event(FRAUD_ALERTS, at, alert, id or f"{alert.alert_id}-{count}", "fraud-alerts", 0, b"")


def listener(*types: str, name: str = "L") -> Recorder:
    return Recorder(name, {NOTES: one_key}, types=frozenset(types))


@SIZES
def test_it_is_heard_in_its_place(size: int) -> None:
    events = [*started(), note(10, text="a"), told(5), note(20, text="b"), told(15, count=2)]
    outcome = run([listener("ELSEWHERE")], [events], slice_events=size)
    assert outcome.log("L") == ["a@10", "ELSEWHERE/s#1@5", "b@20", "ELSEWHERE/s#2@15"]
    assert outcome.counters[f"events.{FRAUD_ALERTS}"] == 2


@SIZES
def test_each_content_is_heard_once(size: int) -> None:
    events = [*started(), told(5), told(5), told(5, count=2), told(5, count=2)]
    whole = run([listener("ELSEWHERE")], [events], slice_events=size)
    one_by_one = run([listener("ELSEWHERE")], [[event] for event in events])
    assert whole.log("L") == one_by_one.log("L") == ["ELSEWHERE/s#1@5", "ELSEWHERE/s#2@5"]


@SIZES
def test_ones_own_and_those_of_another_site_are_passed_over(size: int) -> None:
    detectors = [Recorder("A"), listener("A", "ELSEWHERE")]
    events = [
        *started(),
        note(1, "k", text="x"),
        told(2, "A"),
        told(3, site="other"),
        told(4, "UNWANTED"),
        told(5),
    ]
    outcome = run(detectors, [events], slice_events=size)
    assert outcome.log("L") == ["x@1", "A/k#1@1", "ELSEWHERE/s#1@5"]


def test_a_raised_one_and_a_told_one_are_heard_alike() -> None:
    """What L makes of alerts is the same whether their detector runs beside it or elsewhere."""
    notes = [*started(), note(1, "k"), note(2, "k"), note(30, "k")]
    together = run([Recorder("A"), listener("A")], [notes])

    engine, states = Engine([Recorder("A")], site="toys", lateness_ms=LATENESS), MemoryStates()
    mixed: list[Event] = []
    for one in notes:
        plan = engine.process(Batch([one]), states)
        states.commit(plan)
        mixed.append(one)
        for alert in plan.alerts.values():
            content = msgspec.json.encode(alert)
            known = msgspec.json.decode(content, type=Alert)
            mixed.append(Event(FRAUD_ALERTS, alert.event_time, known, str(content), "fraud-alerts", 0, b""))
    apart = run([listener("A")], [mixed])
    assert together.log("L") == ["n@1", "A/k#1@1", "n@2", "A/k#2@1", "n@30", "A/k#3@1"]
    assert apart.log("L") == together.log("L")


def test_it_moves_no_watermark_and_is_not_late() -> None:
    engine = Engine([listener("ELSEWHERE")], site="toys", lateness_ms=LATENESS)
    states = MemoryStates()
    states.commit(engine.process(Batch([*started(), note(100)]), states))
    before = msgspec.msgpack.encode(engine.watermark)
    plan = engine.process(Batch([told(-LONG), told(LONG // 2), told(LONG), told(LONG, "A")]), states)
    states.commit(plan)
    assert msgspec.msgpack.encode(engine.watermark) == before == plan.watermark
    assert "late" not in plan.counters
    plan = engine.process(Batch([told(LONG), note(120), told(-LONG), note(10)]), states)
    assert engine.watermark.newest == BASE + 120
    assert plan.counters["late"] == 1


def test_the_very_first_may_be_an_alert() -> None:
    engine = Engine([listener("ELSEWHERE")], site="toys", lateness_ms=LATENESS)
    states = MemoryStates()
    states.commit(engine.process(Batch([told(5)]), states))
    assert msgspec.msgpack.encode(engine.watermark) == msgspec.msgpack.encode(Watermark(LATENESS))


def test_deadlines_it_asks_for_pass() -> None:
    class Waiting(Recorder):
        def hear_alert(self, state: Any, event: Event, ctx: Any) -> None:
            state.agenda.append((event.time + 50, "", ""))
            state.wake_by(event.time + 50)

    waiting = Waiting("L", {NOTES: one_key}, types=frozenset({"ELSEWHERE"}))
    outcome = run([waiting], [[*started(), told(5), note(40), note(200)]], finish=False)
    assert outcome.log("L") == ["n@40", "woken 55", "n@200"]
    long_over = run([waiting], [[*started(), note(200), told(5), note(210)]], finish=False)
    assert long_over.log("L") == ["n@200", "woken 55", "n@210"]


@SIZES
def test_one_that_fails_fails_alone(size: int) -> None:
    class Picky(Recorder):
        def hear_alert(self, state: Any, event: Event, ctx: Any) -> None:
            super().hear_alert(state, event, ctx)
            _ = event.value.evidence["station_id"]

    picky = Picky("L", {NOTES: one_key}, types=frozenset({"ELSEWHERE"}))
    events = [*started(), note(1), told(2), note(3), told(4, evidence={"station_id": "S"})]
    outcome = run([picky], [events], slice_events=size)
    assert outcome.log("L") == ["n@1", "n@3", "ELSEWHERE/s#1@4"]
    ((detector, _, event, _),) = outcome.failures
    assert (detector, event) == ("L", "ELSEWHERE-2-1")
