"""What every `StateStore` must do, whatever it is made of."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from guardian.alerts.model import Alert, Severity, Status, Workflow
from guardian.engine.plan import Failure, HistoryRow, Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.events.model import Rejected
from guardian.ports import Conflict, Outbox, StateStore, StoredAlert, StoredState, outbox_id
from tests.contract.backends import BACKENDS, LASTING, Backend, Store
from tests.contract.committer import HOT, example_alert, numbered

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=BACKENDS, ids=lambda made: made.__name__)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return make(request, tmp_path)


@pytest.fixture(params=LASTING, ids=lambda made: made.__name__)
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return make(request, tmp_path)


def make(request: pytest.FixtureRequest, folder: Path) -> Backend:
    made: type[Backend] = request.param
    if made.server:
        request.getfixturevalue(made.server)
    return made(folder)


@pytest.fixture
def store(backend: Backend) -> Iterator[Store]:
    opened = backend.open()
    yield opened
    opened.close()


def write(
    key: str,
    *,
    version: int = 0,
    data: bytes = b"x",
    wake: int = NEVER,
    expires: int = 100,
    detector: str = "d",
) -> StateWrite:
    return StateWrite(detector, key, data, wake, expires, version)


def everything(store: StateStore) -> tuple[Any, ...]:
    """All that the port lets one see apart from the states."""
    return (
        store.positions(),
        store.watermark(),
        store.counters(),
        list(store.alerts()),
        list(store.quarantine()),
        store.due(NEVER),
    )


# --- States and versions


def test_a_new_store_is_empty(store: StateStore) -> None:
    assert store.load("d", "k") is None
    assert store.load_many([("d", "k")]) == {}
    assert everything(store) == ({}, b"", {}, [], [], [])
    assert store.sweep(10**15, {"d": 0}, 100) == (0, [])


def test_create_then_update(store: StateStore) -> None:
    store.commit(Plan(states=[write("k", data=b"one", expires=5)]))
    assert store.load("d", "k") == StoredState(b"one", 1, 5)
    store.commit(Plan(states=[write("k", version=1, data=b"two", expires=6)]))
    assert store.load("d", "k") == StoredState(b"two", 2, 6)
    assert store.load("other", "k") is None


def test_many_states_in_one_plan(store: StateStore) -> None:
    keys = [f"k{i}" for i in range(333)]
    store.commit(Plan(states=[write(key) for key in keys]))
    store.commit(Plan(states=[write(key, version=1, data=key.encode()) for key in keys] + [write("late")]))
    wanted = [("d", key) for key in keys]
    assert store.load_many([*wanted, ("d", "missing")]) == {
        key: StoredState(key[1].encode(), 2, 100) for key in wanted
    }
    assert store.load("d", "late") == StoredState(b"x", 1, 100)


@pytest.mark.parametrize("key", ["", "a\x00b", "a\x00c", "Käse|🧀", "'; --", "%", " ", "K", "k"])
def test_keys_are_any_text_and_data_any_bytes(store: StateStore, key: str) -> None:
    data = bytes(range(256))
    store.commit(Plan(states=[write(key, data=data), write(key + "\x00", data=b"")]))
    assert store.load("d", key) == StoredState(data, 1, 100)
    assert store.load("d", key + "\x00") == StoredState(b"", 1, 100)


def test_an_empty_plan_changes_nothing(store: StateStore) -> None:
    store.commit(numbered(1))
    before = everything(store)
    store.commit(Plan())
    assert everything(store) == before


def test_one_stale_state_among_many_is_found(store: StateStore) -> None:
    keys = [f"k{i}" for i in range(100)]
    store.commit(Plan(states=[write(key) for key in keys]))
    for stale in range(0, 100, 9):
        versions = {key: (2 if key == keys[stale] else 1) for key in keys}
        with pytest.raises(Conflict) as caught:
            store.commit(Plan(states=[write(key, version=versions[key], data=b"never") for key in keys]))
        assert caught.value.keys == [("d", keys[stale])]
        with pytest.raises(Conflict) as caught:
            store.commit(Plan(states=[write(key if key == keys[stale] else f"new-{key}") for key in keys]))
        assert caught.value.keys == [("d", keys[stale])]
    found = store.load_many([("d", key) for key in (*keys, *(f"new-{key}" for key in keys))])
    assert found == {("d", key): StoredState(b"x", 1, 100) for key in keys}


@pytest.mark.parametrize("others", [0, 1, 15, 40])
@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_conflict_names_the_stale_keys_and_leaves_nothing_behind(
    store: StateStore, backend: Backend, version: int, others: int
) -> None:
    before = [write("stale"), write("gone-stale"), *(write(f"k{i}") for i in range(others))]
    store.commit(Plan(states=before, counters=Counter(n=1), positions={"f": b"1"}, watermark=b"w1"))
    store.commit(Plan(states=[write("stale", version=1)]))
    seen = everything(store)

    plan = numbered(1)
    plan.states += [write(f"k{i}", version=1, data=b"never", wake=1) for i in range(others)]
    plan.states += [write("stale", version=version, data=b"never"), write("unknown", version=2)]
    plan.states += [write("fresh")]
    plan.failures = [Failure("d", "k", "e", "boom")]
    with pytest.raises(Conflict) as caught:
        store.commit(plan)

    assert sorted(caught.value.keys) == [("d", "stale"), ("d", "unknown")]
    assert everything(store) == seen
    assert backend.history(store) == {}
    assert backend.failures(store) == []
    assert store.load("d", "stale") == StoredState(b"x", 2, 100)
    assert [store.load("d", f"k{i}") for i in range(others)] == [StoredState(b"x", 1, 100)] * others
    assert store.load("d", "fresh") is None
    assert store.load("hot", "k0") is None


def test_after_a_conflict_the_corrected_plan_goes_through(store: StateStore) -> None:
    store.commit(Plan(states=[write("k")]))
    with pytest.raises(Conflict):
        store.commit(Plan(states=[write("k")], counters=Counter(n=1)))
    store.commit(Plan(states=[write("k", version=1)], counters=Counter(n=1)))
    assert store.counters() == {"n": 1}


def test_a_plan_holds_a_state_once(store: StateStore) -> None:
    with pytest.raises(ValueError, match="only once"):
        store.commit(Plan(states=[write("k"), write("k", data=b"y")]))
    assert store.load("d", "k") is None


def test_two_stores_see_each_other(lasting: Backend) -> None:
    one, two = lasting.open(), lasting.open()
    one.commit(Plan(states=[write("k")]))
    assert two.load("d", "k") == StoredState(b"x", 1, 100)
    two.commit(Plan(states=[write("k", version=1, data=b"two")]))
    with pytest.raises(Conflict) as caught:
        one.commit(Plan(states=[write("k", version=1, data=b"one"), write("other")]))
    assert caught.value.keys == [("d", "k")]
    assert one.load("d", "k") == StoredState(b"two", 2, 100)
    assert two.load("d", "other") is None
    one.close()
    two.close()


def test_keys_are_those_of_one_detector(store: StateStore, backend: Backend) -> None:
    if not backend.lists_keys:
        assert store.keys("d", 2) is None
        return
    assert store.keys("d", 2) == []
    store.commit(Plan(states=[write("b"), write("a"), write("c", detector="other")]))
    assert sorted(store.keys("d", 2) or ()) == ["a", "b"]
    assert store.keys("d", 1) is None


def test_what_a_plan_goes_by_must_not_have_been_changed_by_others(lasting: Backend) -> None:
    one, other = lasting.open(), lasting.open()
    one.commit(Plan(states=[write("k"), write("l")]))
    one.commit(Plan(counters=Counter(n=1), unchanged=[("d", "k", 1), ("d", "none", 0)]))
    other.commit(Plan(states=[write("k", version=1)]))
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            one.commit(Plan(counters=Counter(n=1), unchanged=[("d", "l", 1), ("d", "k", 1)]))
        assert caught.value.keys == [("d", "k")]
    one.commit(Plan(counters=Counter(n=1), unchanged=[("d", "k", 2), ("d", "none", 0)]))
    other.commit(Plan(states=[write("none")]))
    with pytest.raises(Conflict) as caught:
        one.commit(Plan(states=[write("m")], unchanged=[("d", "none", 0)]))
    assert caught.value.keys == [("d", "none")]
    assert one.counters() == {"n": 2}
    assert one.load("d", "m") is None
    one.close()
    other.close()


def test_whoever_goes_by_a_list_of_keys_is_told_once_that_others_write(lasting: Backend) -> None:
    if not lasting.lists_keys:
        pytest.skip("gives no lists of keys")
    one, other = lasting.open(), lasting.open()
    assert one.keys("d", 2) == []
    other.commit(Plan(states=[write("k")]))
    with pytest.raises(Conflict):
        one.commit(Plan(counters=Counter(n=1)))
    other.commit(Plan(states=[write("l")]))
    one.commit(Plan(counters=Counter(n=1)))
    assert one.counters() == {"n": 1}
    one.close()
    other.close()


def test_racing_stores_lose_no_update(lasting: Backend) -> None:
    """Each adds to the same two states and its own counter, reloading and deciding again on conflict."""
    rounds, racers = 60, 3
    lasting.open().close()
    start = threading.Barrier(racers)
    failed: list[BaseException] = []
    conflicts: list[Conflict] = []

    def race(me: int) -> None:
        try:
            store = lasting.open()
            start.wait()
            for _ in range(rounds):
                while True:
                    states = []
                    for key in ("a", "b"):
                        stored = store.load("d", key)
                        value, version = (int(stored.data), stored.version) if stored else (0, 0)
                        states.append(write(key, version=version, data=str(value + 1).encode()))
                    try:
                        store.commit(Plan(states=states, counters=Counter({f"racer{me}": 1, "all": 1})))
                    except Conflict as conflict:
                        conflicts.append(conflict)
                    else:
                        break
            store.close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=race, args=(me,)) for me in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    # Only one of them is stale when somebody committed between the two loads.
    assert all(conflict.keys and set(conflict.keys) <= {("d", "a"), ("d", "b")} for conflict in conflicts)
    store = lasting.open()
    total = rounds * racers
    assert store.load_many([("d", "a"), ("d", "b")]) == {
        ("d", key): StoredState(str(total).encode(), total, 100) for key in ("a", "b")
    }
    assert store.counters() == {"all": total, **{f"racer{me}": rounds for me in range(racers)}}
    store.close()


# --- Wake-ups


def test_due_states_come_earliest_first_and_never_is_never(store: StateStore) -> None:
    wakes = {"late": 30, "early": 10, "middle": 20, "never": NEVER, "last": NEVER - 1}
    store.commit(Plan(states=[write(key, wake=wake) for key, wake in wakes.items()]))
    assert store.due(9) == []
    assert store.due(10) == [("d", "early")]
    assert store.due(29) == [("d", "early"), ("d", "middle")]
    assert store.due(NEVER - 1) == [("d", "early"), ("d", "middle"), ("d", "late"), ("d", "last")]
    assert len(store.due(NEVER)) == 4


def test_a_wake_up_moves_with_its_state(store: StateStore) -> None:
    store.commit(Plan(states=[write("k", wake=10), write("calm")]))
    store.commit(Plan(states=[write("k", version=1, wake=20), write("calm", version=1, wake=5)]))
    assert store.due(10) == [("d", "calm")]
    store.commit(Plan(states=[write("k", version=2), write("calm", version=2)]))
    assert store.due(NEVER) == []


# --- Sweeping


def test_sweep_deletes_what_has_expired_and_waits_for_nothing(store: StateStore) -> None:
    store.commit(
        Plan(
            states=[
                write("old", expires=99),
                write("edge", expires=100),
                write("young", expires=101),
                write("waiting", expires=50, wake=200),
                write("old", expires=10, detector="e"),
            ]
        )
    )
    assert store.sweep(100, {}, 1000) == (2, [])
    left = store.load_many([("d", k) for k in ("old", "edge", "young", "waiting")] + [("e", "old")])
    assert {key for _, key in left} == {"edge", "young", "waiting"}
    assert store.due(NEVER) == [("d", "waiting")]
    assert store.sweep(100, {}, 1000) == (0, [])
    store.commit(Plan(states=[write("waiting", version=1, expires=50), write("old")]))
    assert store.sweep(100, {}, 1000) == (1, [])
    assert store.load("d", "waiting") is None
    assert store.load("d", "old") == StoredState(b"x", 1, 100)


def test_sweep_goes_by_the_latest_expiry(store: StateStore) -> None:
    store.commit(Plan(states=[write(f"k{i}", expires=10) for i in range(600)]))
    store.commit(Plan(states=[write(f"k{i}", version=1, expires=100) for i in range(0, 600, 2)]))
    assert store.sweep(50, {}, 1000) == (300, [])
    assert store.sweep(50, {}, 1000) == (0, [])
    assert store.sweep(101, {}, 1000) == (300, [])


def test_sweep_gets_past_the_states_that_wait(store: StateStore) -> None:
    states = [write(f"waiting{i}", expires=i, wake=10**6) for i in range(600)]
    store.commit(Plan(states=[*states, *(write(f"done{i}", expires=600 + i) for i in range(10))]))
    assert store.sweep(1000, {}, 4) == (4, [])
    assert store.sweep(1000, {}, 100) == (6, [])
    assert len(store.due(NEVER)) == 600


def test_sweep_deletes_no_more_than_its_limit(store: StateStore) -> None:
    store.commit(Plan(states=[write(f"k{i}", detector=d, expires=i) for d in "de" for i in range(10)]))
    assert store.sweep(5, {"d": 2}, 0) == (0, [])
    assert store.sweep(5, {"d": 2}, 7) == (7, [])
    assert store.sweep(5, {"d": 2}, 5) == (3, [("d", "k5"), ("d", "k6")])
    assert store.sweep(5, {"d": 2}, 5) == (0, [("d", "k7")])
    assert store.sweep(5, {"d": 2}, 5) == (0, [])


def test_sweep_drops_the_longest_idle_beyond_a_cap(store: StateStore) -> None:
    states = [write(f"k{i}", expires=1000 + i) for i in range(20)]
    states += [write(f"k{i}", expires=1000 + i, detector="uncapped") for i in range(20)]
    store.commit(Plan(states=states))
    assert store.sweep(100, {"d": 20, "unknown": 0}, 100) == (0, [])
    store.commit(Plan(states=[write("k0", version=1, expires=5000), write("new", expires=4000)]))
    expired, dropped = store.sweep(100, {"d": 17, "unknown": 0}, 100)
    assert (expired, sorted(dropped)) == (0, [("d", "k1"), ("d", "k2"), ("d", "k3"), ("d", "k4")])
    assert store.load("d", "k1") is None
    assert store.load("d", "k0") == StoredState(b"x", 2, 5000)
    assert store.load("uncapped", "k1") is not None
    assert store.sweep(100, {"d": 17}, 100) == (0, [])


def test_a_swept_key_may_be_created_again_and_its_old_version_is_stale(store: StateStore) -> None:
    store.commit(Plan(states=[write("k", expires=1)]))
    store.commit(Plan(states=[write("k", version=1, expires=1)]))
    assert store.sweep(2, {}, 10) == (1, [])
    with pytest.raises(Conflict) as caught:
        store.commit(Plan(states=[write("k", version=2)]))
    assert caught.value.keys == [("d", "k")]
    store.commit(Plan(states=[write("k")]))
    assert store.load("d", "k") == StoredState(b"x", 1, 100)


def test_the_cap_counts_what_other_stores_create_and_delete(lasting: Backend) -> None:
    one, two = lasting.open(), lasting.open()
    one.commit(Plan(states=[write("a", expires=1001)]))
    assert one.sweep(0, {"d": 2}, 10) == (0, [])
    two.commit(Plan(states=[write("b", expires=1002), write("c", expires=1003), write("e", expires=1004)]))
    assert one.sweep(0, {"d": 3}, 10) == (0, [("d", "a")])
    assert two.sweep(0, {"d": 1}, 10) == (0, [("d", "b"), ("d", "c")])
    one.commit(Plan(states=[write("f", expires=1005)]))
    assert one.sweep(0, {"d": 2}, 10) == (0, [])
    one.close()
    two.close()


# --- Alerts


def test_alerts_come_back_as_they_were_by_time_and_id(store: StateStore) -> None:
    alerts = [
        example_alert("b", event_time=2),
        example_alert("a", event_time=2),
        example_alert("c", event_time=1),
    ]
    store.commit(Plan(alerts={alert.alert_id: alert for alert in alerts}))
    assert list(store.alerts()) == [
        StoredAlert(alert, Workflow.OPEN, "") for alert in (alerts[2], alerts[1], alerts[0])
    ]


def test_an_alert_grows_and_keeps_what_people_have_done(store: StateStore, backend: Backend) -> None:
    store.commit(Plan(alerts={"a": example_alert("a"), "b": example_alert("b")}))
    backend.work_on(store, "a", Workflow.ACKNOWLEDGED, "Jo is on her way – “soon”")
    grown = example_alert("a", count=5, event_time=1_800_000_000_000)
    grown.severity, grown.status, grown.evidence = Severity.HIGH, Status.CONFIRMED, {}
    store.commit(Plan(alerts={"a": grown}))
    assert list(store.alerts()) == [
        StoredAlert(example_alert("b"), Workflow.OPEN, ""),
        StoredAlert(grown, Workflow.ACKNOWLEDGED, "Jo is on her way – “soon”"),
    ]


def test_alerts_may_be_committed_while_they_are_read(store: StateStore) -> None:
    store.commit(Plan(alerts={i: example_alert(i) for i in "abc"}))
    read = []
    for stored in store.alerts():
        read.append(stored.alert.alert_id)
        store.commit(Plan(alerts={"c": example_alert("c", count=9, event_time=1)}))
    assert read == ["a", "b", "c"]


# --- Outbox


def waiting(store: Outbox, limit: int = 1000) -> list[Alert]:
    rows = store.pending(limit)
    assert [row.id for row in rows] == [
        outbox_id(row.alert.alert_id, msgspec.json.encode(row.alert)) for row in rows
    ]
    return [row.alert for row in rows]


def test_every_content_of_an_alert_waits_until_it_is_sent(store: Store) -> None:
    assert store.pending(10) == []
    versions = [example_alert("a", count=count) for count in (1, 2, 3)]
    for alert in versions:
        store.commit(Plan(alerts={"a": alert}))
    assert waiting(store) == versions
    assert waiting(store, 2) == versions[:2]
    store.sent(row.id for row in store.pending(2))
    assert waiting(store) == versions[2:]
    store.sent([row.id for row in store.pending(2)] * 2 + ["unknown"])
    store.sent([])
    assert store.pending(10) == []
    assert [stored.alert for stored in store.alerts()] == versions[2:]


def test_an_alert_decided_again_waits_once_and_in_the_last_place(store: Store) -> None:
    suspected, cleared = example_alert("a"), example_alert("a")
    cleared.status = Status.CLEARED
    for alert in (suspected, suspected, cleared):
        store.commit(Plan(alerts={"a": alert}))
    assert waiting(store) == [suspected, cleared]
    store.commit(Plan(alerts={"a": suspected}))
    assert waiting(store) == [cleared, suspected]


def test_alerts_wait_on_after_closing_and_opening(lasting: Backend) -> None:
    store = lasting.open()
    alerts = {name: example_alert(name) for name in "abc"}
    store.commit(Plan(alerts=alerts))
    store.close()
    store = lasting.open()
    assert sorted(alert.alert_id for alert in waiting(store)) == ["a", "b", "c"]
    store.close()


def test_a_conflict_leaves_nothing_in_the_outbox(store: Store) -> None:
    store.commit(Plan(states=[write("k")], alerts={"a": example_alert("a")}))
    before = store.pending(10)
    with pytest.raises(Conflict):
        store.commit(Plan(states=[write("k")], alerts={"b": example_alert("b")}))
    with pytest.raises(Conflict):
        store.commit(Plan(states=[write("k", version=2)], alerts={"a": example_alert("a", count=2)}))
    assert store.pending(10) == before


# --- Quarantine, history, failures, counters, positions


REJECTED = [
    Rejected(
        "pos-transactions", "data.price", "data.price: a number, not “abc”", "pos.jsonl", 7, b'{"price": 1}'
    ),
    Rejected(None, None, "not UTF-8", "pos.jsonl", 8, b"\xff\xfe\x00\x80" + bytes(range(256))),
    Rejected(None, None, "empty", "feed", 2**62, b""),
    Rejected(None, None, "empty", "feed", 2**62, b""),
]


def test_quarantine_keeps_every_byte_in_order_of_arrival(store: StateStore) -> None:
    store.commit(Plan(rejected=REJECTED[:1]))
    store.commit(Plan(rejected=REJECTED[1:]))
    assert list(store.quarantine()) == REJECTED


def test_quarantine_takes_text_that_is_not_unicode(store: StateStore) -> None:
    """A file name that is not UTF-8 reaches Python with lone surrogates in it."""
    store.commit(Plan(rejected=[Rejected(None, "a\udcff", "found \ud800", "k\udce4se.jsonl", 1, b"raw")]))
    (record,) = store.quarantine()
    assert (record.source, record.raw) == ("k\\udce4se.jsonl", b"raw")


def test_history_holds_each_thing_once(store: StateStore, backend: Backend) -> None:
    row = HistoryRow("session", "s1", 5, {"items": [1, 2.5, None], "name": "Käse"})
    store.commit(Plan(history=[row]))
    store.commit(Plan(history=[row, HistoryRow("other", "s1", 6, [])]))
    assert backend.history(store) == {("session", "s1"): (5, row.row), ("other", "s1"): (6, [])}
    store.commit(Plan(history=[HistoryRow("session", "s1", 7, {"items": []})]))
    assert backend.history(store)["session", "s1"] == (7, {"items": []})


def test_history_is_read_by_kind_and_id(store: StateStore) -> None:
    assert list(store.history("score")) == []
    rows = [HistoryRow("score", f"{number:04}", number, {"score": number / 2}) for number in range(600)]
    empty = HistoryRow("score", "", 7, {"name": "Käse", "items": [1, None]})
    store.commit(Plan(history=[*reversed(rows), empty, HistoryRow("session", "0001", 1, {})]))
    store.commit(Plan(history=[HistoryRow("score", "0300", 9, {"score": 0})]))
    rows[300] = HistoryRow("score", "0300", 9, {"score": 0})
    assert list(store.history("score")) == [empty, *rows]


def test_failures_are_kept(store: StateStore, backend: Backend) -> None:
    failures = [
        Failure("d", "k", "feed:1", "KeyError: 'x'"),
        Failure("d", "k", "feed:1", "ValueError: \udcff"),
    ]
    store.commit(Plan(failures=failures))
    assert backend.failures(store) == [
        ("d", "k", "feed:1", "KeyError: 'x'"),
        ("d", "k", "feed:1", "ValueError: \\udcff"),
    ]


def test_counters_add_up_and_positions_are_replaced(store: StateStore) -> None:
    store.commit(Plan(counters=Counter(a=1, b=2), positions={"f": b"1", "g": b"\x00\xff"}, watermark=b"one"))
    store.commit(Plan(counters=Counter(b=40), positions={"f": b""}))
    assert store.counters() == {"a": 1, "b": 42}
    assert store.positions() == {"f": b"", "g": b"\x00\xff"}
    assert store.watermark() == b"one"
    store.commit(Plan(watermark=b"\xfftwo"))
    assert store.watermark() == b"\xfftwo"


@pytest.mark.parametrize("durable", [True, False])
def test_everything_is_there_after_closing_and_opening(lasting: Backend, durable: bool) -> None:
    store = lasting.open(durable=durable)
    for n in (1, 2, 3):
        store.commit(numbered(n))
    before, history = everything(store), lasting.history(store)
    store.close()
    store = lasting.open(durable=durable)
    assert everything(store) == before
    assert lasting.history(store) == history
    assert agreed_number(store, lasting) == 3
    store.commit(numbered(4))
    store.close()
    store.close()


# --- Against a model


class Model:
    """What a store should hold, as plain dictionaries."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], StateWrite] = {}
        self.alerts: dict[str, Alert] = {}
        self.workflow: dict[str, tuple[Workflow, str]] = {}
        self.history: dict[tuple[str, str], tuple[int, Any]] = {}
        self.rejected: list[Rejected] = []
        self.failures: list[tuple[str, str, str, str]] = []
        self.positions: dict[str, bytes] = {}
        self.counters: Counter[str] = Counter()
        self.watermark = b""

    def version(self, key: tuple[str, str]) -> int:
        return self.states[key].version if key in self.states else 0


