"""An alert of another part, from the document it is published as, as an event for the engine."""

from __future__ import annotations

from typing import Final

import msgspec

from guardian.alerts.document import AlertDocument, DocumentError, read_document
from guardian.alerts.model import Alert, DetectorRef
from guardian.events.model import Event, Rejected
from guardian.events.times import TimeError, TimeParser
from guardian.events.topics import FRAUD_ALERTS

_TIMES: Final = ("event_time", "started_at", "ended_at", "detected_at")


class _WholeDocument(AlertDocument, frozen=True, kw_only=True):
    """All that `guardian.alerts.render` writes."""

    detected_at: str
    detector: DetectorRef


_decoder = msgspec.json.Decoder(_WholeDocument)


def alert_event(
    raw: bytes, times: TimeParser, source: str, position: int, identity: str | None
) -> Event | Rejected:
    """The event that an alert document is. Nothing that arrives raises.

    identity: names this content of the alert (the `outbox-id` of its message): a later content of the same
    alert is another event. times: reads the document's times.
    """
    try:
        document = read_document(raw, _decoder)
    except DocumentError as error:
        return Rejected(FRAUD_ALERTS, error.field, str(error), source, position, raw)
    read = {}
    for name in _TIMES:
        try:
            read[name] = times.parse(getattr(document, name))
        except TimeError as error:
            return Rejected(FRAUD_ALERTS, name, f"{name}: {error}", source, position, raw)
    alert = Alert(
        alert_id=document.alert_id,
        type=document.type,
        severity=document.severity,
        status=document.status,
        site=document.site,
        subject=document.subject,
        count=document.count,
        evidence=document.evidence,
        recommended_actions=document.recommended_actions,
        narrative=document.narrative,
        detector=document.detector,
        **read,
    )
    return Event(FRAUD_ALERTS, alert.event_time, alert, identity, source, position, raw)
