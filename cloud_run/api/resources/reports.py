"""Reports over history: the same ones that run by schedule in the cloud."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, resource
from cloud_run.api.models.reports import ReportItem, ReportList, ReportPath, ReportQuery, ReportResult
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem, bad_value, not_found
from cloud_run.api.security import requires, site_scope
from guardian.desk_ports import NotFoundError, Reports, ReportTable, Role, StoreUnavailableError

LONGEST: Final = timedelta(days=400)
MOST_ROWS: Final = 5_000
"""Of one answer."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS: Final = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp() * 1000)
_DAY: Final = timedelta(days=1)

log = structlog.get_logger("api")


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `reports`."""
    kept = parts.reports
    api = resource("reports", "Reports over history, for analysts.")

    @api.get("/reports", summary="Which reports there are", responses=answers(ReportList))
    @requires(Role.ANALYST)
    def reports() -> Response:
        items = [] if kept is None else [ReportItem.of(info) for info in kept.list()]
        return answer(ReportList(items=items))

    @api.get("/reports/<string:name>", summary="What a report gives", responses=answers(ReportResult, 404))
    @requires(Role.ANALYST)
    def report(path: ReportPath, query: ReportQuery) -> Response:
        info = None if kept is None else next((one for one in kept.list() if one.name == path.name), None)
        if kept is None or info is None:
            raise not_found("report")
        since, until = _period(query, info.days, parts.clock())
        found = _of_sites(kept, path.name, site_scope(query.site), since, until)
        rows = [row for table in found for row in table.rows]
        result = ReportResult(
            name=info.name,
            title=info.title,
            description=info.description,
            site=query.site,
            since=since.isoformat().replace("+00:00", "Z"),
            until=until.isoformat().replace("+00:00", "Z"),
            columns=list(found[0].columns) if found else [],
            rows=rows[:MOST_ROWS],
            partial=len(rows) > MOST_ROWS,
        )
        return answer(result)

    app.register_api(api)


def _of_sites(
    kept: Reports, name: str, scope: tuple[str, ...] | None, since: datetime, until: datetime
) -> list[ReportTable]:
    """The report of each site in the scope; of all together if that is everything."""
    sites: tuple[str | None, ...] = (None,) if scope is None else scope
    try:
        return [kept.run(name, site, since, until) for site in sites]
    except NotFoundError:
        raise not_found("report") from None
    except StoreUnavailableError as error:
        log.warning("history_unavailable", report=name, reason=str(error))
        raise Problem(503, "history-unavailable", "the history cannot be read, or not so many days") from None


def _period(query: ReportQuery, days: int, now: float) -> tuple[datetime, datetime]:
    """From and until when. Raises a Problem."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    until = today + _DAY if query.until is None else _time("until", query.until)
    since = until - days * _DAY if query.since is None else _time("since", query.since)
    if not since < until or until - since > LONGEST:
        raise bad_value("since", f"expected a time before until, at most {LONGEST.days} days")
    return since, until


def _time(field: str, ms: int) -> datetime:
    """A time that reports can look back from. Raises a Problem."""
    if not 0 <= ms < _LATEST_MS:
        raise bad_value(field, "expected a time from 1970 to 2999")
    return _EPOCH + timedelta(milliseconds=ms)
