"""Alerts and what people do with them, as the API tells it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from cloud_run.api.answers import iso
from cloud_run.api.models.audit import AuditItem
from cloud_run.api.models.parameters import Parameters
from guardian.alerts.handling import ASSIGNEE_CHARS, NOTE_CHARS, Action, Handling, Resolution
from guardian.alerts.model import Severity, Status, Workflow
from guardian.alerts.value_at_risk import value_at_risk
from guardian.desk_ports import MOST_ITEMS, AlertWithHandling, LoggedEvent, Order
from guardian.events.catalogue import Catalogue

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 1 << 52


def _moment(value: object) -> int:
    text = str(value)
    if text.isascii() and text.isdigit() and len(text) < 17 and int(text) < _LATEST_MS:
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected ISO-8601 with a zone, or epoch milliseconds") from None
    if at.tzinfo is None:
        raise ValueError("the zone is missing: add Z or +01:00")
    return (at - _EPOCH) // timedelta(milliseconds=1)


Moment = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "description": "ISO-8601 with a zone, or epoch milliseconds"}),
]
"""A time in a query, as epoch milliseconds."""

_Site = Annotated[str, Field(max_length=200)]
_Type = Annotated[str, Field(max_length=100)]


class AlertFilter(Parameters):
    """Which alerts. Several of one parameter: any of them. q: words in narrative or subject.

    place: a station or location and everything in it: WH1/A-03 is in WH1, and in the aisle WH1/A.
    """

    severity: list[Severity] = Field(default_factory=list, max_length=4)
    type: list[_Type] = Field(default_factory=list, max_length=30)
    status: list[Status] = Field(default_factory=list, max_length=3)
    workflow: list[Workflow] = Field(default_factory=list, max_length=3)
    site: _Site | None = None
    place: str = Field(default="", max_length=200)
    assignee: str | None = Field(default=None, max_length=ASSIGNEE_CHARS)
    since: Moment | None = None
    until: Moment | None = None
    q: str = Field(default="", max_length=200)
    order: Order = Order.NEWEST


class AlertListQuery(AlertFilter):
    """Which page of which alerts."""

    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    cursor: str = Field(default="", max_length=2_000)


class ExportFormat(StrEnum):
    """csv: for spreadsheets. jsonl: one object a line."""

    CSV = "csv"
    JSONL = "jsonl"


class ExportQuery(AlertFilter):
    """Which alerts, and how."""

    format: ExportFormat = ExportFormat.JSONL


class AlertPath(BaseModel):
    """Which alert."""

    alert_id: str


class SubjectItem(BaseModel):
    """Who or what it is about."""

    kind: str
    id: str


class DetectorItem(BaseModel):
    """Which rule, in which version."""

    id: str
    version: int


class HandlingItem(BaseModel):
    """Where people stand with it. changed_at: null before the first change. revision: that of the ETag."""

    workflow: Workflow
    resolution: Resolution
    assignee: str
    note: str
    changed_by: str
    changed_at: str | None
    revision: int

    @classmethod
    def of(cls, handling: Handling) -> HandlingItem:
        """From the handling as the desk keeps it."""
        return cls(
            workflow=handling.workflow,
            resolution=handling.resolution,
            assignee=handling.assignee,
            note=handling.note,
            changed_by=handling.changed_by,
            changed_at=iso(handling.changed_at) if handling.changed_at else None,
            revision=handling.revision,
        )


class AlertItem(BaseModel):
    """An alert (docs/alerts.md), times in UTC. value_at_risk: in the catalogue's currency, else null."""

    alert_id: str
    type: str
    title: str
    severity: Severity
    status: Status
    site: str
    subject: SubjectItem
    event_time: str
    event_time_ms: int
    started_at: str
    ended_at: str
    detected_at: str
    count: int
    evidence: dict[str, Any]
    recommended_actions: list[str]
    narrative: str
    narrative_by: dict[str, str] | None
    detector: DetectorItem
    handling: HandlingItem
    value_at_risk: float | None

    @classmethod
    def of(cls, item: AlertWithHandling, title: str, catalogue: Catalogue) -> AlertItem:
        """From the alert as the desk knows it. title: of its type, for people."""
        alert = item.alert
        return cls(
            alert_id=alert.alert_id,
            type=alert.type,
            title=title,
            severity=alert.severity,
            status=alert.status,
            site=alert.site,
            subject=SubjectItem(kind=alert.subject.kind, id=alert.subject.id),
            event_time=iso(alert.event_time),
            event_time_ms=alert.event_time,
            started_at=iso(alert.started_at),
            ended_at=iso(alert.ended_at),
            detected_at=iso(alert.detected_at),
            count=alert.count,
            evidence=alert.evidence,
            recommended_actions=list(alert.recommended_actions),
            narrative=alert.narrative,
            narrative_by=item.narrative_by,
            detector=DetectorItem(id=alert.detector.id, version=alert.detector.version),
            handling=HandlingItem.of(item.handling),
            value_at_risk=value_at_risk(alert, catalogue),
        )


class AlertPageItem(BaseModel):
    """next_cursor: empty on the last page. total_open: of the user's sites, not taken up and not cleared."""

    items: list[AlertItem]
    next_cursor: str
    total_open: int


class EventItem(BaseModel):
    """An event as it came."""

    topic: str
    event_id: str
    event_time: str
    event_time_ms: int
    value: Any

    @classmethod
    def of(cls, event: LoggedEvent, value: Any) -> EventItem:
        """From the event log, with its value read."""
        return cls(
            topic=event.topic,
            event_id=event.event_id,
            event_time=iso(event.event_time),
            event_time_ms=event.event_time,
            value=value,
        )


class AlertDetail(AlertItem):
    """An alert with the events around it, where they are kept, and what people did with it."""

    events: list[EventItem]
    history: list[AuditItem]


class AlertChange(BaseModel):
    """What to do with an alert.

    resolve needs a resolution, reopen a note that says why, assign an assignee (empty: nobody), note a note.
    """

    action: Action
    resolution: Resolution | None = None
    assignee: str | None = Field(default=None, max_length=ASSIGNEE_CHARS)
    note: str | None = Field(default=None, max_length=NOTE_CHARS)
