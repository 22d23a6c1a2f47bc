"""The API where the engine has not made its file yet, and behind proxies: real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.engine.plan import Plan
from tests.contract.committer import example_alert
from tests.e2e.api_server import PASSWORD, Answer, ApiServer, Events, add_user, running

pytestmark = pytest.mark.e2e


def commit(store: SqliteStore, *names: str) -> None:
    store.commit(Plan(alerts={name: example_alert(name) for name in names}))


def test_who_listens_before_there_is_a_store_is_told_when_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "operator")
    with running(path) as api:
        token = api.login("ann")
        assert api.ask("GET", "alerts", token=token).status == 503
        first, second = Events(api, token), Events(api, token)
        for events in (first, second):
            assert events.answer.status == 200
            assert next(events.read()) == ("hello", {})
            assert events.last_id == ""
        store = SqliteStore(path)
        commit(store, "al_1")
        for events in (first, second):
            assert next(one for one in events.read() if one[0] in {"hello", "alert"})[0] == "hello"
            assert events.last_id
        # What was there when it began is loaded, as `hello` says; everything after that is told.
        loaded = api.ask("GET", "alerts", token=token).body["items"]
        assert [one["alert_id"] for one in loaded] == ["al_1"]
        commit(store, "al_2")
        for events in (first, second):
            name, told = next(one for one in events.read() if one[0] == "alert")
            assert (name, told["alert_id"]) == ("alert", "al_2")
            events.close()
        store.close()


def test_who_comes_back_before_the_store_does_misses_nothing(tmp_path: Path) -> None:
    path, aside = tmp_path / "guardian.db", tmp_path / "aside"
    add_user(path, "ann", "operator")
    store = SqliteStore(path)
    commit(store, "al_1")
    with running(path) as api:
        events = Events(api, api.login("ann"))
        assert next(events.read())[0] == "hello"
        events.close()
        api.stop()
    commit(store, "al_2")
    store.close()
    path.rename(aside)
    with running(path) as api:
        again = Events(api, api.login("ann"), events.last_id)
        aside.rename(path)
        name, told = next(one for one in again.read() if one[0] in {"hello", "alert"})
        assert (name, told["alert_id"]) == ("alert", "al_2")
        again.close()


def guesses(api: ApiServer, *forwarded: str) -> list[int]:
    """Wrong passwords, each for another user, as sent from these addresses."""
    return [
        api.ask(
            "POST",
            "auth/login",
            {"username": f"user {number}", "password": "a guess of mine"},
            headers={"X-Forwarded-For": address},
        ).status
        for number, address in enumerate(forwarded)
    ]


def login(api: ApiServer, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.ask("POST", "auth/login", {"username": "ann", "password": PASSWORD}, headers=named)
    assert answer.status == 200, answer.raw
    return answer


OF_AN_ADDRESS = 30


def test_without_a_proxy_nobody_is_believed_about_where_he_is(tmp_path: Path) -> None:
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "operator")
    with running(path) as api:
        answer = login(api, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert "Secure" not in answer.headers["set-cookie"]
        assert api.ask("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status == 200
        statuses = guesses(api, *(f"203.0.113.{n}" for n in range(OF_AN_ADDRESS + 1)))
        assert statuses == [401] * OF_AN_ADDRESS + [429]


def test_behind_a_proxy_it_is_believed_and_what_was_sent_to_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "guardian.db"
    add_user(path, "ann", "operator")
    with running(path, GUARDIAN_PROXIES="1") as api:
        secure = login(api, X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.9")
        assert "Secure" in secure.headers["set-cookie"]
        forged = login(api, X_Forwarded_Proto="https, http", X_Forwarded_For="203.0.113.9")
        assert "Secure" not in forged.headers["set-cookie"]
        # The proxy adds the address that it sees; what stands before that is whatever somebody has sent.
        statuses = guesses(api, *(f"198.51.100.{n}, 203.0.113.7" for n in range(OF_AN_ADDRESS + 1)))
        assert statuses == [401] * OF_AN_ADDRESS + [429]
        assert guesses(api, "203.0.113.8") == [401]
        assert api.ask("GET", "/metrics").status == 200
        for address in ("203.0.113.9", "127.0.0.1, 203.0.113.9"):
            assert api.ask("GET", "/metrics", headers={"X-Forwarded-For": address}).status == 403


def test_a_number_of_proxies_that_is_none_is_refused(tmp_path: Path) -> None:
    server = ApiServer(tmp_path / "guardian.db", {"GUARDIAN_PROXIES": "all"})
    assert server.process.wait(60) == 2
    assert "GUARDIAN_PROXIES: expected a number from 0 to 10" in server.log.read_text()