DETECTORS = ["d", "e"]
KEYS = st.tuples(st.sampled_from(DETECTORS), st.sampled_from([*"abcdefghijkl", "\x00", "ß"]))
TIMES = st.integers(0, 30)
WRITES = st.dictionaries(
    KEYS, st.tuples(st.binary(max_size=3), TIMES | st.just(NEVER), st.integers(0, 10)), max_size=28
)


class AgainstModel(RuleBasedStateMachine):
    made: type[Backend]

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.backend = self.made(self.folder)
        self.store = self.backend.open()
        self.model = Model()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(
        writes=WRITES,
        stale=st.dictionaries(KEYS, st.integers(-2, 2), max_size=2),
        alerts=st.dictionaries(st.sampled_from("pqr"), st.tuples(st.integers(1, 3), TIMES), max_size=2),
        history=st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("12"), TIMES), max_size=2),
        rejected=st.lists(st.sampled_from(REJECTED), max_size=2),
        positions=st.dictionaries(st.sampled_from("fg"), st.binary(max_size=2), max_size=2),
        counters=st.dictionaries(st.sampled_from("mn"), st.integers(0, 5)),
        watermark=st.binary(max_size=2),
    )
    def commit(
        self,
        writes: dict[tuple[str, str], tuple[bytes, int, int]],
        stale: dict[tuple[str, str], int],
        alerts: dict[str, tuple[int, int]],
        history: list[tuple[str, str, int]],
        rejected: list[Rejected],
        positions: dict[str, bytes],
        counters: dict[str, int],
        watermark: bytes,
    ) -> None:
        model, plan, wrong = self.model, Plan(), set()
        for key, (data, wake, more) in writes.items():
            version = max(0, model.version(key) + stale.get(key, 0))
            if version != model.version(key):
                wrong.add(key)
            expires = (model.states[key].expires if key in model.states else 0) + more
            plan.states.append(StateWrite(*key, data, wake, expires, version))
        plan.alerts = {id_: example_alert(id_, count=n, event_time=at) for id_, (n, at) in alerts.items()}
        plan.history = [HistoryRow(*row, {"at": row[2]}) for row in history]
        plan.rejected, plan.positions, plan.watermark = rejected, positions, watermark
        plan.counters = Counter(counters)
        plan.failures = [Failure("d", "k", "e", "boom")] if watermark else []

        if wrong:
            with pytest.raises(Conflict) as caught:
                self.store.commit(plan)
            assert set(caught.value.keys) == wrong
            assert len(caught.value.keys) == len(wrong)
            return
        self.store.commit(plan)
        for state in plan.states:
            state.version += 1
            model.states[state.detector, state.key] = state
        model.alerts |= plan.alerts
        model.history |= {(row.kind, row.id): (row.time, row.row) for row in plan.history}
        model.rejected += rejected
        model.failures += [(f.detector, f.key, f.event, f.error) for f in plan.failures]
        model.positions |= positions
        model.counters.update(counters)
        model.watermark = watermark or model.watermark

    @rule(
        watermark=st.integers(0, 30),
        cap=st.dictionaries(st.sampled_from(DETECTORS), st.integers(0, 12)),
        data=st.data(),
    )
    def sweep(self, watermark: int, cap: dict[str, int], data: st.DataObject) -> None:
        limit = data.draw(st.integers(0, 5) | st.just(1000))
        before = dict(self.model.states)
        expired, dropped = self.store.sweep(watermark, cap, limit)

        left = {key for key in before if self.store.load(*key) is not None}
        gone = before.keys() - left
        removed = gone - set(dropped)
        old = {key for key, state in before.items() if state.expires < watermark and state.wake >= NEVER}
        assert len(set(dropped)) == len(dropped)
        assert set(dropped) <= gone
        assert removed <= old
        assert expired == len(removed) == min(limit, len(old))
        room = limit - expired
        excess = 0
        for detector in DETECTORS:
            mine = {key for key in before if key[0] == detector} - removed
            out = mine & set(dropped)
            beyond = max(0, len(mine) - cap[detector]) if detector in cap else 0
            excess += beyond
            assert len(out) <= beyond
            kept = [before[key].expires for key in mine - out]
            assert all(before[key].expires <= min(kept, default=NEVER) for key in out)
        assert len(dropped) == min(room, excess)
        for key in gone:
            del self.model.states[key]

    @precondition(lambda self: self.model.alerts)
    @rule(data=st.data(), workflow=st.sampled_from(Workflow), note=st.text("aß“", max_size=3))
    def work_on_an_alert(self, data: st.DataObject, workflow: Workflow, note: str) -> None:
        alert_id = data.draw(st.sampled_from(sorted(self.model.alerts)))
        self.backend.work_on(self.store, alert_id, workflow, note)
        self.model.workflow[alert_id] = (workflow, note)

    @precondition(lambda self: self.made.lasting)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.backend.open()

    @rule(until=TIMES | st.just(NEVER))
    def due(self, until: int) -> None:
        states = self.model.states
        found = self.store.due(until)
        wakes = [states[key].wake for key in found]
        assert wakes == sorted(wakes)
        assert sorted(found) == sorted(k for k, s in states.items() if s.wake <= until and s.wake < NEVER)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        model, store = self.model, self.store
        assert store.load_many(model.states) == {
            key: StoredState(state.data, state.version, state.expires) for key, state in model.states.items()
        }
        assert (store.positions(), store.watermark()) == (model.positions, model.watermark)
        assert {k: v for k, v in store.counters().items() if v} == {
            k: v for k, v in model.counters.items() if v
        }
        assert list(store.quarantine()) == model.rejected
        assert list(store.alerts()) == [
            StoredAlert(alert, *model.workflow.get(id_, (Workflow.OPEN, "")))
            for id_, alert in sorted(model.alerts.items(), key=lambda item: (item[1].event_time, item[0]))
        ]
        assert self.backend.history(store) == model.history
        assert self.backend.failures(store) == model.failures


