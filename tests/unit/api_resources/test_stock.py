"""`inventory` and `jobs`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from cloud_run.api import row_pages
from cloud_run.api.resources.inventory import LIVE
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.desk_ports import Role
from guardian.detectors.registry import REGISTRY
from guardian.detectors.warehouse.stock_levels import STOCK_LEVELS
from tests.unit.api_resources.conftest import SITE, Api, Product

STATUS = "/api/v1/inventory/status"


@pytest.fixture(scope="module")
def kept(product: Product) -> list[dict[str, Any]]:
    """Every level as the machine has kept it, by its id."""
    store = SqliteStore(product.db)
    rows = [row.row for row in store.history(STOCK_LEVELS)]
    store.close()
    return rows


def walked(api: Api, limit: int = 500, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.as_(Role.VIEWER).get(STATUS, query_string={**query, "limit": limit, "cursor": cursor})
        assert page.status_code == 200, page.text
        assert len(page.json["items"]) <= limit
        items += page.json["items"]
        cursor = page.json["next_cursor"]
        if not cursor:
            return items


def names(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["location"], item["product_id"]) for item in items]


def test_the_days_have_levels_of_a_warehouse_and_of_a_store(kept: list[dict[str, Any]]) -> None:
    assert {bool(row["location"]) for row in kept} == {True, False}
    assert any(row["difference"] for row in kept)


def test_an_item_is_what_the_machine_has_kept(api: Api, product: Product, kept: list[dict[str, Any]]) -> None:
    items = walked(api)

    assert names(items) == [(row["location"], row["product_id"]) for row in kept]
    for item, row in zip(items, kept, strict=True):
        known = product.catalogue.get(row["product_id"])
        assert item["site"] == SITE
        assert item["difference"] == row["difference"]
        assert [[point["t"], point["digital"], point["physical"]] for point in item["series"]] == row[
            "series"
        ]
        assert item["updated_at"].endswith("Z")
        assert item["updated_at_ms"] == row["updated_at"]
        assert item["name"] == (known.name if known else "")
        there = row["digital"] if row["physical"] is None else row["physical"]
        if known is None or known.price is None or there is None:
            assert item["value"] is None
        else:
            assert item["value"] == pytest.approx(there * known.price, abs=0.01)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(5, 70), st.sampled_from([None, "differences"]), st.booleans(), st.integers(20, 600))
def test_walking_all_pages_gives_each_article_once(
    api: Api, kept: list[dict[str, Any]], limit: int, only: str | None, in_warehouse: bool, scanned: int
) -> None:
    """However many rows are looked at for one page."""
    place = next(row["location"] for row in kept if row["location"]).partition("/")[0]
    query = {"only": only, "location": place if in_warehouse else None}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(row_pages, "MOST_SCANNED", scanned)
        items = walked(api, limit, **{name: value for name, value in query.items() if value})

    assert names(items) == [
        (row["location"], row["product_id"])
        for row in kept
        if (only is None or row["difference"])
        and (not in_warehouse or row["location"] == place or row["location"].startswith(f"{place}/"))
    ]


def test_a_place_is_not_another_one_whose_name_goes_on(api: Api, kept: list[dict[str, Any]]) -> None:
    shelf = next(row["location"] for row in kept if row["location"])

    assert {item["location"] for item in walked(api, location=shelf)} == {shelf}
    assert walked(api, location=shelf[:-1]) == []


def test_totals_are_those_of_everything_not_of_the_page(api: Api, kept: list[dict[str, Any]]) -> None:
    totals = api.as_(Role.VIEWER).get(STATUS, query_string={"limit": 1}).json["totals"]

    differences = [row["difference"] or 0 for row in kept]
    assert totals["articles"] == len(kept)
    assert totals["differing"] == sum(difference != 0 for difference in differences)
    assert totals["missing"] == -sum(difference for difference in differences if difference < 0)
    assert totals["surplus"] == sum(difference for difference in differences if difference > 0)
    assert totals["digital"] == sum(row["digital"] or 0 for row in kept)
    assert totals["value"] > 0
    assert totals["partial"] is False


def test_what_has_changed_last_is_the_same_without_its_course(api: Api) -> None:
    told = api.as_(Role.VIEWER).get("/api/v1/inventory/latest").json["items"]
    items = {(item["location"], item["product_id"]): item for item in walked(api)}

    assert len(told) == min(LIVE, len(items))
    assert [one["updated_at_ms"] for one in told] == sorted(
        (item["updated_at_ms"] for item in items.values()), reverse=True
    )[:LIVE]
    for one in told:
        item = items[one["location"], one["product_id"]]
        assert one == {name: value for name, value in item.items() if name != "series"}
    assert api.as_(Role.VIEWER, "elsewhere").get("/api/v1/inventory/latest").json == {"items": []}


def test_what_a_page_makes_alerts_of(api: Api, product: Product) -> None:
    told = api.as_(Role.VIEWER).get("/api/v1/catalogue").json
    assert told["prices"] == {one.sku: one.price for one in product.catalogue if one.price is not None}
    assert told["prices"]
    assert told["titles"].keys() == REGISTRY.keys()
    assert api.app.test_client().get("/api/v1/catalogue").status_code == 401


def test_another_site_is_empty(api: Api) -> None:
    page = api.as_(Role.VIEWER, "south").get(STATUS).json
    assert (page["items"], page["totals"]["articles"]) == ([], 0)
    mine = api.as_(Role.VIEWER, "south", SITE).get(STATUS, query_string={"limit": 1}).json
    assert len(mine["items"]) == 1


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WyJ4IiwxXQ"])
def test_a_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    refused = api.as_(Role.VIEWER).get(STATUS, query_string={"cursor": cursor})

    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "cursor"


def test_a_reconciliation(api: Api, kept: list[dict[str, Any]]) -> None:
    analyst = api.as_(Role.ANALYST)
    asked = analyst.post("/api/v1/inventory/reconcile", json={})
    assert asked.status_code == 202
    job = finished(analyst, asked.json["id"])

    assert job["state"] == "done", job
    result = job["result"]
    assert result["totals"]["articles"] == len(kept)
    assert result["compared"] == sum(row["difference"] is not None for row in kept)
    assert sum(place["articles"] for place in result["places"]) == len(kept)
    worst = sorted((abs(row["difference"]) for row in kept if row["difference"]), reverse=True)
    assert [abs(one["difference"]) for one in result["differing"]] == worst[:100]
    audit = api.as_(Role.ADMIN).get("/api/v1/audit").json["items"]
    assert any(row["action"] == "inventory.reconcile" and row["detail"]["job"] == job["id"] for row in audit)


def test_who_may_reconcile_and_see_it(api: Api) -> None:
    assert api.as_(Role.OPERATOR).post("/api/v1/inventory/reconcile", json={}).status_code == 403
    elsewhere = api.as_(Role.ANALYST, "south")
    assert elsewhere.post("/api/v1/inventory/reconcile", json={}).status_code == 404
    job = api.as_(Role.ANALYST).post("/api/v1/inventory/reconcile", json={"site": SITE}).json["id"]
    assert api.as_(Role.VIEWER, SITE).get(f"/api/v1/jobs/{job}").status_code == 200
    assert elsewhere.get(f"/api/v1/jobs/{job}").status_code == 404
    assert elsewhere.get("/api/v1/jobs/nonsense").status_code == 404


def finished(client: Any, job: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = client.get(f"/api/v1/jobs/{job}").json
        if found["state"] in {"done", "failed"}:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not finished: {found}")


def test_before_the_engine_has_begun_the_store_is_unavailable(
    make: Callable[..., Api], tmp_path: Path
) -> None:
    refused = make(tmp_path / "guardian.db").as_(Role.VIEWER).get(STATUS)

    assert refused.status_code == 503
