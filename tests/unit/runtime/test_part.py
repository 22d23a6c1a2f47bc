"""A part as a process, and behind functions-framework: on threads of its own, over a real store."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.google.pubsub_message import Message
from guardian.detectors.parts import Part
from guardian.engine.plan import Plan
from guardian.events.topics import QUEUE
from guardian.runtime import part as part_module
from guardian.runtime.grouping import Done, GroupLimits
from guardian.runtime.part import FIRESTORE, NotTakenError, PartFunction, PartProcess, part_settings
from guardian.runtime.settings import SettingsError

SOURCE = "//pubsub.googleapis.com/projects/p/topics/"


def queue(second: int, customers: int) -> bytes:
    return msgspec.json.encode(
        {
            "timestamp": f"2025-06-03T10:00:{second:02}",
            "station_id": "SCC1",
            "status": "Active",
            "data": {"customer_count": customers, "average_dwell_time": 10.0},
        }
    )


def message(data: bytes, identifier: str = "1", **attributes: str) -> dict[str, Any]:
    """What functions-framework makes of a push."""
    encoded = base64.b64encode(data).decode()
    return {"message": {"data": encoded, "messageId": identifier, "attributes": attributes}}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "part.db"


Make = Callable[..., PartFunction]


@pytest.fixture
def make(db: Path) -> Iterator[Make]:
    """Makes functions over the same store; closed at the end."""
    made: list[PartFunction] = []

    def function(part: Part = Part.EVENT_CHECKS, **environment: str) -> PartFunction:
        made.append(PartFunction(part, {"GUARDIAN_STORE": f"sqlite:{db}", **environment}))
        return made[-1]

    yield function
    for one in made:
        one.close()


def test_what_is_taken_is_committed(make: Make, db: Path) -> None:
    function = make()
    for second in range(20, 24):
        function.take(SOURCE + QUEUE, message(queue(second, 9), f"m{second}"))
        with closing(SqliteStore(db)) as store:
            assert store.counters()["events.queue-monitor"] == second - 19
    with closing(SqliteStore(db)) as store:
        (stored,) = store.alerts()
    assert (stored.alert.type, stored.alert.count) == ("LONG_QUEUE", 4)


def test_taken_again_it_is_the_same_event(make: Make, db: Path) -> None:
    function = make()
    for _ in range(3):
        function.take(SOURCE + QUEUE, message(queue(20, 9), "m"))
        function.close()  # the next one is a process that has just started
    with closing(SqliteStore(db)) as store:
        (stored,) = store.alerts()
    assert stored.alert.count == 1


@pytest.mark.parametrize("data", [b"", b"no JSON", b"\xff", b'{"timestamp": "never"}'])
def test_what_is_no_event_is_quarantined_and_not_asked_for_again(make: Make, db: Path, data: bytes) -> None:
    make().take(SOURCE + QUEUE, message(data))
    with closing(SqliteStore(db)) as store:
        assert [(record.topic, record.raw) for record in store.quarantine()] == [(QUEUE, data)]


@pytest.mark.parametrize("data", [None, b"bytes", {"message": 7}, {"message": {"data": "%"}}, {}, [1]])
def test_what_is_no_message_is_not_asked_for_again(make: Make, data: Any, db: Path) -> None:
    make().take(SOURCE + QUEUE, data)
    assert not db.exists()


def test_a_tick_is_no_record(make: Make, db: Path) -> None:
    function = make()
    function.take(SOURCE + "ticks", message(b"tick"))
    function.take(SOURCE + "ticks", message(b""))
    with closing(SqliteStore(db)) as store:
        assert not list(store.quarantine())
        assert not store.counters()


def test_many_threads_share_one_process_and_its_commits(
    make: Make, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[Plan] = []
    commit = SqliteStore.commit

    def count(self: SqliteStore, plan: Plan) -> None:
        commits.append(plan)
        commit(self, plan)

    monkeypatch.setattr(SqliteStore, "commit", count)
    function = make(GUARDIAN_GROUP_WAIT_MS="200")
    with ThreadPoolExecutor(32) as pool:
        list(
            pool.map(lambda n: function.take(SOURCE + QUEUE, message(queue(n % 60, 1), f"m{n}")), range(320))
        )
    with closing(SqliteStore(db)) as store:
        assert store.counters()["events.queue-monitor"] == 320
    assert len(commits) < 100


def test_what_is_not_committed_has_to_come_again(
    make: Make, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = make()
    function.take(SOURCE + QUEUE, message(queue(20, 9), "a"))

    def fail(self: SqliteStore, plan: Plan) -> None:
        raise OSError("the secret of the store")

    with monkeypatch.context() as broken:
        broken.setattr(SqliteStore, "commit", fail)
        with pytest.raises(NotTakenError) as raised:
            function.take(SOURCE + QUEUE, message(queue(21, 9), "b"))
    assert "secret" not in str(raised.value)
    function.take(SOURCE + QUEUE, message(queue(21, 9), "b"))
    with closing(SqliteStore(db)) as store:
        (stored,) = store.alerts()
    assert stored.alert.count == 2


def test_a_worker_that_has_died_is_replaced(make: Make, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda given: None)
    function = make()
    function.take(SOURCE + QUEUE, message(queue(20, 9), "a"))

    def die(self: SqliteStore, plan: Plan) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(SqliteStore, "commit", die)
        with pytest.raises(NotTakenError):
            function.take(SOURCE + QUEUE, message(queue(21, 9), "b"))
    function.take(SOURCE + QUEUE, message(queue(21, 9), "b"))
    with closing(SqliteStore(db)) as store:
        (stored,) = store.alerts()
    assert stored.alert.count == 2


def test_whoever_wants_to_know_is_told_of_commits(db: Path) -> None:
    done: list[Done] = []
    process = PartProcess(part_settings({"GUARDIAN_STORE": f"sqlite:{db}"}, Part.EVENT_CHECKS, "w"))
    process.start(done.append)
    process.submit(Message(data=queue(20, 9), attributes={}, message_id="1", topic=QUEUE)).result(60)
    assert process.close()
    (plan,) = [one.plan for one in done if one.requests]
    assert plan is not None
    assert [alert.type for alert in plan.alerts.values()] == ["LONG_QUEUE"]


def test_one_that_never_began_is_closed(db: Path) -> None:
    assert PartProcess(part_settings({"GUARDIAN_STORE": f"sqlite:{db}"}, None, "w")).close()


def test_settings() -> None:
    settings = part_settings(
        {
            "GUARDIAN_STORE": FIRESTORE,
            "GUARDIAN_SETTINGS": "/site.toml",
            "GUARDIAN_CATALOG": "/products.csv",
            "GOOGLE_CLOUD_PROJECT": "p",
            "GUARDIAN_FIRESTORE_DATABASE": "d",
            "GUARDIAN_STOP_S": "3",
            "GUARDIAN_GROUP_RECORDS": "7",
            "GUARDIAN_GROUP_WAIT_MS": "20",
            "GUARDIAN_MOST_WAITING": "70",
        },
        Part.EVENT_CHECKS,
        "w",
    )
    assert (settings.part, settings.store, settings.worker) == (Part.EVENT_CHECKS, FIRESTORE, "w")
    assert (settings.site_settings, settings.catalogue) == (Path("/site.toml"), Path("/products.csv"))
    assert (settings.project, settings.database, settings.stop_s) == ("p", "d", 3)
    assert settings.limits == GroupLimits(most_records=7, most_wait_s=0.02, most_waiting=70)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GUARDIAN_STORE", ""),
        ("GUARDIAN_STORE", "sqlite:"),
        ("GUARDIAN_STOP_S", "0"),
        ("GUARDIAN_GROUP_RECORDS", "many"),
        ("GUARDIAN_GROUP_WAIT_MS", "-1"),
        ("GUARDIAN_MOST_WAITING", "1e3"),
    ],
)
def test_a_setting_that_will_not_do_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        PartFunction(Part.EVENT_CHECKS, {"GUARDIAN_STORE": "sqlite:x.db", name: value})


def test_settings_of_the_site_are_read_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        PartFunction(
            Part.EVENT_CHECKS,
            {"GUARDIAN_STORE": "sqlite:x.db", "GUARDIAN_SETTINGS": str(tmp_path / "none.toml")},
        )


def test_the_ticks_of_this_part_and_of_the_stack_are_the_same() -> None:
    from stack.topology import TICKS

    assert part_module.TICKS == TICKS
