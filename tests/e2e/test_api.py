"""The operator's API as a process, over a store that the real `guardian` command writes at the same time."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simple_websocket import Client, ConnectionClosed

from guardian.adapters.embedded.sqlite_store import SqliteStore
from tests.e2e.api_server import Answer, ApiServer, Events, add_user, running, until
from tests.e2e.conftest import ROOT, Guardian, command

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def store(guardian: Guardian, day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of a store, replayed, with a user of each role. Tests may change handling."""
    path = tmp_path_factory.mktemp("api") / "guardian.db"
    guardian("replay", day, "--db", path)
    for role in ("viewer", "operator", "analyst", "admin"):
        add_user(path, role, role)
    add_user(path, "elsewhere", "admin", "another site")
    return path


@pytest.fixture(scope="module")
def api(store: Path, day: Path) -> Iterator[ApiServer]:
    with running(store, GUARDIAN_CATALOG=str(day / "products_list.csv")) as server:
        yield server


def walk(api: ApiServer, token: str, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = api.ask("GET", f"alerts?limit=7&cursor={cursor}&{query}", token=token)
        assert page.status == 200, page.raw
        items += page.body["items"]
        cursor = page.body["next_cursor"]
        if not cursor:
            return items


def stored(path: Path) -> dict[str, tuple[str, str, int]]:
    store = SqliteStore(path)
    try:
        return {
            one.alert.alert_id: (one.alert.type, one.alert.status.value, one.alert.count)
            for one in store.alerts()
        }
    finally:
        store.close()


def brief(item: dict[str, Any]) -> tuple[str, str, int]:
    return item["type"], item["status"], item["count"]


def cookie(answer: Answer) -> dict[str, str]:
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_nobody_gets_in_without_logging_in(api: ApiServer) -> None:
    for path in ("alerts", "me", "alerts/x", "audit", "users", "stream", "alerts/export"):
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic YTpi"}):
            answer = api.ask("GET", path, headers=headers)
            assert (answer.status, answer.body["status"]) == (401, 401), path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert api.ask("PATCH", "alerts/x", {}).status == 401


def test_every_answer_tells_browsers_to_be_careful(api: ApiServer) -> None:
    for path in ("/docs", "/openapi.json", "/nowhere", "/api/v1/alerts", "/healthz"):
        headers = api.ask("GET", path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_refresh_token_is_good_once_and_used_twice_it_ends_the_login(api: ApiServer) -> None:
    first = api.ask("POST", "auth/login", {"username": "viewer", "password": "correct horse battery"})
    assert first.body["user"]["role"] == "viewer"
    attributes = first.headers["set-cookie"]
    assert all(part in attributes for part in ("HttpOnly", "SameSite=Strict", "Path=/api/v1/auth"))
    second = api.ask("POST", "auth/refresh", headers=cookie(first))
    assert second.status == 200
    assert api.ask("GET", "me", token=second.body["access_token"]).body["name"] == "viewer"
    assert api.ask("POST", "auth/refresh", headers=cookie(first)).status == 401
    assert api.ask("POST", "auth/refresh", headers=cookie(second)).status == 401

    again = api.ask("POST", "auth/login", {"username": "viewer", "password": "correct horse battery"})
    foreign = {**cookie(again), "Origin": "http://elsewhere.example"}
    assert api.ask("POST", "auth/refresh", headers=foreign).status == 403
    assert api.ask("POST", "auth/logout", headers=cookie(again)).status == 204
    assert api.ask("POST", "auth/refresh", headers=cookie(again)).status == 401


def test_guessing_passwords_is_slowed_down(store: Path) -> None:
    with running(store) as api:
        answers = [
            api.ask("POST", "auth/login", {"username": "operator", "password": f"guess {n}"})
            for n in range(6)
        ]
        assert [answer.status for answer in answers] == [401] * 5 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 300
        right = {"username": "operator", "password": "correct horse battery"}
        assert api.ask("POST", "auth/login", right).status == 429
        assert api.login("viewer")


def test_pages_hold_what_the_engine_has_stored(api: ApiServer, store: Path) -> None:
    token = api.login("viewer")
    items = walk(api, token)
    assert {item["alert_id"]: brief(item) for item in items} == stored(store)
    times = [item["event_time_ms"] for item in items]
    assert times == sorted(times, reverse=True)
    assert len(times) > 20
    avoided = walk(api, token, "type=SCANNER_AVOIDANCE&severity=high")
    assert avoided
    assert all(item["value_at_risk"] > 0 for item in avoided)
    assert all(item["title"] != item["type"] for item in avoided)
    middle = items[len(items) // 2]["event_time"]
    since, until_ = walk(api, token, f"since={middle}"), walk(api, token, f"until={middle}")
    assert len(since) + len(until_) == len(items)
    for wrong in ("limit=0", "limit=x", "severity=huge", "since=2026-01-01", "cursor=x", "order=up"):
        answer = api.ask("GET", f"alerts?{wrong}", token=token)
        assert answer.status == 422
        assert answer.body["errors"][0]["field"].startswith(wrong.partition("=")[0])


def test_an_alert_goes_through_the_hands_of_people(api: ApiServer) -> None:
    operator, viewer, admin = api.login("operator"), api.login("viewer"), api.login("admin")
    alert_id = walk(api, operator, "type=SCANNER_AVOIDANCE")[0]["alert_id"]
    path = f"alerts/{alert_id}"
    seen = api.ask("GET", path, token=operator)
    etag = seen.headers["etag"]
    acknowledge = {"action": "acknowledge", "note": "on my way"}
    assert api.ask("PATCH", path, acknowledge, token=viewer, headers={"If-Match": etag}).status == 403
    assert api.ask("PATCH", path, acknowledge, token=operator).status == 428
    done = api.ask("PATCH", path, acknowledge, token=operator, headers={"If-Match": etag})
    assert (done.status, done.body["handling"]["workflow"]) == (200, "acknowledged")
    stale = api.ask("PATCH", path, acknowledge, token=admin, headers={"If-Match": etag})
    assert (stale.status, stale.headers["etag"]) == (412, done.headers["etag"])
    assert stale.body["current"]["handling"] == done.body["handling"]
    etag = done.headers["etag"]
    for wrong, status in (
        ({"action": "acknowledge"}, 409),
        ({"action": "resolve"}, 409),
        ({"action": "assign", "assignee": "nobody"}, 422),
        ({"action": "erase"}, 422),
        ({"action": "note", "note": "x" * 4_001}, 422),
    ):
        assert api.ask("PATCH", path, wrong, token=admin, headers={"If-Match": etag}).status == status
    resolve = {"action": "resolve", "resolution": "true_positive", "note": "caught"}
    resolved = api.ask("PATCH", path, resolve, token=admin, headers={"If-Match": etag})
    assert resolved.body["handling"]["resolution"] == "true_positive"
    history = api.ask("GET", path, token=viewer).body["history"]
    assert [entry["action"] for entry in history] == ["alert.acknowledge", "alert.resolve"]
    assert history[0]["detail"]["after"]["note"] == "on my way"
    assert alert_id in {item["alert_id"] for item in walk(api, viewer, "workflow=resolved")}
    audit = api.ask("GET", "audit?limit=500", token=admin).body["items"]
    assert [one["action"] for one in audit if one["subject"] == alert_id] == [
        "alert.resolve",
        "alert.acknowledge",
    ]
    assert api.ask("GET", "audit", token=api.login("analyst")).status == 403


def test_what_is_at_another_site_does_not_exist(api: ApiServer) -> None:
    elsewhere, operator = api.login("elsewhere"), api.login("operator")
    alert_id = walk(api, operator)[0]["alert_id"]
    assert walk(api, elsewhere) == []
    assert walk(api, elsewhere, "site=store") == []
    assert api.ask("GET", "alerts", token=elsewhere).body["total_open"] == 0
    assert api.ask("GET", f"alerts/{alert_id}", token=elsewhere).status == 404
    note = {"action": "note", "note": "hello"}
    answer = api.ask("PATCH", f"alerts/{alert_id}", note, token=elsewhere, headers={"If-Match": '"r0"'})
    assert answer.status == 404
    assert api.ask("GET", "alerts/export", token=elsewhere).raw == b""
    assert {one["name"] for one in api.ask("GET", "users", token=elsewhere).body["items"]} == {"elsewhere"}
    grant = {"name": "spy", "password": "0123456789", "role": "viewer", "sites": ["*"]}
    assert api.ask("POST", "users", grant, token=elsewhere).status == 403


def test_administrators_let_people_in_and_out(api: ApiServer) -> None:
    admin = api.login("admin")
    new = {"name": "bo", "password": "a fine password", "role": "operator", "sites": ["store"]}
    made = api.ask("POST", "users", new, token=admin)
    assert made.status == 201, made.raw
    assert api.ask("POST", "users", new, token=admin).status == 422
    assert api.ask("POST", "users", {**new, "name": "x", "password": "short"}, token=admin).status == 422
    token = api.login("bo", "a fine password")
    assert api.ask("GET", "me", token=token).body["role"] == "operator"
    assert api.ask("GET", "users", token=token).status == 403
    path = f"users/{made.body['id']}"
    assert api.ask("PATCH", path, {"role": "viewer"}, token=admin).body["role"] == "viewer"
    assert api.ask("GET", "me", token=token).body["role"] == "viewer"  # at once, not with the next token
    assert api.ask("PATCH", path, {"disabled": True}, token=admin).body["disabled"] is True
    assert api.ask("GET", "me", token=token).status == 401
    login = {"username": "bo", "password": "a fine password"}
    assert api.ask("POST", "auth/login", login).status == 401
    assert api.ask("PATCH", "users/u_0", {"disabled": True}, token=admin).status == 404


def test_an_export_holds_everything_and_no_formula(api: ApiServer, store: Path) -> None:
    analyst, operator = api.login("analyst"), api.login("operator")
    alert = walk(api, operator, "type=WEIGHT_DISCREPANCY")[0]
    note = {"action": "note", "note": '=HYPERLINK("http://x.example","open")'}
    etag = {"If-Match": f'"r{alert["handling"]["revision"]}"'}
    assert api.ask("PATCH", f"alerts/{alert['alert_id']}", note, token=operator, headers=etag).status == 200
    lines = api.ask("GET", "alerts/export?format=jsonl", token=analyst).raw.splitlines()
    assert {(one := json.loads(line))["alert_id"]: brief(one) for line in lines} == stored(store)
    table = api.ask("GET", "alerts/export?format=csv", token=analyst)
    assert table.headers["content-disposition"] == 'attachment; filename="alerts.csv"'
    rows = list(csv.DictReader(io.StringIO(table.raw.decode())))
    assert {row["alert_id"] for row in rows} == set(stored(store))
    (noted,) = (row for row in rows if row["alert_id"] == alert["alert_id"])
    assert noted["note"] == "'" + note["note"]
    assert api.ask("GET", "alerts/export", token=operator).status == 403


def test_before_the_engine_has_begun_it_says_so_and_then_finds_it(
    guardian: Guardian, day: Path, tmp_path: Path
) -> None:
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "viewer")
    with running(path) as api:
        token = api.login("ann")
        assert api.ask("GET", "/readyz").status == 503
        assert api.ask("GET", "alerts", token=token).status == 503
        guardian("replay", day, "--db", path)
        assert {one["alert_id"] for one in walk(api, token)} == set(stored(path))
        until(lambda: api.ask("GET", "/readyz").status == 204)


def test_while_the_engine_writes_pages_and_streams_are_whole(day: Path, tmp_path: Path) -> None:
    """A replay in a process of its own; a listener, which is thrown out by a killed server in the middle."""
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "operator")
    SqliteStore(path).close()
    known: dict[str, dict[str, Any]] = {}
    with running(path) as api:
        token = api.login("ann")
        events = Events(api, token)
        reading = events.read()
        assert next(reading)[0] == "hello"
        engine = subprocess.Popen(
            command("replay", day, "--db", path, "--batch", 200),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while len(known) < 10:
                event, item = next(reading)
                if event == "alert":
                    known[item["alert_id"]] = item
            ids = [item["alert_id"] for item in walk(api, token)]
            assert len(ids) == len(set(ids))
            api.process.kill()
            for event, item in reading:
                known |= {item["alert_id"]: item} if event == "alert" else {}
            events.close()
            worker = api.log.read_text().rpartition("Booting worker with pid: ")[2].partition('"')[0]
            until(lambda: not Path(f"/proc/{worker}").exists())  # it notices that its parent is gone
            assert engine.wait(100) == 0
        finally:
            engine.kill()
            engine.wait()
    first = next(iter(known))
    with running(path) as api:
        token = api.login("ann")
        note = {"action": "note", "note": "seen"}
        answer = api.ask("PATCH", f"alerts/{first}", note, token=token, headers={"If-Match": '"r0"'})
        assert answer.status == 200
        events = Events(api, token, after=events.last_id)
        expected = stored(path)
        for event, item in events.read():
            if event == "alert":
                known[item["alert_id"]] = item
            if (
                known[first]["handling"]["note"] == "seen"
                and {name: brief(item) for name, item in known.items()} == expected
            ):
                break
        events.close()
        assert {item["alert_id"] for item in walk(api, token)} == set(expected)


def test_a_cursor_of_another_store_begins_anew(api: ApiServer) -> None:
    events = Events(api, api.login("viewer"), after="999999.0")
    reading = events.read()
    assert [next(reading)[0] for _ in range(2)] == ["reset", "hello"]
    events.close()


def test_a_web_socket_tells_the_same(api: ApiServer) -> None:
    token = api.login("operator")
    url = f"ws://127.0.0.1:{api.port}/api/v1/stream"
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for offered in ("bearer", "bearer, no.token.really", f"basic, {token}"):
        asking = {
            **upgrade,
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol": offered,
        }
        assert api.ask("GET", "stream/alerts", headers=asking).status == 401
    socket = Client(f"{url}/alerts", subprotocols=["bearer", token])
    assert socket.subprotocol == "bearer"
    hello = json.loads(socket.receive(30))
    assert hello["event"] == "hello"
    alert = walk(api, token, "type=LONG_QUEUE")[0]
    note = {"action": "note", "note": "told"}
    etag = {"If-Match": f'"r{alert["handling"]["revision"]}"'}
    assert api.ask("PATCH", f"alerts/{alert['alert_id']}", note, token=token, headers=etag).status == 200
    deadline = time.monotonic() + 30
    while (message := json.loads(socket.receive(30)))["event"] != "alert":
        assert time.monotonic() < deadline
    assert message["data"]["handling"]["note"] == "told"
    socket.close()
    again = Client(f"{url}/alerts?after={hello['id']}", subprotocols=["bearer", token])
    assert json.loads(again.receive(30))["data"]["alert_id"] == alert["alert_id"]
    again.close()


def test_streams_are_counted_and_end_when_it_is_told_to_stop(store: Path) -> None:
    with running(store, GUARDIAN_STREAMS="2", GUARDIAN_THREADS="4", GUARDIAN_STOP_S="50") as api:
        token = api.login("viewer")
        streams = [Events(api, token) for _ in range(2)]
        for one in streams:
            next(one.read())
        assert api.ask("GET", "stream", token=token).status == 503
        extra = Client(f"ws://127.0.0.1:{api.port}/api/v1/stream/alerts", subprotocols=["bearer", token])
        with pytest.raises(ConnectionClosed):
            extra.receive(30)
        assert b"guardian_api_streams 2.0" in api.ask("GET", "/metrics").raw
        began = time.monotonic()
        api.process.terminate()
        for one in streams:
            assert "expired" not in [event for event, _ in one.read()]
            one.close()
        assert api.process.wait(60) == 0
        assert time.monotonic() - began < 30  # streams were told, and not waited for


def test_events_that_the_live_engine_kept_are_shown_with_the_alert(day: Path, tmp_path: Path) -> None:
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "viewer")
    engine = subprocess.Popen(
        command("run", day, "--db", path, "--event-log", "--event-log-days", 4_000),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(path.exists)
        with running(path) as api:
            token = api.login("ann")

            def found() -> list[dict[str, Any]]:
                answer = api.ask("GET", "alerts?type=SCANNER_AVOIDANCE", token=token)
                return list(answer.body["items"]) if answer.status == 200 else []

            until(found)
            alert = found()[-1]
            shown = api.ask("GET", f"alerts/{alert['alert_id']}", token=token).body["events"]
            assert len(shown) > 1
            (station,) = {event["value"]["station_id"] for event in shown}
            assert station == alert["evidence"]["station_id"]
            assert set(alert["evidence"]["event_ids"]) <= {event["event_id"] for event in shown}
            times = [event["event_time_ms"] for event in shown]
            assert times == sorted(times)
            assert max(abs(at - alert["event_time_ms"]) for at in times) <= 5 * 60_000
    finally:
        engine.terminate()
        engine.wait()
