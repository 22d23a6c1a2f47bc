"""Stations, as the API tells them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from cloud_run.api.answers import iso
from cloud_run.api.models.parameters import Parameters


class StationsQuery(Parameters):
    """Of which site; without one, of all."""

    site: str | None = Field(default=None, max_length=200)


class OpenAlert(BaseModel):
    """An alert about a station that nobody has resolved."""

    alert_id: str
    type: str
    severity: str
    status: str


class StationItem(BaseModel):
    """A station. status: `active`, `read_error` or `crashed`. average_dwell_s: seconds that customers wait.

    updated_at: when something of it has last changed.
    """

    site: str
    station_id: str
    status: str
    queue: int | None
    average_dwell_s: float | None
    last_sale_at: str | None
    last_rfid_at: str | None
    crashed_since: str | None
    updated_at: str
    updated_at_ms: int
    open_alerts: list[OpenAlert]

    @classmethod
    def of(cls, site: str, row: dict[str, Any], open_alerts: list[OpenAlert]) -> StationItem:
        """From the row the machine keeps."""
        return cls(
            site=site,
            station_id=row["station_id"],
            status=row["status"],
            queue=row["queue"],
            average_dwell_s=row["average_dwell_s"],
            last_sale_at=iso_or_none(row["last_sale"]),
            last_rfid_at=iso_or_none(row["last_rfid"]),
            crashed_since=iso_or_none(row["crashed_since"]),
            updated_at=iso(row["updated_at"]),
            updated_at_ms=row["updated_at"],
            open_alerts=open_alerts,
        )


class StationList(BaseModel):
    """By site and name."""

    items: list[StationItem]


def iso_or_none(ms: int | None) -> str | None:
    """A time as a text, if there is one."""
    return None if ms is None else iso(ms)
