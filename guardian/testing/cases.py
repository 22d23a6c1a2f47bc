"""A case: some events in order of arrival, and everything that must come of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from guardian.alerts.model import Alert
from guardian.events.model import Event
from guardian.testing.events import at

Kind: TypeAlias = Literal["hit", "near miss", "duplicate", "late", "out of order"]
"""What a case is an example of. A detector has at least one of each."""


class Finding(msgspec.Struct, frozen=True):
    """An alert that is expected, in its final state. `subject` is the identifier alone.

    evidence: values that must be in it; None: the name must not be there at all.
    when: the event time, started, ended: the episode's ends, seconds after `START`. None: not checked.
    """

    type: str
    subject: str
    severity: str
    evidence: dict[str, Any] = {}
    status: str = "confirmed"
    when: float | None = None
    started: float | None = None
    ended: float | None = None
    count: int | None = None

    @property
    def headline(self) -> tuple[str, str, str, str]:
        """What does not depend on the order in which events arrive."""
        return self.type, self.subject, self.severity, self.status

    def differences(self, alert: Alert) -> list[str]:
        """Where `alert`, which has this headline, is not what is expected."""
        found = [
            f"evidence {name}: {alert.evidence.get(name)!r} instead of {value!r}"
            for name, value in self.evidence.items()
            if alert.evidence.get(name) != value
        ]
        for name, wanted, actual in (
            ("when", self.when, alert.event_time),
            ("started", self.started, alert.started_at),
            ("ended", self.ended, alert.ended_at),
        ):
            if wanted is not None and at(wanted) != actual:
                found.append(f"{name}: {(actual - at(0)) / 1000:g} s instead of {wanted:g} s")
        if self.count is not None and self.count != alert.count:
            found.append(f"count: {alert.count} instead of {self.count}")
        return found


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Some events in order of arrival, and everything that must come of them.

    expect: all alerts there are in the end, in any order; empty: none.
    history: for each row kept, some of its fields; None: not checked.
    counts: some of the counters. settings: parameters by detector id, for whoever builds the detectors.
    """

    name: str
    kind: Kind
    events: Sequence[Event]
    expect: Sequence[Finding] = ()
    history: Sequence[dict[str, Any]] | None = None
    counts: dict[str, int] = {}
    settings: dict[str, dict[str, Any]] = {}


def headline(alert: Alert) -> tuple[str, str, str, str]:
    """`Finding.headline` of an alert."""
    return alert.type, alert.subject.id, alert.severity.value, alert.status.value


def unmet(expect: Sequence[Finding], alerts: Sequence[Alert], *, details: bool) -> list[str]:
    """How the alerts differ from what is expected, one line each. Without `details`: headlines only."""
    left = list(alerts)
    lines = []
    for finding in expect:
        same = [alert for alert in left if headline(alert) == finding.headline]
        if not same:
            lines.append(f"missing: {' '.join(finding.headline)}")
            continue
        # Several of one headline are told apart by whatever fits best.
        best = min(same, key=lambda alert: len(finding.differences(alert)))
        left.remove(best)
        if details:
            lines += [f"{finding.type}: {line}" for line in finding.differences(best)]
    lines += [f"not expected: {' '.join(headline(alert))}: {alert.narrative}" for alert in left]
    return lines
