"""Alerts: what was found, what people do about it, and all of it for elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from flask import Response, request
from flask_openapi3 import OpenAPI

from cloud_run.api.alert_items import AlertItems
from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.models.alerts import (
    AlertChange,
    AlertDetail,
    AlertFilter,
    AlertItem,
    AlertListQuery,
    AlertPageItem,
    AlertPath,
    EventItem,
    ExportFormat,
    ExportQuery,
)
from cloud_run.api.models.audit import AuditItem
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem, bad_value, not_found
from cloud_run.api.resources.people import can_be_given
from cloud_run.api.security import current_user, requires, site_scope
from guardian.alerts.handling import HandlingChange, RefusedChangeError
from guardian.desk_ports import (
    MOST_ITEMS,
    AlertQuery,
    AlertWithHandling,
    CursorError,
    LoggedEvent,
    NotFoundError,
    Role,
    StaleError,
    StoreUnavailableError,
)

AROUND_MS: Final = 5 * 60_000
"""Events are shown from so long before an alert until so long after it."""
MOST_EVENTS: Final = 200

EVENTS_FOUND: Final = "found"
EVENTS_NOT_KEPT: Final = "not-kept"
EVENTS_UNAVAILABLE: Final = "unavailable"
"""What the header `Guardian-Events` says: whether there were none around an alert, or nobody could look."""

_ETAG: Final = re.compile(r'"r([0-9]{1,15})"', re.ASCII)
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of the alert as it was read.",
    "schema": {"type": "string"},
}


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `alerts`."""
    api = resource("alerts", "Alerts, and what people do about them.")
    desk, items = parts.desk, AlertItems(parts.catalogue)

    @api.get("/alerts", summary="Alerts, page by page", responses=answers(AlertPageItem))
    def listed(query: AlertListQuery) -> Response:
        asked = msgspec.structs.replace(_asked(query), limit=query.limit, cursor=query.cursor)
        try:
            page = desk.find(asked)
        except CursorError as error:
            raise bad_value("cursor", str(error)) from None
        # As AlertPageItem says, of parts that are JSON already.
        return answer(
            {
                "items": [msgspec.Raw(items.json(one)) for one in page.items],
                "next_cursor": page.next_cursor,
                "total_open": page.total_open,
            }
        )

    @api.get(
        "/alerts/export",
        summary="Alerts, all of them, as a file",
        responses=answers(None)
        | {200: {"content": {"text/csv": {"schema": {}}, "application/x-ndjson": {"schema": {}}}}},
    )
    @requires(Role.ANALYST)
    def export(query: ExportQuery) -> Response:
        asked = msgspec.structs.replace(_asked(query), limit=MOST_ITEMS)
        first = desk.find(asked)  # what cannot be had is found out before the answer begins

        def found() -> Iterator[AlertWithHandling]:
            page = first
            while True:
                yield from page.items
                if not page.next_cursor:
                    return
                page = desk.find(msgspec.structs.replace(asked, cursor=page.next_cursor))

        as_csv = query.format is ExportFormat.CSV
        return Response(
            items.csv(found()) if as_csv else items.jsonl(found()),
            content_type="text/csv; charset=utf-8" if as_csv else "application/x-ndjson",
            headers={"Content-Disposition": f'attachment; filename="alerts.{query.format.value}"'},
        )

    @api.get(
        "/alerts/<string:alert_id>",
        summary="One alert, with what happened around it",
        responses=answers(AlertDetail, 404),
    )
    def one(path: AlertPath) -> Response:
        found = _found(path.alert_id)
        alert = found.alert
        events: list[LoggedEvent] = []
        told = EVENTS_NOT_KEPT
        if parts.event_log is not None:
            try:
                events = parts.event_log.around(alert, AROUND_MS, AROUND_MS, MOST_EVENTS)
                told = EVENTS_FOUND
            except StoreUnavailableError:
                told = EVENTS_UNAVAILABLE  # the alert itself is there to be read
        detail = AlertDetail(
            **dict(items.item(found)),
            events=[EventItem.of(event, msgspec.json.decode(event.value)) for event in events],
            history=[
                AuditItem.of(entry, iso(entry.at)) for entry in desk.history(alert.site, alert.alert_id)
            ],
        )
        return answer(detail, ETag=_etag(found), Guardian_Events=told)

    @api.patch(
        "/alerts/<string:alert_id>",
        summary="Do something about an alert",
        responses=answers(AlertItem, 404, 409, 412, 428),
        openapi_extensions={"parameters": [_IF_MATCH]},
    )
    @requires(Role.OPERATOR)
    def change(path: AlertPath, body: AlertChange) -> Response:
        found = _found(path.alert_id)
        site, user = found.alert.site, current_user()
        revision = _if_match()
        if body.assignee:
            _check_assignee(body.assignee, site)
        wanted = HandlingChange(
            action=body.action, resolution=body.resolution, assignee=body.assignee, note=body.note
        )
        at = int(parts.clock() * 1000)
        try:
            changed = desk.change(site, path.alert_id, revision, wanted, user.id, at)
        except StaleError as stale:
            current = items.item(stale.current)
            raise Problem(
                412,
                "stale",
                "somebody else has changed it since",
                headers={"ETag": _etag(stale.current)},
                extra={"current": current.model_dump(mode="json")},
            ) from None
        except RefusedChangeError as refused:
            raise Problem(409, "refused", str(refused), [(refused.field, str(refused))]) from None
        except NotFoundError:
            raise not_found("alert") from None
        return answer(items.item(changed), ETag=_etag(changed))

    def _found(alert_id: str) -> AlertWithHandling:
        try:
            found = desk.get(None, alert_id)
        except NotFoundError:
            raise not_found("alert") from None
        if not current_user().sees(found.alert.site):
            raise not_found("alert")
        return found

    def _check_assignee(user_id: str, site: str) -> None:
        if parts.accounts is None:
            return  # who there is, only the identity provider knows
        user = parts.accounts.users.active(user_id)
        if user is None or not can_be_given(user, site):
            raise bad_value("assignee", "no user who could do something about it")

    app.register_api(api)


def _asked(query: AlertFilter) -> AlertQuery:
    return AlertQuery(
        sites=site_scope(query.site),
        severities=tuple(query.severity),
        types=tuple(query.type),
        statuses=tuple(query.status),
        workflows=tuple(query.workflow),
        place=query.place,
        assignee=query.assignee,
        since=query.since,
        until=query.until,
        text=query.q,
        order=query.order,
    )


def _etag(found: AlertWithHandling) -> str:
    """Of what people have done: the machine may go on while somebody writes a note."""
    return f'"r{found.handling.revision}"'


def _if_match() -> int:
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(
            428, "precondition-required", "If-Match is missing: send the ETag of the alert you read"
        )
    if (match := _ETAG.fullmatch(given.strip())) is None:
        raise bad_value("If-Match", 'expected an ETag of an alert, "r3"')
    return int(match[1])
