"""From a batch of events and the states they touch to a plan. A function: no I/O, no clock.

Why decisions do not depend on how the input is cut into batches: within a key, events are applied in
order of arrival, and a wake-up is applied before the first event whose watermark has passed it. Keys do
not see each other; what one detector emits for another carries its place in that same order.

For the same reason a large batch may be run in slices: all detectors go through one slice while its events
are at hand, then through the next as if it were the next batch. Only the states are encoded once, at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from datetime import UTC, datetime, tzinfo
from graphlib import CycleError, TopologicalSorter
from operator import attrgetter
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.context import APPLIED, Derived, Place
from guardian.engine.detector import Detector
from guardian.engine.plan import Batch, Failure, Plan
from guardian.engine.runner import DerivedStream, Runner, UnsoundError
from guardian.engine.state import NEVER, StateView
from guardian.engine.watermark import Watermark
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS

END_OF_INPUT = NEVER - 1
"""A watermark past every deadline."""


SLICE = 2_048
"""Events that all detectors go through before the next: as many as stay in the processor's cache."""


OUTSIDE = -1
"""The stage of alerts that come from outside: before that of every detector."""

_topic = attrgetter("topic")


class StageOrderError(ValueError):
    """Detectors that feed each other in a circle, or two with the same id."""


class Engine:
    """A fixed set of detectors, run over batches.

    Among the events may be alerts that another engine has raised: events of the topic `fraud-alerts`, each
    with an `Alert` as its value and an id that names this content of it. Detectors are given them as if one
    of this engine had raised them there and then. Alerts of a detector of this engine are passed over, and
    so are those of another site. None of them moves the watermark.

    The only thing it carries from batch to batch is the watermark, given out with every plan and taken
    back by `restore`; everything else lives in the states.
    """

    def __init__(
        self,
        detectors: Sequence[Detector[Any]],
        *,
        site: str,
        lateness_ms: int,
        zone: tzinfo = UTC,
        slice_events: int = SLICE,
    ) -> None:
        """zone: the site's; narratives and evidence tell times in it. slice_events: see `SLICE`."""
        self.watermark = Watermark(lateness_ms)
        self._site = site
        self._zone = zone
        self._slice_events = slice_events
        self._runners = [
            Runner(detector, stage, site, zone) for stage, detector in enumerate(in_stages(detectors))
        ]
        self._wanted_alerts = frozenset(
            type_ for detector in detectors for given in detector.inputs for type_ in given.types
        )
        self._foreign_alerts = foreign_alerts(detectors)

    @property
    def detectors(self) -> list[Detector[Any]]:
        """The detectors, those that feed others first."""
        return [runner.detector for runner in self._runners]

    def restore(self, watermark: bytes) -> None:
        """Goes on with the watermark of the last committed plan, but with today's allowed lateness."""
        lateness = self.watermark.lateness_ms
        self.watermark = msgspec.msgpack.decode(watermark, type=Watermark)
        self.watermark.lateness_ms = lateness

    def process(self, batch: Batch, states: StateView) -> Plan:
        """Decides on everything in `batch`, and on every deadline its events make pass."""
        marks, late = self._observe(batch.events)
        plan = self._run(batch.events, marks, self.watermark.value, states)
        plan.rejected = batch.rejected
        plan.positions = batch.positions
        plan.arrived = batch.arrived
        if late:
            plan.counters["late"] += late
        if batch.rejected:
            plan.counters["quarantined"] += len(batch.rejected)
        return plan

    def tick(self, silence_ms: int, states: StateView) -> Plan:
        """Lets deadlines pass on streams that have been silent for `silence_ms`, by the caller's clock."""
        self.watermark.advance(silence_ms)
        return self._run([], [], self.watermark.value, states)

    def finish(self, states: StateView) -> Plan:
        """Lets every deadline pass: there is no more input. The watermark itself stays where it was."""
        return self._run([], [], END_OF_INPUT, states)

    def _observe(self, events: Sequence[Event]) -> tuple[list[int], int]:
        """Moves the watermark; what it is after each event, and how many were late.

        An alert from outside tells of what may be long ago, and is as late as the way it has come: it neither
        moves the watermark nor counts as late.
        """
        if FRAUD_ALERTS not in map(_topic, events):
            return self.watermark.observe(events)
        mark = self.watermark.value
        moved, late = self.watermark.observe([event for event in events if event.topic != FRAUD_ALERTS])
        following = iter(moved)
        marks = []
        for event in events:
            if event.topic != FRAUD_ALERTS:
                mark = next(following)
            marks.append(mark)
        return marks, late

    def _run(self, events: Sequence[Event], marks: list[int], until: int, states: StateView) -> Plan:
        due: dict[str, list[str]] = {}
        for detector_id, key in states.due(until):
            due.setdefault(detector_id, []).append(key)
        careful: set[str] = set()
        while True:
            try:
                return self._decide(events, marks, until, due, states, careful)
            except UnsoundError as failed:
                # Rare enough that the common case need not keep what it takes to go back by a single step.
                if failed.detector in careful:
                    raise
                careful.add(failed.detector)
                for runner in self._runners:
                    runner.undo()

    def _decide(
        self,
        events: Sequence[Event],
        marks: list[int],
        until: int,
        due: dict[str, list[str]],
        states: StateView,
        careful: Container[str],
    ) -> Plan:
        plan = Plan()
        for runner in self._runners:
            runner.begin(states, due.get(runner.id, ()), until, careful=runner.id in careful)
        alerts: dict[str, tuple[Alert, Detector[Any]]] = {}
        for first in range(0, len(events) or 1, self._slice_events):
            end = first + self._slice_events
            upto = until if end >= len(events) else marks[end - 1]
            self._run_slice(events[first:end], marks[first:end], upto, plan, alerts)
        for runner in self._runners:
            runner.finish(plan)
        self._narrate(alerts, plan)
        plan.watermark = msgspec.msgpack.encode(self.watermark)
        return plan

    def _run_slice(
        self,
        events: Sequence[Event],
        marks: Sequence[int],
        until: int,
        plan: Plan,
        alerts: dict[str, tuple[Alert, Detector[Any]]],
    ) -> None:
        by_topic: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        for indexed in enumerate(events):
            by_topic[indexed[1].topic].append(indexed)
        for topic, of_topic in by_topic.items():
            plan.counters[f"events.{topic}"] += len(of_topic)
        derived: dict[DerivedStream, list[Derived]] = defaultdict(list)
        for index, event in by_topic.pop(FRAUD_ALERTS, ()):
            alert = event.value
            if alert.type in self._foreign_alerts and alert.site == self._site:
                derived[FRAUD_ALERTS, alert.type].append((Place(index, APPLIED, 0, OUTSIDE, ""), event))
        for runner in self._runners:
            outcome = runner.run(by_topic, derived, marks, until, plan)
            if outcome is None:
                continue
            for alert in outcome.alerts:
                alerts[alert.alert_id] = alert, runner.detector
            for place, event in outcome.derived:
                if event.topic != FRAUD_ALERTS:
                    derived[event.topic].append((place, event))
                elif event.value.type in self._wanted_alerts:
                    derived[event.topic, event.value.type].append((place, event))

    def _narrate(self, alerts: dict[str, tuple[Alert, Detector[Any]]], plan: Plan) -> None:
        for identifier, (alert, detector) in alerts.items():
            try:
                alert.narrative = detector.narrate(alert, self._clock_time)
            except Exception as error:  # a person is better told badly than not at all
                alert.narrative = f"{detector.about.title}: {alert.subject.id}."
                plan.failures.append(
                    Failure(
                        detector.about.id, alert.subject.id, identifier, f"{type(error).__name__}: {error}"
                    )
                )
                plan.counters[f"{detector.about.id}.failed"] += 1
            plan.alerts[identifier] = alert

    def _clock_time(self, time: int) -> str:
        """A time as people say it: without the zone, which is the site's, and to the second."""
        return f"{datetime.fromtimestamp(time // 1000, self._zone):%Y-%m-%d %H:%M:%S}"


def foreign_alerts(detectors: Sequence[Detector[Any]]) -> frozenset[str]:
    """The types of alerts that some of the detectors consume and none of them raises."""
    wanted = {type_ for detector in detectors for given in detector.inputs for type_ in given.types}
    return frozenset(wanted - {detector.about.id for detector in detectors})


def in_stages(detectors: Sequence[Detector[Any]]) -> list[Detector[Any]]:
    """The detectors in an order in which whoever emits comes before whoever consumes it."""
    by_id = {detector.about.id: detector for detector in detectors}
    if len(by_id) < len(detectors):
        raise StageOrderError(f"two detectors with one id among {sorted(d.about.id for d in detectors)}")
    emitters: dict[str, list[str]] = {}
    for detector in detectors:
        for topic in detector.emits:
            emitters.setdefault(topic, []).append(detector.about.id)
    graph = {
        detector.about.id: [
            feeder
            for given in detector.inputs
            for feeder in [*emitters.get(given.topic, ()), *sorted(given.types & by_id.keys())]
        ]
        for detector in detectors
    }
    try:
        return [by_id[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise StageOrderError(
            f"detectors feed each other in a circle: {' → '.join(error.args[1])}"
        ) from error
