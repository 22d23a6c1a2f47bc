"""How the product is doing."""

from __future__ import annotations

import importlib.metadata
import threading
from collections import defaultdict
from typing import Final

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.flow import Flow
from cloud_run.api.models.stations import iso_or_none
from cloud_run.api.models.status import SiteStatus, StatusItem, StreamStatus
from cloud_run.api.parts import Parts
from cloud_run.api.row_pages import sites_of
from cloud_run.api.security import current_user
from guardian.desk_ports import Progress

LIVE_EVERY_S: Final = 2.0

Scope = tuple[str, ...] | None


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `status`, there and in the live streams."""
    if parts.records is None:
        return
    watch = Watch(parts)
    api = resource("status", "How the product is doing.")

    @api.get("/status", summary="Lag, rates and streams", responses=answers(StatusItem))
    def status() -> Response:
        return answer(watch.status(current_user().scope))

    parts.live.offer("status", LIVE_EVERY_S, lambda scope: watch.status(scope).model_dump(), always=True)
    app.register_api(api)


class Watch:
    """Looks at every site's progress."""

    def __init__(self, parts: Parts) -> None:
        if parts.records is None:
            raise ValueError("there are no records to watch")
        self._records = parts.records
        self._clock = parts.clock
        self._version = importlib.metadata.version("business-guardian")
        self._lock = threading.Lock()
        self._flows: defaultdict[str, Flow] = defaultdict(Flow)

    def status(self, scope: Scope) -> StatusItem:
        """As the user may see it."""
        now = self._clock()
        settings = self._records.site
        sites, streams = [], dict[str, StreamStatus]()
        oldest: int | None = None
        rate: float | None = None
        for site in sites_of(self._records.rows, scope):
            progress = self._records.rows.progress(site)
            mark = progress.watermark
            if mark is not None:
                oldest = mark if oldest is None else min(oldest, mark)
            zone = settings.zone if site == settings.site else "UTC"
            lag = _lag(mark, now)
            sites.append(SiteStatus(id=site, name=site, zone=zone, watermark=iso_or_none(mark), lag_s=lag))
            for stream in self._streams(site, progress, now):
                known = streams.get(stream.topic)
                streams[stream.topic] = stream if known is None else _together(known, stream)
        rates = [one.per_minute for one in streams.values() if one.per_minute is not None]
        if rates:
            rate = round(sum(rates) / 60, 2)
        return StatusItem(
            version=self._version,
            sites=sites,
            watermark=iso_or_none(oldest),
            lag_s=_lag(oldest, now),
            event_rate=rate,
            streams=sorted(streams.values(), key=lambda one: one.topic),
        )

    def _streams(self, site: str, progress: Progress, now: float) -> list[StreamStatus]:
        with self._lock:
            flow = self._flows[site]
        return [
            StreamStatus(
                topic=one.topic,
                events=one.events,
                last_event_at=None if one.grew_at is None else iso(int(one.grew_at * 1000)),
                per_minute=None if one.rate is None else round(60 * one.rate, 1),
                stale=one.stale,
            )
            for one in flow.look(progress.counters, now)
        ]


def _lag(mark: int | None, now: float) -> float | None:
    return None if mark is None else round(max(0.0, now - mark / 1000), 1)


def _together(one: StreamStatus, other: StreamStatus) -> StreamStatus:
    """The same stream at two sites."""
    rates = [rate for rate in (one.per_minute, other.per_minute) if rate is not None]
    return StreamStatus(
        topic=one.topic,
        events=one.events + other.events,
        last_event_at=max(filter(None, (one.last_event_at, other.last_event_at)), default=None),
        per_minute=sum(rates) if rates else None,
        stale=one.stale or other.stale,
    )
