"""The audit, as the API tells it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from cloud_run.api.models.parameters import Parameters
from guardian.desk_ports import MOST_ITEMS, AuditEntry


class AuditItem(BaseModel):
    """Something a person did."""

    id: str
    at: str
    at_ms: int
    by: str
    site: str
    action: str
    subject: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry, at: str) -> AuditItem:
        """From the entry, and its time as a text."""
        return cls(
            id=entry.id,
            at=at,
            at_ms=entry.at,
            by=entry.by,
            site=entry.site,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
        )


class AuditPage(BaseModel):
    """next_cursor: empty on the last page."""

    items: list[AuditItem]
    next_cursor: str


class AuditQuery(Parameters):
    """Which part of it, the latest first."""

    site: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    cursor: str = Field(default="", max_length=2_000)
