"""What people did, for administrators."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.models.audit import AuditItem, AuditPage, AuditQuery
from cloud_run.api.parts import Parts
from cloud_run.api.problems import bad_value
from cloud_run.api.security import requires, site_scope
from guardian.desk_ports import CursorError, Role


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `audit`."""
    api = resource("audit", "What people did.")

    @api.get("/audit", summary="What people did, the latest first", responses=answers(AuditPage))
    @requires(Role.ADMIN)
    def audit(query: AuditQuery) -> Response:
        try:
            entries, cursor = parts.desk.audit(site_scope(query.site), query.limit, query.cursor)
        except CursorError as error:
            raise bad_value("cursor", str(error)) from None
        items = [AuditItem.of(entry, iso(entry.at)) for entry in entries]
        return answer(AuditPage(items=items, next_cursor=cursor))

    app.register_api(api)
