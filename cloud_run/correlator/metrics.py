"""What the correlator counts and measures, for Prometheus."""

from __future__ import annotations

import time
from collections import Counter as Tally, OrderedDict
from functools import partial
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from guardian.engine.arrivals import Ranges, missing
from guardian.events.topics import FRAUD_ALERTS, TOPICS
from guardian.ports import StateStore
from guardian.runtime.grouping import Done, Grouping
from guardian.runtime.relay import Relay

KNOWN = frozenset({*TOPICS, FRAUD_ALERTS})
REMEMBERED = 50_000
"""Alerts whose last status is remembered, so that one that only grows is not counted again."""

_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Watched(Protocol):
    """What is asked for what changes by the moment; `guardian.runtime.part.PartProcess` is one."""

    @property
    def grouping(self) -> Grouping:
        """What takes requests."""

    @property
    def relay(self) -> Relay | None:
        """What publishes alerts, if it does."""

    @property
    def store(self) -> StateStore:
        """Where everything is kept."""


@runtime_checkable
class Billed(Protocol):
    """A store that counts documents as they are billed, and knows what has arrived."""

    reads: int
    writes: int
    deletes: int

    def arrived(self) -> dict[str, Ranges]:
        """By partition, the offsets that have been committed."""


class Metrics:
    """Counts since the process began. `done` is called by one thread, the rest by any."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "guardian_events",
            "Records by stream and outcome: committed, quarantined, or failed with their commit.",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self._requests = Counter(
            "guardian_requests", "Requests by path and status.", ["path", "status"], registry=self.registry
        )
        self._batch = Histogram(
            "guardian_batch_records",
            "Records that shared a commit.",
            buckets=_BATCH_SIZES,
            registry=self.registry,
        )
        self._seconds = Histogram(
            "guardian_commit_seconds",
            "Deciding and committing a batch.",
            ["outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._alerts = Counter(
            "guardian_alerts", "Alerts that came into a status.", ["type", "status"], registry=self.registry
        )
        self._waiting = Gauge(
            "guardian_waiting_records",
            "Records that wait for their commit to begin.",
            registry=self.registry,
        )
        self._lag = Gauge(
            "guardian_watermark_lag_seconds",
            "Clock minus watermark; NaN before the first events.",
            registry=self.registry,
        )
        self._last_status: OrderedDict[str, str] = OrderedDict()

    def watch(self, process: Watched) -> None:
        """Asks it for what changes by the moment, whenever somebody looks."""
        grouping, relay, store = process.grouping, process.relay, process.store
        self._waiting.set_function(lambda: float(grouping.waiting))
        self._lag.set_function(lambda: _lag_s(grouping.watermark))
        if relay is not None:
            self._gauge("guardian_relay_waiting", "Alerts in memory, not published yet.").set_function(
                lambda: float(relay.pending_in_memory)
            )
            self._gauge("guardian_relay_up", "1 while the relay works, 0 when it has died.").set_function(
                lambda: float(relay.alive)
            )
        if isinstance(store, Billed):
            for kind in ("reads", "writes", "deletes"):
                billed = self._gauge(f"guardian_store_{kind}", f"Documents since the process began: {kind}.")
                billed.set_function(partial(_number, store, kind))
            self._gauge(
                "guardian_records_missing", "Records between those that have arrived: on their way, or lost."
            ).set_function(lambda: float(sum(map(missing, store.arrived().values()))))

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def request(self, path: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(path, str(status)).inc()

    def done(self, done: Done) -> None:
        """A batch is done, or deadlines have been looked at."""
        outcome = "failed" if done.plan is None else "committed"
        self._seconds.labels(outcome).observe(done.seconds)
        if done.requests:
            self._batch.observe(len(done.events) + len(done.rejected))
        for topic, number in Tally(event.topic for event in done.events).items():
            self._events.labels(topic, outcome).inc(number)
        quarantined = "failed" if done.plan is None else "quarantined"
        for name, number in Tally(record.topic for record in done.rejected).items():
            self._events.labels(name if name in KNOWN else "unknown", quarantined).inc(number)
        if done.plan is None:
            return
        for alert in done.plan.alerts.values():
            if self._last_status.get(alert.alert_id) != alert.status:
                self._alerts.labels(alert.type, alert.status.value).inc()
            self._last_status[alert.alert_id] = alert.status
            self._last_status.move_to_end(alert.alert_id)
        while len(self._last_status) > REMEMBERED:
            self._last_status.popitem(last=False)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


def _number(store: object, name: str) -> float:
    return float(getattr(store, name))


def _lag_s(watermark_ms: int) -> float:
    return time.time() - watermark_ms / 1000 if watermark_ms > 0 else float("nan")
