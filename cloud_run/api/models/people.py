"""The people who work on alerts, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cloud_run.api.models.parameters import Parameters


class PeopleQuery(Parameters):
    """for_site: only those who can be given an alert of this site."""

    for_site: str | None = Field(default=None, max_length=200)


class Person(BaseModel):
    """What an alert calls somebody, and what people do."""

    id: str
    name: str


class PeopleList(BaseModel):
    """By name."""

    items: list[Person]
