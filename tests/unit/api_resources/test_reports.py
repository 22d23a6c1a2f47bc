"""Reports through the API: for analysts, of the sites they see, over a real history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardian.adapters.embedded.history.folder import About, HistoryFolder
from guardian.adapters.embedded.history.keeper import Keeper
from guardian.adapters.embedded.history_reports import EmbeddedReports
from guardian.desk_ports import Role
from tests.unit.api_resources.conftest import SITE, Api, Product

URL = "/api/v1/reports"
PERIOD = {"since": "2025-06-01T00:00:00Z", "until": "2025-06-08T00:00:00Z"}


@pytest.fixture(scope="module")
def analysed(make: Callable[..., Api], product: Product, tmp_path_factory: pytest.TempPathFactory) -> Api:
    folder = HistoryFolder(tmp_path_factory.mktemp("history"))
    folder.create(About(SITE, "UTC"))
    Keeper(folder, product.db, 400, product.catalogue).round(whole=False)
    api = make()
    api.parts.reports = EmbeddedReports(folder)
    return Api(api.parts, api._users, api._tokens)


def test_which_there_are(analysed: Api) -> None:
    items = analysed.as_(Role.ANALYST).get(URL).json["items"]  # type: ignore[index]
    assert len(items) == 8
    assert {"name", "title", "description", "days"} == items[0].keys()


def test_a_report_adds_up_to_the_alerts(analysed: Api) -> None:
    analyst = analysed.as_(Role.ANALYST)
    found: Any = analyst.get(f"{URL}/detector_quality", query_string=PERIOD).json
    place = found["columns"].index("alerts")
    listed: Any = analyst.get("/api/v1/alerts", query_string={**PERIOD, "limit": 500}).json
    assert sum(row[place] for row in found["rows"]) == len(listed["items"]) > 10
    assert found["since"] == PERIOD["since"]
    assert not found["partial"]


def test_only_of_the_sites_one_sees(analysed: Api) -> None:
    url = f"{URL}/detector_quality"
    ours: Any = analysed.as_(Role.ANALYST, SITE).get(url, query_string=PERIOD).json
    assert ours["rows"]
    theirs: Any = analysed.as_(Role.ANALYST, "elsewhere").get(url, query_string=PERIOD).json
    assert theirs["rows"] == []
    asked: Any = analysed.as_(Role.ANALYST, "elsewhere").get(url, query_string={**PERIOD, "site": SITE}).json
    assert asked.get("rows", []) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_others_may_not(analysed: Api, role: Role) -> None:
    assert analysed.as_(role).get(URL).status_code == 403
    assert analysed.as_(role).get(f"{URL}/heat_map").status_code == 403


def test_what_makes_no_sense(analysed: Api, api: Api) -> None:
    analyst = analysed.as_(Role.ANALYST)
    assert analyst.get(f"{URL}/nothing").status_code == 404
    backwards = {"since": PERIOD["until"], "until": PERIOD["since"]}
    assert analyst.get(f"{URL}/heat_map", query_string=backwards).status_code == 422
    # Times that no calendar has, or that nobody can look back from.
    for far in ("4503599627370495", "0001-01-02T00:00:00Z"):
        told: Any = analyst.get(f"{URL}/heat_map", query_string={**PERIOD, "since": far})
        assert told.status_code == 422
        assert told.json["errors"][0]["field"] == "since"
    # Where no history is kept there are no reports.
    assert api.as_(Role.ANALYST).get(URL).json == {"items": []}
    assert api.as_(Role.ANALYST).get(f"{URL}/heat_map").status_code == 404


def test_a_history_that_cannot_be_read(analysed: Api, tmp_path: Path) -> None:
    parts = msgspec.structs.replace(
        analysed.parts, reports=EmbeddedReports(HistoryFolder(tmp_path / "nothing"))
    )
    analyst = Api(parts, analysed._users, analysed._tokens).as_(Role.ANALYST)
    told: Any = analyst.get(f"{URL}/heat_map", query_string=PERIOD)
    assert told.status_code == 503
    assert told.json["type"].endswith("#problem-history-unavailable")
    assert str(tmp_path) not in told.text
