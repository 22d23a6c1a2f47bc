"""What is on the books and what is on the shelves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.job_runner import JobRunner
from cloud_run.api.models.inventory import (
    JobItem,
    JobPath,
    StockFilter,
    StockItem,
    StockLatest,
    StockLevel,
    StockPage,
    StockQuery,
    StockTotals,
    worth,
)
from cloud_run.api.parts import Parts
from cloud_run.api.problems import not_found
from cloud_run.api.remembered import Remembered
from cloud_run.api.row_pages import Found, every, page, sites_of
from cloud_run.api.security import current_user, requires, site_scope
from guardian.desk_ports import AuditEntry, Role
from guardian.detectors.warehouse.places import SEPARATOR
from guardian.detectors.warehouse.stock_levels import STOCK_LEVELS
from guardian.events.catalogue import Catalogue

MOST: Final = 50_000
"""Articles at places that are added up at most."""
TOTALS_S: Final = 10.0
"""How old totals may be."""
LIVE: Final = 200
LIVE_EVERY_S: Final = 5.0
WORST: Final = 100
"""Differing articles that a reconciliation names at most, those of the greatest difference."""
RECONCILE: Final = "reconcile"

Scope = tuple[str, ...] | None


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `inventory` and `jobs`, and `stock` to the live streams."""
    if parts.records is None:
        return
    rows, catalogue = parts.records.rows, parts.catalogue
    runner = JobRunner(parts.records.jobs, parts.clock)
    api = resource("inventory", "What is on the books and on the shelves.")

    def stock(scope: Scope, location: str | None) -> Iterable[Found]:
        sites = sites_of(rows, scope)
        found = every(rows, sites, STOCK_LEVELS, prefix=location or "", most=MOST)
        return (one for one in found if _within(one[1].row, location))

    totals = Remembered(TOTALS_S, lambda scope, location: _totals(stock(scope, location), catalogue))

    @api.get("/inventory/status", summary="Books and shelves now", responses=answers(StockPage))
    def status(query: StockQuery) -> Response:
        scope = site_scope(query.site)
        found, cursor = page(
            rows,
            sites_of(rows, scope),
            STOCK_LEVELS,
            keep=_filter(query, catalogue),
            prefix=query.location or "",
            limit=query.limit,
            cursor=query.cursor,
        )
        items = [StockItem.of(site, row.row, catalogue) for site, row in found]
        return answer(StockPage(items=items, next_cursor=cursor, totals=totals.ask(scope, query.location)))

    @api.post(
        "/inventory/reconcile",
        summary="Compare all books with all shelves now, place by place",
        responses=answers(JobItem, 404, 429, status=202),
    )
    @requires(Role.ANALYST)
    def reconcile(body: StockFilter) -> Response:
        user = current_user()
        scope = site_scope(body.site)
        sites = tuple(sites_of(rows, scope))
        if not sites:
            raise not_found("site")
        job = runner.start(
            RECONCILE, user.id, sites, lambda: _reconciled(stock(sites, body.location), catalogue)
        )
        detail = {"job": job.id, "location": body.location}
        for site in sites:
            parts.desk.record(
                AuditEntry(
                    id="",
                    at=job.asked_at,
                    by=user.id,
                    site=site,
                    action="inventory.reconcile",
                    subject=body.location or site,
                    detail=detail,
                )
            )
        return answer(JobItem.of(job), 202)

    @api.get("/jobs/<string:job_id>", summary="Where a job stands", responses=answers(JobItem, 404))
    def job(path: JobPath) -> Response:
        found = runner.find(path.job_id)
        if found is None or not all(current_user().sees(site) for site in found.sites):
            raise not_found("job")
        return answer(JobItem.of(found))

    def latest(scope: Scope) -> list[StockLevel]:
        found = [
            StockItem.of(site, row.row, catalogue)
            for site in sites_of(rows, scope)
            for row in rows.newest(site, STOCK_LEVELS, LIVE)
        ]
        found.sort(key=lambda item: -item.updated_at_ms)
        return [StockLevel(**item.model_dump(exclude={"series"})) for item in found[:LIVE]]

    @api.get("/inventory/latest", summary="What has changed last", responses=answers(StockLatest))
    def changed() -> Response:
        return answer(StockLatest(items=latest(current_user().scope)))

    def live(scope: Scope) -> Any:
        return [item.model_dump() for item in latest(scope)] or None

    parts.live.offer("stock", LIVE_EVERY_S, live)
    app.register_api(api)


def _within(row: dict[str, Any], location: str | None) -> bool:
    """Whether a row is of this place, or of one in it."""
    place: str = row["location"]
    return location is None or place == location or place.startswith(location + SEPARATOR)


def _filter(query: StockQuery, catalogue: Catalogue) -> Callable[[dict[str, Any]], bool]:
    def keep(row: dict[str, Any]) -> bool:
        if query.only is not None and not row["difference"]:
            return False
        if query.category is not None:
            product = catalogue.get(row["product_id"])
            if product is None or product.category != query.category:
                return False
        return _within(row, query.location)

    return keep


def _totals(found: Iterable[Found], catalogue: Catalogue) -> StockTotals:
    totals = StockTotals(
        articles=0,
        differing=0,
        digital=0,
        physical=0,
        missing=0,
        surplus=0,
        value=0.0,
        value_missing=0.0,
        partial=False,
    )
    for _, kept in found:
        row = kept.row
        digital, physical, difference = row["digital"], row["physical"], row["difference"] or 0
        totals.articles += 1
        totals.differing += difference != 0
        totals.digital += digital or 0
        totals.physical += physical or 0
        totals.missing += max(0, -difference)
        totals.surplus += max(0, difference)
        totals.value += worth(row, digital if physical is None else physical, catalogue) or 0.0
        totals.value_missing += worth(row, max(0, -difference), catalogue) or 0.0
    totals.partial = totals.articles >= MOST
    totals.value, totals.value_missing = round(totals.value, 2), round(totals.value_missing, 2)
    return totals


def _reconciled(found: Iterable[Found], catalogue: Catalogue) -> dict[str, Any]:
    """The result of a reconciliation: each place, and the articles that differ most."""
    places: dict[tuple[str, str], list[Found]] = {}
    everything = list(found)
    for one in everything:
        places.setdefault((one[0], one[1].row["location"]), []).append(one)
    differing = [one for one in everything if one[1].row["difference"]]
    differing.sort(key=lambda one: (-abs(one[1].row["difference"]), one[0], one[1].id))
    compared = [one for one in everything if one[1].row["difference"] is not None]
    return {
        "totals": _totals(everything, catalogue).model_dump(),
        "compared": len(compared),
        "places": [
            {"site": site, "location": location, **_totals(of_place, catalogue).model_dump()}
            for (site, location), of_place in places.items()
        ],
        "differing": [
            {
                "site": site,
                "location": kept.row["location"],
                "product_id": kept.row["product_id"],
                "digital": kept.row["digital"],
                "physical": kept.row["physical"],
                "difference": kept.row["difference"],
                "value": worth(kept.row, kept.row["difference"], catalogue),
                "updated_at": iso(kept.row["updated_at"]),
            }
            for site, kept in differing[:WORST]
        ],
    }
