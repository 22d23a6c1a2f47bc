"""Alerts to test with."""

from __future__ import annotations

from typing import Any

import msgspec

from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject

AT = 1_755_093_605_000
"""2025-08-13T14:00:05Z."""

EXAMPLE = Alert(
    alert_id="al_0123",
    type="LONG_QUEUE",
    severity=Severity.MEDIUM,
    status=Status.SUSPECTED,
    site="shop-1",
    subject=Subject("station", "SCC1"),
    event_time=AT,
    started_at=AT - 1_000,
    ended_at=AT + 1_500,
    detected_at=AT + 60_000,
    count=3,
    evidence={"num_of_customers": 7, "event_ids": ["a:1", "b:2"], "price": 1.5, "note": "“€”"},
    recommended_actions=("Open a station.", "Apologise."),
    narrative="Seven customers wait.",
    detector=DetectorRef("LONG_QUEUE", 2),
)


def alert(**changes: Any) -> Alert:
    return msgspec.structs.replace(EXAMPLE, **changes)
