"""Names of people, and alerts by place, over a real store."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from guardian.adapters.embedded.users import Users
from guardian.desk_ports import Role
from tests.unit.api_resources.conftest import SITE, Api, Product


def test_people_are_those_one_shares_a_site_with(make: Callable[..., Api], tmp_path: Path) -> None:
    api = make(tmp_path / "guardian.db")
    accounts = api.parts.accounts
    assert accounts is not None
    users: Users = accounts.users

    def add(name: str, role: Role, *sites: str) -> str:
        return users.add(name, secrets.token_urlsafe(16), role, sites, by="test", at=1).user.id

    boss = add("boss", Role.ADMIN, "*")
    ann = add("ann", Role.OPERATOR, "north", "south")
    bob = add("bob", Role.OPERATOR, "south")
    vera = add("vera", Role.VIEWER, "north")
    gone = add("gone", Role.OPERATOR, "north")
    users.change(gone, disabled=True, by="test", at=2)

    def names(asking: Role, sites: tuple[str, ...], query: str = "") -> dict[str, str]:
        answer = api.as_(asking, *sites).get(f"/api/v1/people{query}")
        assert answer.status_code == 200
        assert all(set(one) == {"id", "name"} for one in answer.json["items"])
        return {one["id"]: one["name"] for one in answer.json["items"] if " " not in one["name"]}

    in_the_north = {boss: "boss", ann: "ann", vera: "vera", gone: "gone"}
    assert names(Role.OPERATOR, ("north",)) == in_the_north
    assert names(Role.VIEWER, ("north",)) == in_the_north
    assert names(Role.OPERATOR, ("south",)) == {boss: "boss", ann: "ann", bob: "bob"}
    assert names(Role.OPERATOR, ("*",)) == {**in_the_north, bob: "bob"}
    assert names(Role.OPERATOR, ("north",), "?for_site=north") == {boss: "boss", ann: "ann"}
    assert names(Role.OPERATOR, ("north",), "?for_site=south") == {}
    assert api.app.test_client().get("/api/v1/people").status_code == 401


def test_alerts_are_found_by_place(api: Api, product: Product) -> None:
    viewer = api.as_(Role.VIEWER)

    def found(query: str) -> dict[str, dict[str, str]]:
        answer = viewer.get(f"/api/v1/alerts?limit=500&site={SITE}&{query}")
        assert answer.status_code == 200
        assert answer.json["next_cursor"] == ""
        return {one["alert_id"]: one["evidence"] for one in answer.json["items"]}

    every = found("")
    stations = {one["station_id"] for one in every.values() if "station_id" in one}
    shelves = {one["location"] for one in every.values() if "/" in str(one.get("location"))}
    assert stations
    assert shelves
    for station in stations:
        at = found(f"place={station}")
        assert at
        assert all(one.get("station_id", station) == station for one in at.values())
    shelf = sorted(shelves)[0]
    site, aisle = shelf.partition("/")[0], shelf.rpartition("-")[0]
    assert set(found(f"place={shelf}")) <= set(found(f"place={aisle}")) <= set(found(f"place={site}"))
    assert all(one["location"] == shelf for one in found(f"place={shelf}").values())
    assert found("place=nowhere") == {}
    assert viewer.get(f"/api/v1/alerts?place={'x' * 201}").status_code == 422
