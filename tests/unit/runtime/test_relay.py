"""The relay: whatever fails or dies, every alert that was committed is published, and leaves the outbox."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from structlog.testing import capture_logs

from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.publishing import LONGEST_PAUSE_S, RefusedError, UnavailableError
from guardian.alerts.document import read_alert
from guardian.alerts.model import Alert
from guardian.engine.plan import Plan
from guardian.ports import OutboxRow, outbox_id
from guardian.runtime.alert_message import alert_message
from guardian.runtime.relay import BATCH, Relay, RelayLimits
from tests.unit.alerts.alerts import alert

PATIENCE_S = 60.0
STEP_S = 0.1

Sent = list[tuple[bytes, Mapping[str, str]]]


class Topic:
    """A publisher that keeps what it takes. before, after: called around that; what they raise comes out."""

    def __init__(self) -> None:
        self.taken: Sent = []
        self.requests: list[tuple[str, int]] = []
        self.before: Callable[[list[str]], None] = lambda ids: None
        self.after: Callable[[], None] = lambda: None

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        self.requests.append((topic, len(messages)))
        self.before([attributes["alert-id"] for _, attributes in messages])
        self.taken += messages
        self.after()

    def ids(self) -> Counter[str]:
        """How often each row has been published."""
        return Counter(attributes["outbox-id"] for _, attributes in self.taken)


class Store(SqliteStore):
    """Counts what is asked of its outbox. before, after: called around removing."""

    def __init__(self, path: Path | str = MEMORY) -> None:
        super().__init__(path, durable=False, outbox=True)
        self.reads = 0
        self.removals: list[int] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def pending(self, limit: int) -> list[OutboxRow]:
        self.reads += 1
        return super().pending(limit)

    def sent(self, ids: Iterable[str]) -> None:
        ids = list(ids)
        self.before()
        super().sent(ids)
        self.after()
        self.removals.append(len(ids))


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "guardian.db")
    yield made
    made.close()


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def some(number: int, count: int = 1) -> Alert:
    return alert(alert_id=f"al_{number}", count=count)


def plan(*alerts: Alert) -> Plan:
    return Plan(alerts={one.alert_id: one for one in alerts})


def row_id(one: Alert) -> str:
    return outbox_id(one.alert_id, msgspec.json.encode(one))


def left(store: Store) -> list[str]:
    return [row.id for row in SqliteStore.pending(store, 100_000)]


def go(relay: Relay, clock: Clock, seconds: float) -> None:
    """Lets so much time pass for the relay."""
    for _ in range(round(seconds / STEP_S)):
        relay.turn()
        clock.now += STEP_S


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)  # only paces the question


# --- From memory


def test_a_message_is_the_alerts_document_with_what_tells_it_apart() -> None:
    one = alert(site="Hof/Süd 1")
    data, attributes = alert_message("row-1", one, timezone(timedelta(hours=2)))
    document = msgspec.json.decode(data)
    assert document["alert_id"] == one.alert_id
    assert document["event_time"].endswith("+02:00")
    assert document["evidence"] == one.evidence
    assert read_alert(data).site == one.site
    assert attributes == {
        "alert-id": "al_0123",
        "outbox-id": "row-1",
        "type": "LONG_QUEUE",
        "severity": "medium",
        "status": "suspected",
        "site": "Hof/Süd 1",
        "detector": "LONG_QUEUE",
        "content-type": "application/json",
        "ce-id": "row-1",
        "ce-type": "guardian.alert",
        "ce-source": "/guardian/Hof%2FS%C3%BCd%201",
        "ce-specversion": "1.0",
    }


def test_what_is_committed_goes_out_at_once_and_leaves_the_outbox(store: Store, topic: Topic) -> None:
    relay = Relay(store, topic, UTC)
    relay.start()
    wait_for(lambda: store.reads)  # the look at the start
    alerts = [some(number) for number in range(30)]
    for one in alerts:
        committed = plan(one)
        store.commit(committed)
        relay.committed(committed)
    wait_for(lambda: not left(store))
    assert relay.alive
    assert relay.published == 30
    assert relay.pending_in_memory == 0
    assert relay.last_error == ""
    assert store.reads == 1
    assert len(store.removals) < 30, "removed together"
    assert topic.ids() == Counter(map(row_id, alerts))
    assert {name for name, _ in topic.requests} == {"fraud-alerts"}
    assert [attributes["alert-id"] for _, attributes in topic.taken] == [one.alert_id for one in alerts]
    assert relay.stop(PATIENCE_S)
    assert not relay.alive


def test_the_message_is_of_what_was_committed_whatever_becomes_of_the_object(
    store: Store, topic: Topic, clock: Clock
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    one = some(1)
    committed = plan(one)
    store.commit(committed)
    relay.committed(committed)
    one.count = 99
    go(relay, clock, 1)
    assert msgspec.json.decode(topic.taken[0][0])["count"] == 1
    assert left(store) == []


def test_every_state_of_an_alert_goes_out_in_order(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    topic.before = raising(UnavailableError("away"))
    for count in (1, 2, 1):  # as it was before: the same row, and the last word
        committed = plan(some(1, count))
        store.commit(committed)
        relay.committed(committed)
    go(relay, clock, 1)
    topic.before = lambda ids: None
    go(relay, clock, 60)
    assert [msgspec.json.decode(data)["count"] for data, _ in topic.taken] == [2, 1]
    assert left(store) == []


def test_one_that_is_committed_again_while_it_goes_out_goes_out_again(
    store: Store, topic: Topic, clock: Clock
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    again = iter([plan(some(1, 2)), plan(some(1))])

    def commit_more(ids: list[str]) -> None:
        topic.before = lambda ids: None
        for more in again:
            store.commit(more)
            relay.committed(more)

    topic.before = commit_more
    first = plan(some(1))
    store.commit(first)
    relay.committed(first)
    go(relay, clock, 2)
    assert [msgspec.json.decode(data)["count"] for data, _ in topic.taken] == [1, 2, 1]
    assert left(store) == []


def test_the_row_of_one_that_was_committed_again_stays_until_it_has_gone_out_again(
    store: Store, topic: Topic, clock: Clock
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 1)
    committed = plan(some(1))
    store.commit(committed)
    relay.committed(committed)
    relay.turn()
    assert len(topic.taken) == 1
    assert store.removals == [], "not yet: it waits for others"
    store.commit(committed)
    relay.committed(committed)
    topic.before = raising(UnavailableError("away"))
    go(relay, clock, 5)
    assert left(store) == [row_id(some(1))]


def test_requests_are_bounded(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    relay.committed(plan(*(some(number) for number in range(2 * BATCH + 1))))
    large = {"note": "x" * 800_000}
    relay.committed(plan(*(alert(alert_id=f"al_l{number}", evidence=large) for number in range(9))))
    go(relay, clock, 2)
    assert [number for _, number in topic.requests] == [BATCH, BATCH, 5, 4, 1]


# --- What is left behind


def test_what_a_crash_has_left_goes_out_after_a_while(store: Store, topic: Topic, clock: Clock) -> None:
    store.commit(plan(some(1), some(2)))
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 0.9)
    assert topic.taken == [], "it may be under way elsewhere"
    go(relay, clock, 1)
    assert topic.ids() == Counter(map(row_id, (some(1), some(2))))
    assert left(store) == []


def test_what_another_process_brings_out_meanwhile_is_left_to_it(
    store: Store, topic: Topic, clock: Clock
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    for number in range(6):
        store.commit(plan(some(number)))
        go(relay, clock, 0.5)
        store.sent([row_id(some(number))])
        go(relay, clock, 9)
    assert store.reads >= 5
    assert topic.taken == []


def test_what_another_process_has_left_goes_out_with_the_second_look(
    store: Store, topic: Topic, clock: Clock
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 3)
    store.commit(plan(some(1)))
    go(relay, clock, 10)
    assert topic.taken == [], "seen once"
    go(relay, clock, 10)
    assert topic.ids() == Counter([row_id(some(1))])


def test_asked_to_look_it_looks(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 2)
    store.commit(plan(some(1)))
    for _ in range(5):
        relay.sweep_soon()
        go(relay, clock, 0.1)
    assert topic.taken == [], "it may be under way elsewhere"
    go(relay, clock, 1)
    relay.sweep_soon()
    go(relay, clock, 1)
    assert topic.ids() == Counter([row_id(some(1))])
    assert left(store) == []


def test_a_backlog_drains_without_waiting_for_looks(store: Store, topic: Topic, clock: Clock) -> None:
    alerts = [some(number) for number in range(7_300)]
    store.commit(plan(*alerts))
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 15)
    assert topic.ids() == Counter(map(row_id, alerts))
    assert left(store) == []

    more = [some(number) for number in range(10_000, 14_500)]
    store.commit(plan(*more))  # by a process that dies now
    go(relay, clock, 16)
    assert topic.ids() == Counter(map(row_id, alerts + more))
    assert left(store) == []


def test_at_rest_it_looks_every_ten_seconds(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    go(relay, clock, 100)
    assert 9 <= store.reads <= 11


# --- What fails


def test_an_outage_is_sat_out_and_told_now_and_then(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    topic.before = raising(UnavailableError("away"))
    committed = plan(some(1))
    store.commit(committed)
    relay.committed(committed)
    with capture_logs() as logs:
        go(relay, clock, 600)
    assert relay.last_error == "UnavailableError"
    assert relay.pending_in_memory == 1
    assert store.reads == 0, "whoever cannot publish need not look for more"
    told = [each for each in logs if each["event"] == "relay_held_up"]
    assert 30 < len(told) < 65
    assert len(topic.requests) < 600 / (LONGEST_PAUSE_S / 2) + 10
    topic.before = lambda ids: None
    go(relay, clock, LONGEST_PAUSE_S + 1)
    assert relay.last_error == ""
    assert topic.ids() == Counter([row_id(some(1))])
    assert left(store) == []


@pytest.mark.parametrize("error", [sqlite3.OperationalError("database is locked"), OSError()])
def test_a_store_that_fails_holds_up_no_message(
    store: Store, topic: Topic, clock: Clock, error: Exception
) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    store.before = raising(error)
    for number in range(5):
        committed = plan(some(number))
        store.commit(committed)
        relay.committed(committed)
        go(relay, clock, 5)
    assert len(topic.ids()) == 5
    assert relay.last_error == type(error).__name__
    store.before = lambda: None
    go(relay, clock, LONGEST_PAUSE_S + 1)
    assert left(store) == []
    assert set(topic.ids().values()) == {1}
    assert relay.last_error == ""


def refuse(*bad: str) -> Callable[[list[str]], None]:
    def judge(ids: list[str]) -> None:
        if not set(bad).isdisjoint(ids):
            raise RefusedError("a rule is broken")

    return judge


@pytest.mark.parametrize("told", [True, False])
def test_one_that_is_refused_holds_up_no_other(store: Store, topic: Topic, clock: Clock, told: bool) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    topic.before = refuse("al_3", "al_17")
    committed = plan(*(some(number) for number in range(20)))
    store.commit(committed)
    if told:
        relay.committed(committed)
    with capture_logs() as logs:
        go(relay, clock, 5)
    assert len(topic.ids()) == 18
    assert left(store) == [row_id(some(3)), row_id(some(17))]
    assert relay.refused == 2
    assert relay.published == 18
    assert {each["alert_id"] for each in logs if each["event"] == "alert_refused"} == {"al_3", "al_17"}

    requests = len(topic.requests)
    again = plan(some(3))
    store.commit(again)
    relay.committed(again)
    go(relay, clock, 50)
    assert len(topic.requests) == requests, "not more often than once a minute"
    go(relay, clock, 20)
    assert relay.refused == 4
    topic.before = lambda ids: None
    while len(topic.ids()) < 20:
        assert clock.now < 1_500, "it never happened"
        go(relay, clock, 0.1)
    store.commit(again)
    relay.committed(again)
    go(relay, clock, 1)
    assert topic.ids()[row_id(some(3))] == 2, "it is one like any other now"
    assert left(store) == []


def test_refused_ones_do_not_fill_the_pages(store: Store, topic: Topic, clock: Clock) -> None:
    topic.before = refuse(*(f"al_{number}" for number in range(50)))
    store.commit(plan(*(some(number) for number in range(100))))
    relay = Relay(store, topic, UTC, clock=clock, limits=RelayLimits(page=10))
    go(relay, clock, 40)
    assert len(topic.ids()) == 50
    assert len(left(store)) == 50


def test_an_alert_that_cannot_be_told_holds_up_no_other(store: Store, topic: Topic, clock: Clock) -> None:
    relay = Relay(store, topic, UTC, clock=clock)
    bad = alert(alert_id="al_bad", event_time=2**62)  # no such date
    committed = plan(bad, some(1))
    store.commit(committed)
    relay.committed(committed)
    go(relay, clock, 5)
    assert topic.ids() == Counter([row_id(some(1))])
    assert left(store) == [row_id(bad)]
    assert relay.refused == 1


@pytest.mark.parametrize("limits", [RelayLimits(most_rows=50), RelayLimits(most_bytes=25_000)])
def test_memory_is_bounded_and_what_finds_no_room_is_found_later(
    store: Store, topic: Topic, clock: Clock, limits: RelayLimits
) -> None:
    relay = Relay(store, topic, UTC, clock=clock, limits=limits)
    topic.before = raising(UnavailableError("away"))
    for number in range(300):
        committed = plan(some(number))
        store.commit(committed)
        relay.committed(committed)
        relay.turn()
        assert relay.pending_in_memory <= 60
    topic.before = lambda ids: None
    go(relay, clock, 60)
    assert len(topic.ids()) == 300
    assert left(store) == []


# --- The end


def test_told_to_stop_it_brings_out_what_is_in_memory(store: Store, topic: Topic) -> None:
    relay = Relay(store, topic, UTC)
    committed = plan(*(some(number) for number in range(3_000)))
    store.commit(committed)
    relay.start()
    relay.committed(committed)
    assert relay.stop(PATIENCE_S)
    assert len(topic.ids()) == 3_000
    assert left(store) == []


def test_told_to_stop_in_the_last_request_it_ends_with_it(store: Store, topic: Topic) -> None:
    goes_on, hangs = threading.Event(), threading.Event()

    def hang(ids: list[str]) -> None:
        hangs.set()
        assert goes_on.wait(PATIENCE_S)

    topic.before = hang
    relay = Relay(store, topic, UTC)
    relay.start()
    relay.committed(plan(some(0)))
    assert hangs.wait(PATIENCE_S)
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(relay.stop(PATIENCE_S)))
    stopping.start()

    def takes_no_more() -> bool:
        before = relay.pending_in_memory
        relay.committed(plan(some(before)))
        return relay.pending_in_memory == before

    wait_for(takes_no_more)
    goes_on.set()
    stopping.join(PATIENCE_S / 2)
    assert stopped == [True]


def test_told_to_stop_while_nothing_can_be_published_it_stops_in_time(store: Store, topic: Topic) -> None:
    topic.before = raising(UnavailableError("away"))
    relay = Relay(store, topic, UTC)
    relay.start()
    committed = plan(some(1))
    store.commit(committed)
    relay.committed(committed)
    wait_for(lambda: relay.last_error)
    before = time.monotonic()
    assert not relay.stop(0.3)
    assert time.monotonic() - before < 5
    wait_for(lambda: not relay.alive)
    assert left(store) == [row_id(some(1))]


def test_told_to_stop_it_does_not_wait_for_a_request_that_hangs(store: Store, topic: Topic) -> None:
    goes_on, hangs = threading.Event(), threading.Event()

    def hang(ids: list[str]) -> None:
        hangs.set()
        assert goes_on.wait(PATIENCE_S)

    topic.before = hang
    relay = Relay(store, topic, UTC)
    relay.start()
    relay.committed(plan(some(1)))
    assert hangs.wait(PATIENCE_S)
    assert not relay.stop(0.1)
    assert relay.alive
    goes_on.set()
    wait_for(lambda: not relay.alive)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_has_died_says_so(store: Store, topic: Topic) -> None:
    class Defect(BaseException):
        pass

    topic.before = raising(Defect())
    relay = Relay(store, topic, UTC)
    with capture_logs() as logs:
        relay.start()
        relay.committed(plan(some(1)))
        wait_for(lambda: not relay.alive)
    assert [each["error"] for each in logs if each["event"] == "relay_died"] == ["Defect"]


def test_several_on_one_outbox(tmp_path: Path, topic: Topic) -> None:
    stores = [Store(tmp_path / "guardian.db") for _ in range(3)]
    limits = RelayLimits(sweep_s=0.05, settle_s=0.02, page=50)
    relays = [Relay(store, topic, UTC, limits=limits) for store in stores]
    alerts = [some(number) for number in range(600)]
    for relay in relays:
        relay.start()
    for number, one in enumerate(alerts):
        committed = plan(one)
        stores[number % 3].commit(committed)
        if number % 5:
            relays[number % 3].committed(committed)
    wait_for(lambda: not left(stores[0]))
    assert topic.ids().keys() == set(map(row_id, alerts))
    for relay, store in zip(relays, stores, strict=True):
        assert relay.stop(PATIENCE_S)
        store.close()


# --- Everything together


class Killed(BaseException):
    """The process ends here."""


COMMIT = st.tuples(st.just("commit"), st.integers(0, 4), st.integers(1, 3))
OTHERS = st.sampled_from(
    [
        ("untold",),  # the process ends between commit and telling the relay
        ("crash",),
        ("sweep",),
        ("wait", 0.3),
        ("wait", 3.0),
        ("wait", 30.0),
        ("publish before", UnavailableError),
        ("publish after", UnavailableError),
        ("publish before", Killed),
        ("publish after", Killed),
        ("publish before", RefusedError),
        ("remove before", OSError),
        ("remove after", OSError),
        ("remove before", Killed),
        ("remove after", Killed),
        ("heal",),
    ]
)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.one_of(COMMIT, OTHERS)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 6),
)
def test_whatever_happens_everything_arrives(
    steps: list[tuple[int, tuple[Any, ...]]], page: int, most_rows: int
) -> None:
    """Two processes commit to one store, fail, die and come back."""
    store, topic, clock = Store(), Topic(), Clock()
    limits = RelayLimits(page=page, most_rows=most_rows)

    def heal() -> None:
        topic.before, topic.after = (lambda ids: None), (lambda: None)
        store.before, store.after = (lambda: None), (lambda: None)

    def new() -> Relay:
        return Relay(store, topic, UTC, clock=clock, limits=limits)

    relays = [new(), new()]
    committed: dict[str, bytes] = {}
    for which, (what, *arguments) in steps:
        try:
            match what:
                case "commit" | "untold":
                    number, count = arguments or (0, 1)
                    one = some(number, count)
                    committed[row_id(one)] = msgspec.json.encode(one)
                    store.commit(plan(one))
                    if what == "untold":
                        raise Killed
                    relays[which].committed(plan(one))
                case "crash":
                    raise Killed
                case "sweep":
                    relays[which].sweep_soon()
                    relays[which].turn()
                case "wait":
                    go(relays[which], clock, arguments[0])
                case "heal":
                    heal()
                case "publish before":
                    topic.before = raising(arguments[0]())
                case "publish after":
                    topic.after = raising(arguments[0]())
                case "remove before":
                    store.before = raising(arguments[0]())
                case "remove after":
                    store.after = raising(arguments[0]())
        except Killed:
            heal()
            relays[which] = new()

    heal()
    go(relays[0], clock, 200)
    assert topic.ids().keys() == committed.keys()
    assert left(store) == []
    for data, attributes in topic.taken:
        content = msgspec.json.decode(committed[attributes["outbox-id"]], type=Alert)
        assert alert_message(attributes["outbox-id"], content, UTC) == (data, attributes)
    go(relays[1], clock, 60)
    assert left(store) == []
    store.close()
