"""From a batch of events and the states they touch to a plan. A function: no I/O, no clock.

Why decisions do not depend on how the input is cut into batches: within a key, events are applied in
order of arrival, and a wake-up is applied before the first event whose watermark has passed it. Keys do
not see each other; what one detector emits for another carries its place in that same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from graphlib import CycleError, TopologicalSorter
from typing import Any

import msgspec

from guardian.engine.context import Derived
from guardian.engine.detector import Detector
from guardian.engine.plan import Batch, Failure, Plan
from guardian.engine.runner import Runner
from guardian.engine.state import NEVER, StateView
from guardian.engine.watermark import Watermark
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS

END_OF_INPUT = NEVER - 1
"""A watermark past every deadline."""


class StageOrderError(ValueError):
    """Detectors that feed each other in a circle, or two with the same id."""


class Engine:
    """A fixed set of detectors, run over batches.

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
    ) -> None:
        """`zone` is the site's: narratives and evidence tell times in it."""
        self.watermark = Watermark(lateness_ms)
        self._zone = zone
        self._runners = [
            Runner(detector, stage, site, zone) for stage, detector in enumerate(in_stages(detectors))
        ]
        self._wanted_alerts = frozenset(
            type_ for detector in detectors for given in detector.inputs for type_ in given.types
        )

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
        marks, late = self.watermark.observe(batch.events)
        plan = self._run(batch.events, marks, self.watermark.value, states)
        plan.rejected = batch.rejected
        plan.positions = batch.positions
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

    def _run(self, events: Sequence[Event], marks: list[int], until: int, states: StateView) -> Plan:
        plan = Plan()
        by_topic: dict[str, list[tuple[int, Event]]] = {}
        for index, event in enumerate(events):
            try:
                by_topic[event.topic].append((index, event))
            except KeyError:
                by_topic[event.topic] = [(index, event)]
        for topic, indexed in by_topic.items():
            plan.counters[f"events.{topic}"] += len(indexed)
        due: dict[str, list[str]] = {}
        for detector_id, key in states.due(until):
            due.setdefault(detector_id, []).append(key)

        derived: dict[str, list[Derived]] = {}
        alerts = {}
        for runner in self._runners:
            outcome = runner.run(by_topic, derived, due.get(runner.id, ()), marks, until, states, plan)
            alerts.update({alert.alert_id: (alert, runner.detector) for alert in outcome.alerts})
            for place, event in outcome.derived:
                if event.topic != FRAUD_ALERTS or event.value.type in self._wanted_alerts:
                    derived.setdefault(event.topic, []).append((place, event))
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
        plan.watermark = msgspec.msgpack.encode(self.watermark)
        return plan

    def _clock_time(self, time: int) -> str:
        """A time as people say it: without the zone, which is the site's, and to the second."""
        return f"{datetime.fromtimestamp(time // 1000, self._zone):%Y-%m-%d %H:%M:%S}"


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
