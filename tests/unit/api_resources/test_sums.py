"""`stations`, `analytics` and `status`, against what the store itself holds."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from cloud_run.api.flow import STALE_S, WINDOW_S, Flow
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Alert
from guardian.desk_ports import Role
from guardian.detectors.registry import alert_types
from guardian.detectors.store.station_status import STATIONS
from tests.unit.api_resources.conftest import SITE, Api, Product

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def alerts(product: Product) -> list[Alert]:
    store = SqliteStore(product.db)
    found = [one.alert for one in store.alerts()]
    store.close()
    assert found
    return found


def watermark(api: Api) -> int:
    assert api.parts.records is not None
    mark = api.parts.records.rows.progress(SITE).watermark
    assert mark is not None
    return mark


def test_stations(api: Api, product: Product, alerts: list[Alert]) -> None:
    store = SqliteStore(product.db)
    kept = {row.id: row.row for row in store.history(STATIONS)}
    store.close()
    items = api.as_(Role.VIEWER).get("/api/v1/stations").json["items"]

    assert len(items) == len(kept) > 1
    for item in items:
        row = kept[item["station_id"]]
        assert (item["site"], item["status"], item["queue"]) == (SITE, row["status"], row["queue"])
        assert (item["last_sale_at"] is None) == (row["last_sale"] is None)
        mine = {a.alert_id for a in alerts if a.status != "cleared" and about(a) == item["station_id"]}
        assert {one["alert_id"] for one in item["open_alerts"]} <= mine
        assert bool(item["open_alerts"]) == bool(mine)
    assert api.as_(Role.VIEWER, "south").get("/api/v1/stations").json["items"] == []


def about(alert: Alert) -> Any:
    return alert.subject.id if alert.subject.kind == "station" else alert.evidence.get("station_id")


def test_the_dashboard(api: Api, alerts: list[Alert]) -> None:
    shown = api.as_(Role.VIEWER).get("/api/v1/analytics/dashboard").json
    now = watermark(api)
    open_ = [alert for alert in alerts if alert.status != "cleared"]
    lately = [alert for alert in open_ if alert.event_time >= now - DAY_MS]

    assert shown["open"] == {"low": 0, "medium": 0, "high": 0, "critical": 0} | Counter(
        alert.severity.value for alert in open_
    )
    assert shown["open_total"] == len(open_)
    assert shown["raised_24h"] == len(lately)
    assert shown["confirmed_24h"] == sum(alert.status == "confirmed" for alert in lately)
    assert 0 < shown["risk_score"] <= 100
    assert shown["value_at_risk"] > 0
    assert len(shown["series"]) == 24
    hours = [hour["t_ms"] for hour in shown["series"]]
    assert [later - earlier for earlier, later in pairwise(hours)] == [3_600_000] * 23
    counted = sum(hour[name] for hour in shown["series"] for name in ("low", "medium", "high", "critical"))
    assert counted == sum(alert.event_time >= hours[0] for alert in lately)
    assert shown["partial"] is False


def test_threats(api: Api, alerts: list[Alert]) -> None:
    shown = api.as_(Role.VIEWER).get("/api/v1/analytics/threats").json
    raised = [alert for alert in alerts if alert.status != "cleared"]

    assert sum(bucket["high"] for bucket in shown["timeline"]) == sum(a.severity == "high" for a in raised)
    assert {one["type"]: one["count"] for one in shown["by_type"]} == Counter(a.type for a in raised)
    assert len(shown["timeline"]) <= 49
    for kind in ("products", "employees", "locations"):
        scores = [one["score"] for one in shown[kind]]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 100 for score in scores)
        assert 0 < len(scores) <= 20
    assert shown["by_location"][0]["alerts"] >= shown["by_location"][-1]["alerts"]


def test_the_period_is_checked(api: Api) -> None:
    viewer = api.as_(Role.VIEWER)
    for query in ({"since": "5", "until": "4"}, {"since": "0", "until": str(401 * DAY_MS)}, {"since": "x"}):
        assert viewer.get("/api/v1/analytics/threats", query_string=query).status_code == 422
    nothing = viewer.get("/api/v1/analytics/threats", query_string={"since": "0", "until": "3600000"}).json
    assert (nothing["by_type"], len(nothing["timeline"])) == ([], 1)


def test_detectors(api: Api, alerts: list[Alert]) -> None:
    admin = api.as_(Role.ADMIN)
    assert api.as_(Role.OPERATOR).get("/api/v1/analytics/detectors").status_code == 403
    items = admin.get("/api/v1/analytics/detectors").json["items"]

    assert [item["id"] for item in items] == alert_types()
    counts = Counter(alert.type for alert in alerts)
    for item in items:
        assert item["alerts"] == counts[item["id"]]
        assert item["suspected"] + item["confirmed"] + item["cleared"] == item["alerts"]
        mine = sorted(
            (alert.detected_at - alert.event_time) / 1000 for alert in alerts if alert.type == item["id"]
        )
        if not mine:
            assert item["latency_p50_s"] is None
            continue
        assert item["latency_p95_s"] == next(
            value for value in mine if sum(v <= value for v in mine) * 100 >= 95 * len(mine)
        )
        assert mine[0] <= item["latency_p50_s"] <= item["latency_p95_s"] <= mine[-1]


def test_what_people_find_counts(api: Api, alerts: list[Alert]) -> None:
    """Three are judged: one of them was nothing."""
    kind, number = Counter(alert.type for alert in alerts).most_common(1)[0]
    assert number >= 3
    operator = api.as_(Role.OPERATOR)
    for alert, found in zip(
        [one for one in alerts if one.type == kind],
        ("true_positive", "true_positive", "false_positive"),
        strict=False,
    ):
        change = {"action": "resolve", "resolution": found}
        path = f"/api/v1/alerts/{alert.alert_id}"
        assert operator.patch(path, json=change, headers={"If-Match": '"r0"'}).status_code == 200
    # Another period, so that it is not the answer of before.
    query = {"since": "0", "until": str(300 * DAY_MS)}
    assert all(
        one["alerts"] == 0
        for one in api.as_(Role.ANALYST).get("/api/v1/analytics/detectors", query_string=query).json["items"]
    )
    until = max(alert.event_time for alert in alerts) + 1
    query = {"since": str(until - 30 * DAY_MS), "until": str(until)}
    items = api.as_(Role.ANALYST).get("/api/v1/analytics/detectors", query_string=query).json["items"]
    (item,) = [one for one in items if one["id"] == kind]

    assert (item["true_positive"], item["false_positive"], item["resolved"]) == (2, 1, 3)
    assert item["false_positive_rate"] == 0.3333


def test_status(api: Api, product: Product) -> None:
    shown = api.as_(Role.VIEWER).get("/api/v1/status").json
    store = SqliteStore(product.db)
    counters = store.counters()
    store.close()

    assert shown["version"]
    assert [site["id"] for site in shown["sites"]] == [SITE]
    assert shown["lag_s"] > 86_400  # the days are long over
    assert {stream["topic"]: stream["events"] for stream in shown["streams"]} == {
        name.removeprefix("events."): number
        for name, number in counters.items()
        if name.startswith("events.")
    }
    nobody = api.as_(Role.VIEWER, "south").get("/api/v1/status").json
    assert (nobody["sites"], nobody["streams"], nobody["watermark"]) == ([], [], None)


def test_live_streams_are_offered_the_same(api: Api) -> None:
    offered = {one.event: one for one in api.parts.live.regular}

    assert offered.keys() >= {"status", "stock", "station"}
    assert offered["status"].always
    stations = api.as_(Role.VIEWER).get("/api/v1/stations").json["items"]
    assert offered["station"].read(None) == stations
    assert offered["stock"].read(("south",)) is None
    stock = offered["stock"].read(None)
    assert stock
    times = [one["updated_at_ms"] for one in stock]
    assert times == sorted(times, reverse=True)


def test_rates_are_of_the_last_minute() -> None:
    flow = Flow()
    assert [(one.rate, one.grew_at) for one in flow.look({"events.a": 100, "late": 3}, 0.0)] == [(None, None)]
    (one,) = flow.look({"events.a": 400}, 30.0)
    assert (one.topic, one.rate, one.grew_at) == ("a", 10.0, 30.0)
    for second in range(31, 200):
        (one,) = flow.look({"events.a": 400}, float(second))
    assert (one.rate, one.stale) == (0.0, False)  # nothing grows: it is quiet, not broken


def test_a_stream_is_stale_when_others_go_on() -> None:
    flow = Flow()
    streams: Any = []
    for second in range(int(STALE_S) + 2):
        streams = flow.look({"events.a": 10 * second, "events.b": 5}, float(second))

    assert [(one.topic, one.stale) for one in streams] == [("a", False), ("b", True)]


@given(st.lists(st.tuples(st.floats(0.01, 90), st.integers(0, 1_000)), min_size=2, max_size=60))
def test_a_rate_is_never_negative_nor_more_than_there_was(steps: list[tuple[float, int]]) -> None:
    flow = Flow()
    now, total = 0.0, 0
    looks = [(now, total)]
    for pause, more in steps:
        now, total = now + pause, total + more
        (one,) = flow.look({"events.a": total}, now)
        looks.append((now, total))
        if one.rate is None:
            continue
        covered = [(at, count) for at, count in looks if at >= now - WINDOW_S - 90]
        assert (
            0
            <= one.rate
            <= max((total - count) / (now - at) for at, count in covered if now - at >= 0.99) * (1 + 1e-9)
        )
