"""Contracts of the streams about people and the world outside: they corroborate, they rarely accuse."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from guardian.events.fields import Id, Label, Text, Timestamp


class EmployeeActivity(Struct, frozen=True, gc=False):
    """`employee-activity`: somebody used a system or opened a door.

    is_after_hours: as the producer judged it; None: to be told from the site's hours.
    """

    employee_id: Id
    action: Label
    resource: Label
    location: Label
    timestamp: Timestamp
    ip_address: Annotated[str, Meta(max_length=64)] | None = None
    is_after_hours: bool | None = None
    event_id: Id | None = None


class SocialPost(Struct, frozen=True, gc=False):
    """`social-media-feed`: somebody wrote about the business.

    sentiment: -1 (hostile) to 1 (friendly), or the producer's own label ("negative").
    """

    source: Label
    content: Text
    sentiment: Annotated[float, Meta(ge=-1, le=1)] | Annotated[str, Meta(min_length=1, max_length=64)]
    location: Label
    timestamp: Timestamp
    event_id: Id | None = None