def test_agrees_with_plain_dictionaries(backend: Backend) -> None:
    made = type(backend)
    machine = type("Machine", (AgainstModel,), {"made": made})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=made.examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --- Against SIGKILL


def agreed_number(store: StateStore, backend: Backend) -> int:
    """The number of plans in the store, after checking that every part of it says the same."""
    counters = store.counters()
    n = counters.get("plans", 0)
    if n == 0:
        assert everything(store) == ({}, b"", {}, [], [], [])
        return 0
    data = str(n).encode()
    assert counters == {"plans": n, "states": n * (HOT + 1)}
    assert store.positions() == {"feed": data}
    assert store.watermark() == data
    hot = [("hot", f"k{i}") for i in range(HOT)]
    assert store.load_many(hot) == dict.fromkeys(hot, StoredState(data, n, n))
    assert sorted(store.due(NEVER)) == sorted(hot)
    assert store.due(1000 + n - 1) == []
    new = [("new", f"k{i}") for i in range(1, n + 2)]
    assert store.load_many(new) == {
        ("new", f"k{i}"): StoredState(str(i).encode(), 1, i) for i in range(1, n + 1)
    }
    counts = {stored.alert.alert_id: stored.alert.count for stored in store.alerts()}
    assert counts == {"growing": n} | {f"al-{i}": i for i in range(1, n + 1)}
    assert [record.position for record in store.quarantine()] == list(range(1, n + 1))
    assert backend.history(store).keys() == {("session", str(i)) for i in range(1, n + 1)}
    return n


def test_a_killed_process_leaves_whole_commits_behind(lasting: Backend) -> None:
    """Eight times on the same data: the process goes on where the last one was killed."""
    chance = random.Random(20240229)
    stored = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.committer", type(lasting).__name__, str(lasting.folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randint(1, 60))]
            for _ in range(chance.randint(0, 20_000)):
                pass  # a moment somewhere in the commit
            process.kill()
            lines += process.stdout.readlines()
        done = [int(line.split()[1]) for line in lines if line.startswith(b"done") and line.endswith(b"\n")]
        begun = [int(line.split()[1]) for line in lines if line.startswith(b"begin") and line.endswith(b"\n")]
        lasting.settle()
        store = lasting.open()
        now = agreed_number(store, lasting)
        store.close()
        assert max(done, default=stored) <= now <= max(begun)
        stored = now
    assert stored > 0
