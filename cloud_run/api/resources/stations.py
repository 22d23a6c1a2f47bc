"""How the stations are now."""

from __future__ import annotations

from typing import Any, Final

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, resource
from cloud_run.api.models.stations import OpenAlert, StationItem, StationList, StationsQuery
from cloud_run.api.parts import Parts
from cloud_run.api.remembered import Remembered
from cloud_run.api.row_pages import every, sites_of
from cloud_run.api.security import site_scope
from guardian.alerts.model import Status, Workflow
from guardian.desk_ports import MOST_ITEMS, AlertDesk, AlertQuery
from guardian.detectors.store.station_status import STATIONS

MOST: Final = 2_000
"""Stations that are told at most."""
SHOWN: Final = 20
"""Open alerts that are told of a station at most."""
LIVE_EVERY_S: Final = 5.0
REMEMBERED_S: Final = 1.0
"""All open alerts are read for one answer, and the same ones for everybody who asks meanwhile."""


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `stations`, and `station` to the live streams."""
    if parts.records is None:
        return
    rows = parts.records.rows
    open_alerts = Remembered(REMEMBERED_S, lambda scope: _open_alerts(parts.desk, scope))

    def items(scope: tuple[str, ...] | None) -> list[StationItem]:
        found = list(every(rows, sites_of(rows, scope), STATIONS, most=MOST))
        waiting = open_alerts.ask(scope) if found else {}
        return [StationItem.of(site, row.row, waiting.get((site, row.id), [])) for site, row in found]

    api = resource("stations", "The stations of a store.")

    @api.get("/stations", summary="How each station is now", responses=answers(StationList))
    def stations(query: StationsQuery) -> Response:
        return answer(StationList(items=items(site_scope(query.site))))

    def live(scope: tuple[str, ...] | None) -> Any:
        return [item.model_dump() for item in items(scope)] or None

    parts.live.offer("station", LIVE_EVERY_S, live)
    app.register_api(api)


def _open_alerts(desk: AlertDesk, scope: tuple[str, ...] | None) -> dict[tuple[str, str], list[OpenAlert]]:
    """Of the latest alerts that nobody has resolved, those about a station; by site and station."""
    query = AlertQuery(
        sites=scope,
        statuses=(Status.SUSPECTED, Status.CONFIRMED),
        workflows=(Workflow.OPEN, Workflow.ACKNOWLEDGED),
        limit=MOST_ITEMS,
    )
    waiting: dict[tuple[str, str], list[OpenAlert]] = {}
    for found in desk.find(query).items:
        alert = found.alert
        station = alert.evidence.get("station_id")
        if alert.subject.kind == "station":
            station = alert.subject.id
        mine = waiting.setdefault((alert.site, str(station)), [])
        if len(mine) < SHOWN:
            mine.append(
                OpenAlert(
                    alert_id=alert.alert_id,
                    type=alert.type,
                    severity=alert.severity.value,
                    status=alert.status.value,
                )
            )
    return waiting
