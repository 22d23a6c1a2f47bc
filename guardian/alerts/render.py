"""Alerts as JSON: one object a line, times in the site's zone."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.events.times import format_time


def alert_document(alert: Alert, zone: tzinfo) -> dict[str, Any]:
    """The alert as people and programs outside read it. Field by field as in docs/alerts.md."""
    return {
        "alert_id": alert.alert_id,
        "type": alert.type,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "site": alert.site,
        "subject": {"kind": alert.subject.kind, "id": alert.subject.id},
        "event_time": format_time(alert.event_time, zone),
        "started_at": format_time(alert.started_at, zone),
        "ended_at": format_time(alert.ended_at, zone),
        "detected_at": format_time(alert.detected_at, zone),
        "count": alert.count,
        "evidence": alert.evidence,
        "recommended_actions": list(alert.recommended_actions),
        "narrative": alert.narrative,
        "detector": {"id": alert.detector.id, "version": alert.detector.version},
    }


def alert_line(alert: Alert, zone: tzinfo) -> bytes:
    """The document as one line, newline included."""
    return msgspec.json.encode(alert_document(alert, zone)) + b"\n"
