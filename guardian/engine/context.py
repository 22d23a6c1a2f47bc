"""What a detector's handler may do to the world: raise alerts, emit events, keep history, count."""

from __future__ import annotations

from collections import Counter
from datetime import tzinfo
from typing import Any, NamedTuple

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject, alert_id
from guardian.engine.about import About
from guardian.engine.plan import HistoryRow
from guardian.events.model import Event
from guardian.events.times import format_time
from guardian.events.topics import FRAUD_ALERTS


class Place(NamedTuple):
    """Where in the order of things something happens: this order is the same however input is cut up.

    step: index in the batch of the event that happened or whose watermark let a deadline pass.
    phase: WOKEN before the event is applied, APPLIED with it, AFTER right behind it.
    due: the deadline (event time), 0 for an event.
    stage, key: of the detector, so that no two places are equal by accident.
    """

    step: int
    phase: int
    due: int
    stage: int
    key: str


WOKEN, APPLIED, AFTER = 0, 1, 2

Derived = tuple[Place, Event]
"""An event a detector emitted, and where it belongs in the order of things."""


class Context:
    """Handed to every handler. There is one per detector; the engine moves it from key to key.

    key: the key being worked on. site: the site this engine watches.
    now: event time of the event being applied, or the time of the wake-up. zone: the site's, for `iso`.
    """

    def __init__(self, about: About, stage: int, site: str, zone: tzinfo) -> None:
        self.about = about
        self.site = site
        self.zone = zone
        self.key = ""
        self.now = 0
        self.index = 0
        self.phase = APPLIED
        self.due = 0
        self.alerts: list[Alert] = []
        self.derived: list[Derived] = []
        self.history: list[HistoryRow] = []
        self.counters: Counter[str] = Counter()
        self._stage = stage
        self._detector = DetectorRef(about.id, about.version)

    def alert(
        self,
        *,
        episode: str,
        subject: str,
        severity: Severity,
        event_time: int,
        evidence: dict[str, Any],
        status: Status = Status.CONFIRMED,
        started_at: int | None = None,
        ended_at: int | None = None,
        detected_at: int | None = None,
        count: int = 1,
    ) -> str:
        """Raises an alert, or gives a raised one its new state. Returns its id.

        episode: what anchors the alert within its key; the same text is the same alert.
        Evidence without a value (None) is left out.
        """
        about = self.about
        identifier = alert_id(self.site, about.id, self.key, episode)
        alert = Alert(
            alert_id=identifier,
            type=about.id,
            severity=severity,
            status=status,
            site=self.site,
            subject=Subject(about.subject, subject),
            event_time=event_time,
            started_at=event_time if started_at is None else started_at,
            ended_at=event_time if ended_at is None else ended_at,
            detected_at=self.now if detected_at is None else detected_at,
            count=count,
            evidence={name: value for name, value in evidence.items() if value is not None},
            recommended_actions=about.runbook,
            detector=self._detector,
        )
        self.alerts.append(alert)
        self.emit(FRAUD_ALERTS, alert, event_time)
        return identifier

    def emit(self, topic: str, value: Any, time: int) -> None:
        """Hands a derived event to the detectors that consume `topic`."""
        place = Place(self.index, self.phase, self.due, self._stage, self.key)
        event = Event(topic=topic, time=time, value=value, id=None, source=self.about.id, position=0, raw=b"")
        self.derived.append((place, event))

    def keep(self, kind: str, identifier: str, time: int, row: Any) -> None:
        """Keeps a finished thing for history; the same kind and identifier again replaces it."""
        self.history.append(HistoryRow(kind, identifier, time, row))

    def count(self, name: str, number: int = 1) -> None:
        """Counts an outcome that is not an alert ("exempt", "buffer_full"), per detector."""
        self.counters[f"{self.about.id}.{name}"] += number

    def clear(self) -> None:
        """Forgets everything that was not taken."""
        self.alerts, self.derived, self.history = [], [], []
        self.counters.clear()

    def iso(self, time: int) -> str:
        """A time as evidence shows it: ISO-8601 in the site's zone."""
        return format_time(time, self.zone)

    def mark(self) -> tuple[int, int, int, Counter[str]]:
        """Where things stand, for `rewind`."""
        return len(self.alerts), len(self.derived), len(self.history), self.counters.copy()

    def rewind(self, mark: tuple[int, int, int, Counter[str]]) -> None:
        """Undoes everything since `mark`: what a handler did before it raised must not be half done."""
        del self.alerts[mark[0] :], self.derived[mark[1] :], self.history[mark[2] :]
        self.counters = mark[3].copy()
