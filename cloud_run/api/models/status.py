"""How the product is doing, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel


class SiteStatus(BaseModel):
    """A site. watermark: the event time up to which it has been decided. lag_s: how far that is
    behind the clock.
    """

    id: str
    name: str
    zone: str
    watermark: str | None
    lag_s: float | None


class StreamStatus(BaseModel):
    """An input stream, as watched since the API began. events: ever committed.

    last_event_at: when it was last seen to grow, by the clock; null if it has not since. per_minute: of
    late. stale: others have grown, and this one has been silent for some minutes.
    """

    topic: str
    events: int
    last_event_at: str | None
    per_minute: float | None
    stale: bool


class StatusItem(BaseModel):
    """watermark, lag_s: of the site that is furthest behind. event_rate: per second; null: not known yet."""

    version: str
    sites: list[SiteStatus]
    watermark: str | None
    lag_s: float | None
    event_rate: float | None
    streams: list[StreamStatus]
