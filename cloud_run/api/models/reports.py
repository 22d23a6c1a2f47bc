"""Reports over history, as the API tells them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cloud_run.api.models.alerts import Moment
from cloud_run.api.models.parameters import Parameters
from guardian.desk_ports import ReportInfo


class ReportItem(BaseModel):
    """A report there is. days: how much time it is usually about."""

    name: str
    title: str
    description: str
    days: int

    @classmethod
    def of(cls, info: ReportInfo) -> ReportItem:
        """As it is kept."""
        return cls(name=info.name, title=info.title, description=info.description, days=info.days)


class ReportList(BaseModel):
    """Every report there is; none where no history is kept."""

    items: list[ReportItem]


class ReportPath(BaseModel):
    """Which report."""

    name: str = Field(max_length=100)


class ReportQuery(Parameters):
    """since, until: the second not included. By default the days up to today that the report is about."""

    site: str | None = Field(default=None, max_length=200)
    since: Moment | None = None
    until: Moment | None = None


class ReportResult(BaseModel):
    """What a report gave. since, until: ISO-8601, the second not included. rows: by column."""

    name: str
    title: str
    description: str
    site: str | None
    since: str
    until: str
    columns: list[str]
    rows: list[list[str | int | float | bool | None]]
    partial: bool
