"""Stages: who feeds whom, in which order things are heard, and what an alert finally says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest

from guardian.alerts.model import Alert
from guardian.engine.detector import Detector
from guardian.engine.engine import Engine, StageOrderError, in_stages
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.testing.states import MemoryStates
from tests.unit.engine.toys import (
    BASE,
    LATENESS,
    NOTES,
    Recorder,
    clock,
    note,
    one_key,
    own_keys,
    run,
    started,
)

SIZES = pytest.mark.parametrize("size", [1, 2, 5, 100])


def feeding(name: str, hears: str = NOTES, *emits: str, types: frozenset[str] = frozenset()) -> Recorder:
    return Recorder(name, {hears: one_key}, emits=emits, types=types)


@pytest.mark.parametrize(
    ("detectors", "before"),
    [
        ([feeding("B", "x"), feeding("A", NOTES, "x")], ["A", "B"]),
        ([feeding("C", "y"), feeding("B", "x", "y"), feeding("A", NOTES, "x")], ["A", "B", "C"]),
        ([feeding("B", types=frozenset({"A"})), feeding("A")], ["A", "B"]),
        ([feeding("B", types=frozenset({"A", "not here"})), feeding("A")], ["A", "B"]),
        ([feeding("C", "x"), feeding("A", NOTES, "x"), feeding("B", NOTES, "x")], ["A", "C"]),
        ([feeding("C", "x"), feeding("A", NOTES, "x"), feeding("B", NOTES, "x")], ["B", "C"]),
    ],
)
def test_who_feeds_comes_first(detectors: list[Detector[Any]], before: list[str]) -> None:
    order = [detector.about.id for detector in in_stages(detectors)]
    assert sorted(order) == sorted(detector.about.id for detector in detectors)
    assert [name for name in order if name in before] == before
    engine = Engine(detectors, site="toys", lateness_ms=LATENESS)
    assert [detector.about.id for detector in engine.detectors] == order


@pytest.mark.parametrize(
    ("detectors", "message"),
    [
        ([feeding("A", "x", "x")], "circle"),
        ([feeding("A", "y", "x"), feeding("B", "x", "y")], "circle"),
        ([feeding("A", types=frozenset({"A"}))], "circle"),
        ([feeding("A", types=frozenset({"B"})), feeding("B", types=frozenset({"A"}))], "circle"),
        (
            [feeding("A", "y", "x"), feeding("B", "x"), feeding("C", NOTES, "y", types=frozenset({"B"}))],
            "circle",
        ),
        ([feeding("A"), feeding("B"), feeding("A")], "one id"),
    ],
)
def test_circles_and_double_ids_are_refused(detectors: list[Detector[Any]], message: str) -> None:
    with pytest.raises(StageOrderError, match=message):
        Engine(detectors, site="toys", lateness_ms=LATENESS)


ORDER = """
from guardian.engine.engine import in_stages
from tests.unit.engine.test_stages import feeding
alone = [feeding("Z", types=frozenset("ABCDEFGH")), *map(feeding, "ABCDEFGH")]
print(*(detector.about.id for detector in in_stages(alone)))
"""


def test_the_order_of_stages_is_the_same_in_every_process() -> None:
    """Stages break ties between what different detectors say at one instant, so they must not vary."""
    orders = {
        subprocess.run(
            [sys.executable, "-c", ORDER],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(orders) == 1


def heard(detectors: list[Detector[Any]], events: list[Event], size: int, who: str) -> list[str]:
    return run(detectors, [events[at : at + size] for at in range(0, len(events), size)]).log(who)


@SIZES
def test_a_later_stage_hears_in_order_of_arrival(size: int) -> None:
    """What several keys say, and the events of the stream itself, come in one order."""
    events = [
        *started(),
        note(5, "b", text="n1"),
        note(1, "a", text="n2"),
        note(7, "b", "a", text="n3"),
        note(3, text="n4"),
        note(2, "a", text="n5"),
    ]
    detectors = [Recorder("A", emits=("x",)), Recorder("B", {"x": one_key, NOTES: one_key})]
    assert heard(detectors, events, size, "B") == [
        *("n1@5", "A/b:n1@5@5"),
        *("n2@1", "A/a:n2@1@1"),
        *("n3@7", "A/a:n3@7@7", "A/b:n3@7@7"),
        "n4@3",
        *("n5@2", "A/a:n5@2@2"),
    ]


@SIZES
def test_deadlines_of_both_stages_and_events_come_in_one_order(size: int) -> None:
    events = [
        *started(),
        note(0, "a", text="n1", wake=20),
        note(0, "b", text="n2", wake=30),
        clock(31 + LATENESS),
        note(32 + LATENESS, "c", text="n3"),
        clock(43 + LATENESS),
    ]
    detectors = [Recorder("A", emits=("x",)), Recorder("B", {"x": one_key, NOTES: one_key})]
    assert heard(detectors, events, size, "B") == [
        *("n1@0", "A/a:n1@0@0"),
        *("n2@0", "A/b:n2@0@0"),
        *("A/a:woken 20@20", "woken 20", "woken 20"),
        *("A/b:woken 30@30", "woken 30", "woken 30"),
        *(f"n3@{32 + LATENESS}", f"A/c:n3@{32 + LATENESS}@{32 + LATENESS}"),
        *("woken 33", "woken 43"),
    ]


@SIZES
def test_alerts_are_a_stream_too(size: int) -> None:
    """Every state of an alert is heard, of the types wanted and no others."""
    events = [*started(), note(1, "a", wake=5), note(2, "b"), note(3, "a")]
    detectors = [
        Recorder("C", {"nothing": one_key}, types=frozenset({"A"})),
        Recorder("A"),
        Recorder("B"),
    ]
    assert heard(detectors, events, size, "C") == ["A/a#1@1", "A/b#1@2", "A/a#2@1", "A/a#3@1"]


@SIZES
def test_an_alert_is_narrated_in_its_final_state(size: int) -> None:
    events = [*started(), *(note(number, "a", text=f"n{number}") for number in range(4))]
    outcome = run([Recorder("A")], [events[at : at + size] for at in range(0, len(events), size)])
    (alert,) = outcome.alerts.values()
    assert b'"narrative":"a: 4 lines, the last n3@3."' in alert


def test_a_narrative_tells_times_in_the_sites_zone() -> None:
    class Timed(Recorder):
        def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
            return when(alert.event_time)

    zone = timezone(timedelta(hours=5, minutes=30))
    engine = Engine([Timed("A")], site="toys", lateness_ms=LATENESS, zone=zone)
    plan = engine.process(Batch([note(1_999, "a")]), MemoryStates())
    assert [alert.narrative for alert in plan.alerts.values()] == ["2025-06-15 20:36:41"]
    assert BASE == 1_750_000_000_000


def test_what_an_alert_says_of_itself() -> None:
    engine = Engine([Recorder("A")], site="toys", lateness_ms=LATENESS)
    plan = engine.process(Batch([note(7, "a", text="n")]), MemoryStates())
    ((identifier, alert),) = plan.alerts.items()
    assert alert.alert_id == identifier
    assert (alert.type, alert.site, alert.detector.id, alert.detector.version) == ("A", "toys", "A", 1)
    assert (alert.subject.kind, alert.subject.id) == ("toy", "a")
    assert {alert.event_time, alert.started_at, alert.ended_at, alert.detected_at} == {BASE + 7}
    assert alert.evidence == {"lines": ["n@7"]}
    assert alert.recommended_actions == ("look", "think")
    assert alert.status == "confirmed"


@SIZES
def test_an_event_for_several_keys_and_streams_reaches_each_once(size: int) -> None:
    listens = {NOTES: own_keys, "more": own_keys}
    events = [
        *started(),
        note(1, "a", "b", text="n1", id="x"),
        note(2, "b", text="n2", id="y", topic="more"),
        note(3, "a", text="n3", id="y", topic="more"),
        note(4, "b", text="n4"),
    ]
    outcome = run([Recorder("A", listens)], [events[at : at + size] for at in range(0, len(events), size)])
    assert outcome.log("A", "a") == ["n1@1", "n3@3"]
    assert outcome.log("A", "b") == ["n1@1", "n2@2", "n4@4"]
