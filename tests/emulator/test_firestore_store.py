"""What is particular to the Firestore store, on the emulator."""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.cloud.firestore import Client, Query, WriteBatch
from google.cloud.firestore_v1.services.firestore import FirestoreClient

from guardian.adapters.google import firestore_batches, firestore_journal, firestore_store
from guardian.adapters.google.bigquery_client import bigquery_client
from guardian.adapters.google.bigquery_writer import BigQueryWriter
from guardian.adapters.google.firestore_batches import Write
from guardian.adapters.google.firestore_desk import FirestoreDesk
from guardian.adapters.google.firestore_documents import (
    LARGEST,
    PIECE,
    QUARANTINE_WHOLE,
    DocumentTooLargeError,
)
from guardian.adapters.google.firestore_history import FirestoreHistory
from guardian.adapters.google.firestore_rows import FirestoreRows
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.google.state_journal import Entry
from guardian.alerts.model import Severity, Status, Workflow
from guardian.desk_ports import AlertQuery, Order
from guardian.engine.plan import Batch, Failure, HistoryRow, Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event, Rejected
from guardian.ports import Conflict, Outbox, StateStore, StoredState
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.business_day import TOPIC_OF_STREAM
from simulators.store import StoreConfig, simulate_store
from tests.contract.committer import example_alert, numbered
from tests.servers.firestore import PROJECT

RULES = Path(__file__).parents[2] / "firestore_rules"


@pytest.fixture(scope="session")
def client(firestore_emulator: str) -> Iterator[Client]:
    made = Client(project=PROJECT)
    yield made
    made.close()


@pytest.fixture
def site() -> str:
    return f"shop {uuid.uuid4()}"


Open = Callable[..., FirestoreStore]


@pytest.fixture
def opened(client: Client, site: str) -> Open:
    """Opens one more store on the test's site."""
    return lambda **options: FirestoreStore(client, site, **options)


@pytest.fixture
def store(opened: Open) -> FirestoreStore:
    return opened()


def write(key: str, version: int = 0, data: bytes = b"x", *, expires: int = 100) -> StateWrite:
    return StateWrite("d", key, data, NEVER, expires, version)


def test_it_is_a_state_store_and_an_outbox(store: FirestoreStore) -> None:
    port: StateStore = store
    outbox: Outbox = store
    assert port.load("d", "k") is None
    assert outbox.pending(1) == []


# --- Several workers, several sites


def test_each_worker_has_its_place_and_counters_are_summed(opened: Open) -> None:
    one, two = opened(worker="one"), opened(worker="two/ü")
    one.commit(Plan(positions={"f": b"1"}, watermark=b"w1", counters=Counter({"events.pos": 2, "late": 1})))
    two.commit(Plan(positions={"f": b"2", "g": b"3"}, counters=Counter({"events.pos": 40})))
    assert (one.positions(), one.watermark()) == ({"f": b"1"}, b"w1")
    assert (two.positions(), two.watermark()) == ({"f": b"2", "g": b"3"}, b"")
    assert (opened(worker="new").positions(), opened(worker="new").watermark()) == ({}, b"w1")
    assert one.counters() == two.counters() == {"events.pos": 42, "late": 1}
    assert opened(worker="one").positions() == {"f": b"1"}


@pytest.mark.parametrize("name", ["shop/1", "..", "__all__", "Käse", "", "~x"])
def test_sites_of_any_name_keep_to_themselves(client: Client, site: str, name: str) -> None:
    one, other = FirestoreStore(client, f"{name}{site}"), FirestoreStore(client, f"not {site}")
    one.commit(numbered(1))
    assert len(list(one.alerts())) == 2
    assert (list(other.alerts()), other.counters(), other.pending(1)) == ([], {}, [])
    FirestoreStore(client, name).watermark()


# --- The journal


def test_a_commit_is_one_write_and_reads_nothing(store: FirestoreStore) -> None:
    store.commit(Plan(states=[write(f"k{number}") for number in range(300)], counters=Counter(n=1)))
    before = store.reads, store.writes, store.deletes
    for version in range(1, 6):
        store.commit(
            Plan(
                states=[write(f"k{number}", version) for number in range(100)],
                unchanged=[("d", f"k{number}", 1) for number in range(100, 300)] + [("d", "none", 0)],
                watermark=b"w",
                positions={"f": b"p"},
            )
        )
        assert store.load("d", "k299") == StoredState(b"x", 1, 100)
    assert (store.reads, store.writes, store.deletes) == (before[0], before[1] + 5, before[2])


def test_an_alert_costs_three_writes_and_a_deletion(store: FirestoreStore) -> None:
    store.commit(Plan(states=[write("a")]))
    before = store.reads, store.writes
    store.commit(Plan(states=[write("a", 1)], alerts={"a": example_alert("a")}))
    assert (store.reads, store.writes) == (before[0] + 1, before[1] + 3)  # the read: is there such an alert?
    store.commit(Plan(states=[write("a", 2)], alerts={"a": example_alert("a", count=2)}))
    assert (store.reads, store.writes) == (before[0] + 1, before[1] + 6)
    store.sent([row.id for row in store.pending(10)])
    assert (store.reads, store.writes, store.deletes) == (before[0] + 3, before[1] + 6, 2)


def test_parts_of_a_site_share_alerts_and_nothing_else(opened: Open) -> None:
    one, other = opened(part="one"), opened(part="other/ü")
    one.commit(numbered(1))
    assert (other.counters(), other.watermark(), other.positions(), other.due(NEVER)) == ({}, b"", {}, [])
    assert other.load("hot", "k0") is None
    other.commit(numbered(1))
    assert one.counters() == other.counters()
    assert list(one.alerts()) == list(other.alerts()) != []


def test_what_has_arrived_is_counted_once_whoever_took_it(opened: Open) -> None:
    one, other = opened(worker="one"), opened(worker="other")
    assert one.arrived() == {}
    one.commit(Plan(counters=Counter(n=1), arrived={"pos/0": [3, 1], "pos/1": [0]}))
    other.commit(Plan(counters=Counter(n=1), arrived={"pos/0": [1, 2, 9]}))
    assert one.arrived() == other.arrived() == opened().arrived() == {"pos/0": [1, 3, 9, 9], "pos/1": [0, 0]}


@pytest.fixture
def small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen entries, and a checkpoint every four."""
    monkeypatch.setattr(firestore_journal, "RING", 16)
    monkeypatch.setattr(firestore_journal, "CHECKPOINT_EVERY", 4)
    monkeypatch.setattr(firestore_journal, "READ_AHEAD", 4)
    monkeypatch.setattr(firestore_journal, "PAGE_BYTES", 400)


def counted(store: FirestoreStore, rounds: int) -> None:
    """Adds one to a state and a counter, so many times, as a worker does: on conflict, once more."""
    for _ in range(rounds):
        while True:
            state = store.load("d", "sum")
            number, version = (int(state.data), state.version) if state is not None else (0, 0)
            new = f"k{number}"
            try:
                store.commit(
                    Plan(
                        states=[write("sum", version, str(number + 1).encode()), write(new, expires=number)],
                        counters=Counter(n=1),
                        watermark=str(number + 1).encode(),
                        arrived={"pos/0": [number]},
                    )
                )
            except Conflict:
                continue
            break


@pytest.mark.usefixtures("small_ring")
def test_the_ring_goes_round_and_everything_is_still_there(opened: Open) -> None:
    store = opened()
    for rounds in (3, 50, 77):
        counted(store, rounds)
        store.close()
        other = opened(worker="other")
        assert other.load("d", "sum") == store.load("d", "sum")
        assert (other.counters(), other.watermark()) == (store.counters(), store.watermark())
        assert other.arrived() == store.arrived() == {"pos/0": [0, int(store.watermark()) - 1]}
        assert [f"k{number}" for number in range(int(store.watermark()))] == [
            key for _, key in other._journal.view.expired(200) if key != "sum"
        ]
    assert len(list(store._journal._slots.stream())) == 16
    pages = {page.id for page in store._journal._pages.stream()}
    assert pages == set(store._journal._part.get().get("pages"))
    assert len(pages) > 5


@pytest.mark.usefixtures("small_ring")
def test_whoever_was_away_while_the_ring_went_round_cannot_write_on_top(opened: Open) -> None:
    away, busy = opened(worker="away"), opened(worker="busy")
    counted(away, 5)
    counted(busy, 100)
    with pytest.raises(Conflict) as caught:
        away.commit(Plan(states=[write("sum", 5, b"never")]))
    assert caught.value.keys == [("d", "sum")]
    counted(away, 1)
    assert busy.counters() == {"n": 106}
    assert opened().load("d", "sum") == StoredState(b"106", 106, 100)


@pytest.mark.usefixtures("small_ring")
def test_many_writers_and_many_rounds(opened: Open) -> None:
    stores = [opened(worker=f"w{number}") for number in range(3)]
    threads = [threading.Thread(target=counted, args=(store, 30)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in [*stores, opened()]:
        assert store.counters() == {"n": 90}
        assert store.load("d", "sum") == StoredState(b"90", 90, 100)
        store.close()


@pytest.mark.usefixtures("small_ring")
def test_without_checkpoints_the_ring_fills_and_commits_fail_until_there_is_one(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    make = store._journal.checkpoint

    def away() -> None:
        raise ServiceUnavailable("away")

    monkeypatch.setattr(store._journal, "checkpoint", away)
    counted(store, 16)
    with pytest.raises(ServiceUnavailable):
        counted(store, 1)
    store.close()
    assert opened().counters() == {"n": 16}
    monkeypatch.setattr(store._journal, "checkpoint", make)
    counted(store, 20)
    assert opened().counters() == {"n": 36}


def test_a_commit_whose_answer_is_lost_is_done_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client sends a request again whose answer was lost; the second time it is refused."""
    store = opened()
    counted(store, 2)
    commit, request = WriteBatch.commit, FirestoreClient.commit

    def twice(client: FirestoreClient, **options: Any) -> Any:
        request(client, **options)
        monkeypatch.undo()
        return request(client, **options)

    monkeypatch.setattr(FirestoreClient, "commit", twice)
    counted(store, 1)
    assert store.counters() == opened().counters() == {"n": 3}

    def lost(batch: WriteBatch, **options: Any) -> Any:
        commit(batch, **options)
        monkeypatch.undo()
        raise ServiceUnavailable("no answer")

    monkeypatch.setattr(WriteBatch, "commit", lost)
    with pytest.raises(ServiceUnavailable):
        counted(store, 1)
    assert store.load("d", "sum") == StoredState(b"4", 4, 100)
    counted(store, 1)
    assert store.counters() == opened().counters() == {"n": 5}


def test_threads_share_a_store(store: FirestoreStore) -> None:
    store.commit(Plan(states=[write("k", data=b"0")]))
    failed: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(10):
                while True:
                    state = store.load("d", "k")
                    assert state is not None
                    more = str(int(state.data) + 1).encode()
                    try:
                        store.commit(Plan(states=[write("k", state.version, more)], counters=Counter(n=1)))
                    except Conflict:
                        continue
                    break
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert store.load("d", "k") == StoredState(b"40", 41, 100)
    assert store.counters() == {"n": 40}


# --- Alerts


def test_two_that_raise_the_same_alert_keep_what_people_did_in_between(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = opened(), opened()
    looked_up = two._existing

    def too_early(ids: Sequence[str]) -> set[str]:
        monkeypatch.setattr(two, "_existing", looked_up)
        found = looked_up(ids)
        one.commit(Plan(alerts={"a": example_alert("a")}))
        one._of("alerts").document("a").update({"workflow": "acknowledged", "note": "Jo"})
        return found

    monkeypatch.setattr(two, "_existing", too_early)
    two.commit(Plan(alerts={"a": example_alert("a", count=2)}, counters=Counter(n=1)))
    (stored,) = one.alerts()
    assert (stored.alert.count, stored.workflow, stored.note) == (2, Workflow.ACKNOWLEDGED, "Jo")
    assert one.counters() == {"n": 1}


def test_fields_that_others_add_to_an_alert_stay(store: FirestoreStore) -> None:
    store.commit(Plan(alerts={"a": example_alert("a")}))
    store._of("alerts").document("a").update({"told": {"by": "a model"}})
    store.commit(Plan(alerts={"a": example_alert("a", count=2)}))
    assert store._of("alerts").document("a").get(["told", "count"]).to_dict() == {
        "told": {"by": "a model"},
        "count": 2,
    }


def test_an_alert_that_changes_has_our_narrative_again(store: FirestoreStore) -> None:
    store.commit(Plan(alerts={"a": example_alert("a")}))
    document = store._of("alerts").document("a")
    document.update({"narrative": "Better.", "narrative_by": {"model": "m"}})
    (stored,) = store.alerts()
    assert stored.alert.narrative == "Better."
    store.commit(Plan(alerts={"a": example_alert("a", count=2)}))
    fields = document.get().to_dict() or {}
    assert fields["narrative"] == example_alert("a").narrative
    assert "narrative_by" not in fields


def test_a_deleted_alert_comes_back_when_it_is_raised_again(store: FirestoreStore) -> None:
    store.commit(Plan(alerts={"a": example_alert("a")}))
    store._of("alerts").document("a").delete()
    store.commit(Plan(alerts={"a": example_alert("a", count=2)}))
    assert [(stored.alert.count, stored.workflow) for stored in store.alerts()] == [(2, Workflow.OPEN)]


def test_evidence_and_history_may_be_any_json(store: FirestoreStore) -> None:
    odd: dict[str, Any] = {"rows": [[1, [2.0]], []], "": {"a.b": None, "__x__": 2**80}, "k`": "🧀"}
    alert = example_alert("a")
    alert.evidence = odd
    row = HistoryRow("score", "x", 1, odd)
    store.commit(Plan(alerts={"a": alert}, history=[row]))
    assert [stored.alert for stored in store.alerts()] == [alert]
    assert [pending.alert for pending in store.pending(2)] == [alert]
    assert list(store.history("score")) == [row]


# --- Size


def test_a_state_too_large_for_a_document_is_named(store: FirestoreStore) -> None:
    with pytest.raises(DocumentTooLargeError, match=r"state of d, key 'k': 900001 bytes"):
        store.commit(Plan(states=[write("small"), write("k", data=b"s" * 900_000)]))
    assert store.load("d", "small") is None
    large = b"\xff" * (LARGEST - 2_000)
    store.commit(Plan(states=[write("k", data=large)]))
    assert store.load("d", "k") == StoredState(large, 1, 100)


def test_history_and_alerts_too_large_are_named(store: FirestoreStore) -> None:
    with pytest.raises(DocumentTooLargeError, match=r"history session 's1'"):
        store.commit(Plan(history=[HistoryRow("session", "s1", 1, "ü" * 450_000)]))
    alert = example_alert("a")
    alert.narrative = "x" * LARGEST
    with pytest.raises(DocumentTooLargeError, match="alert a"):
        store.commit(Plan(alerts={"a": alert}))
    assert (list(store.alerts()), store.pending(1)) == ([], [])


@pytest.mark.parametrize("length", [PIECE, PIECE + 1, 3 * PIECE, 10_000_000])
def test_a_long_original_is_kept_whole(store: FirestoreStore, length: int) -> None:
    raw = (b"\xff{" * (length // 2 + 1))[:length]
    record = Rejected("t", "f", "too large", "feed", 1, raw)
    store.commit(Plan(rejected=[record, record], positions={"feed": b"1"}))
    assert list(store.quarantine()) == [record, record]
    (found, *_) = store._of("quarantine").stream()
    assert (found.get("length"), found.get("sha256")) == (length, hashlib.sha256(raw).hexdigest())


def test_a_huge_original_is_cut_and_says_so(store: FirestoreStore) -> None:
    raw = b"\xff" * (QUARANTINE_WHOLE + 1)
    store.commit(Plan(rejected=[Rejected("t", "f", "too large", "feed", 1, raw)]))
    (kept,) = store.quarantine()
    assert kept.raw == raw[:PIECE]
    digest = hashlib.sha256(raw).hexdigest()
    assert kept.reason == f"too large [only the first {PIECE} of {len(raw)} bytes are kept, SHA-256 {digest}]"


def test_long_texts_about_a_record_are_cut(store: FirestoreStore) -> None:
    text = "ü" * 2_000_000
    store.commit(
        Plan(rejected=[Rejected(text, text, text, text, 1, b"")], failures=[Failure("d", text, text, text)])
    )
    (record,), (failure,) = store.quarantine(), store.failures()
    assert record.reason == "ü" * 4096 + "… [2000000 characters]"
    assert len(failure["error"]) < 5_000


# --- Plans larger than a batch


def test_a_large_plan_is_stored_whole(store: FirestoreStore) -> None:
    plan = Plan(
        states=[write(f"k{number}", data=b"x" * 10_000) for number in range(1500)],
        alerts={f"a{number}": example_alert(f"a{number}") for number in range(300)},
        history=[HistoryRow("session", str(number), 1, {}) for number in range(450)],
        counters=Counter(n=1),
        watermark=b"w",
    )
    store.commit(plan)
    assert len(store.load_many([("d", f"k{number}") for number in range(1500)])) == 1500
    assert len(list(store.alerts())) == len(store.pending(1000)) == 300
    assert len(list(store.history("session"))) == 450
    assert (store.counters(), store.watermark()) == ({"n": 1}, b"w")


def test_a_conflict_in_a_large_plan_is_found_before_anything_is_written(opened: Open) -> None:
    one, other = opened(), opened()
    keys = [f"k{number}" for number in range(900)]
    one.commit(Plan(states=[write(key) for key in keys]))
    other.commit(Plan(states=[write("k1", 1), write("k899", 1)]))
    with pytest.raises(Conflict) as caught:
        one.commit(Plan(states=[write(key, 1, b"never") for key in keys], alerts={"a": example_alert("a")}))
    assert caught.value.keys == [("d", "k1"), ("d", "k899")]
    assert {state.data for state in one.load_many([("d", key) for key in keys]).values()} == {b"x"}
    assert (list(one.alerts()), one.pending(1)) == ([], [])


class Killed(BaseException):
    """The process ends here."""


class Mortal(FirestoreStore):
    """Dies before it sends the n-th batch (None: never), and counts the batches."""

    dies_at: int | None = None
    sent_batches = 0

    def _send(self, writes: Sequence[Write], entries: Sequence[Entry]) -> None:
        if self.sent_batches == self.dies_at:
            raise Killed
        super()._send(writes, entries)
        self.sent_batches += 1


@pytest.mark.parametrize(("most_writes", "step"), [(12, 2), (4, 11)])
@pytest.mark.timeout(400)
def test_events_delivered_again_after_a_crash_between_batches_give_the_same_alerts(
    client: Client, site: str, monkeypatch: pytest.MonkeyPatch, most_writes: int, step: int
) -> None:
    """Cut between what is told and the journal, and within both."""
    monkeypatch.setattr(firestore_batches, "MOST_WRITES", most_writes)
    monkeypatch.setattr(firestore_store, "ENTRY_BYTES", 20_000)
    settings = Settings()
    day = simulate_store(StoreConfig(hours=0.2, event_ids=True), 5)
    catalogue = Catalogue.from_csv_text(day.catalogue_csv())
    decoder, _ = decoder_now(settings)
    events = []
    for number, (_, stream, line) in enumerate(day.merged()):
        event = decoder.decode_value(TOPIC_OF_STREAM[stream], line, "feed", number, f"id-{number}")
        assert isinstance(event, Event)
        events.append(event)
    half = len(events) // 2

    def play(name: str, dies_at: int | None) -> tuple[Any, int]:
        store = Mortal(client, f"{name} {site}")
        store.dies_at = dies_at
        worker = Worker(build_engine(settings, catalogue), store)
        for part in (events[:half], events[half:], None):
            for _ in range(2):
                try:
                    worker.finish() if part is None else worker.process(Batch(list(part)))
                    break
                except Killed:
                    store = Mortal(client, f"{name} {site}")
                    worker = Worker(build_engine(settings, catalogue), store)
        told = {row.alert.alert_id for row in store.pending(10_000)}
        found = [
            (one.alert.alert_id, one.alert.severity, one.alert.status, one.alert.subject)
            for one in store.alerts()
        ]
        assert told == {identifier for identifier, *_ in found}
        return found, store.sent_batches

    undisturbed, number = play("undisturbed", None)
    assert len(undisturbed) > 5
    assert number >= 6
    for dies_at in range(0, number, step):
        assert play(f"dies at {dies_at}", dies_at)[0] == undisturbed, dies_at


@pytest.mark.usefixtures("small_ring")
def test_a_commit_in_pieces_that_others_got_into_holds_as_a_whole(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firestore_store, "ENTRY_BYTES", 1_000)
    monkeypatch.setattr(firestore_batches, "MOST_WRITES", 1)
    one, other = opened(worker="one"), opened(worker="other")
    send, sent = one._send, []

    def between(writes: Sequence[Write], entries: Sequence[Entry]) -> None:
        send(writes, entries)
        sent.append(entries)
        if len(sent) in {1, 4}:
            assert other.counters() == {}
            other.commit(Plan(states=[write("hers", len(sent) // 4)]))

    monkeypatch.setattr(one, "_send", between)
    one.commit(
        Plan(states=[write(f"k{number}", data=b"x" * 500) for number in range(4)], counters=Counter(n=1))
    )
    assert len(sent) > 4
    for store in (one, other, opened()):
        assert store.counters() == {"n": 1}
        assert len(store.load_many([("d", f"k{number}") for number in range(4)])) == 4
        assert store.load("d", "hers") == StoredState(b"x", 2, 100)


# --- Sweeping


def test_sweep_leaves_what_was_renewed_meanwhile(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = opened(), opened()
    store.commit(Plan(states=[write(key, expires=10) for key in "abc"]))
    send = store._send

    def too_late(writes: Sequence[Write], entries: Sequence[Entry]) -> None:
        monkeypatch.setattr(store, "_send", send)
        other.commit(Plan(states=[write("b", 1, expires=200)]))
        send(writes, entries)

    monkeypatch.setattr(store, "_send", too_late)
    assert store.sweep(100, {}, 10) == (2, [])
    assert store.load_many([("d", key) for key in "abc"]) == {("d", "b"): StoredState(b"x", 2, 200)}


def test_a_sweep_that_finds_nothing_writes_nothing(store: FirestoreStore) -> None:
    store.commit(Plan(states=[write(key) for key in "abc"]))
    before = store.writes
    assert store.sweep(0, {f"detector {number}": 3 for number in range(30)}, 10) == (0, [])
    assert store.writes == before


# --- Indexes and rules


Needed = tuple[str, tuple[str, ...]]


def test_the_index_file_has_what_the_queries_need_and_nothing_else(
    store: FirestoreStore, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    to_protobuf = Query._to_protobuf

    def recorded(query: Query) -> Any:
        asked.append(to_protobuf(query))
        return asked[-1]

    monkeypatch.setattr(Query, "_to_protobuf", recorded)
    store.commit(numbered(1))
    store.sweep(10, {"hot": 1, "new": 0}, 100)
    store.due(10)
    store.counters()
    store._journal._delete_pages_before(1)
    store.pending(1)
    for found in (store.alerts(), store.history("session"), store.quarantine(), store.failures()):
        list(found)
    rows = FirestoreRows(store._client)
    rows.page("shop", "session", prefix="WH1/", after="WH1/A", limit=5)
    rows.newest("shop", "session", 5)
    desk = FirestoreDesk(store._client)
    # Several filters at once are answered from these, merged.
    for query in (
        AlertQuery(severities=(Severity.LOW,)),
        AlertQuery(types=("LONG_QUEUE",), since=1, until=2),
        AlertQuery(statuses=(Status.CLEARED, Status.CONFIRMED)),
        AlertQuery(workflows=(Workflow.OPEN,)),
        AlertQuery(assignee="u1"),
        AlertQuery(order=Order.SEVERITY, since=1),
    ):
        desk.find(query)
    desk.changes(desk.latest_change(), None, 10)
    desk.history(site, "growing")
    desk.audit(None, 5, "")
    elsewhere = f"{site} elsewhere"  # where there is nothing to write
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    writer = BigQueryWriter(bigquery_client(PROJECT), f"{PROJECT}.history")
    FirestoreHistory(store._client, writer, elsewhere, UTC, Catalogue([])).follow()

    needed = {index for query in asked if (index := _needs(query)) is not None}
    assert {collection for collection, _ in needed} == {"alerts", "audit", "history", "outbox", "pages"}
    file = json.loads((RULES / "firestore.indexes.json").read_bytes())
    composite = set()
    for index in file["indexes"]:
        assert index["queryScope"] == "COLLECTION"
        composite.add(
            (
                index["collectionGroup"],
                tuple(
                    ("-" if field["order"] == "DESCENDING" else "") + field["fieldPath"]
                    for field in index["fields"]
                ),
            )
        )
    assert composite == {index for index in needed if len(index[1]) > 1}
    single = {(collection, fields[0]) for collection, fields in needed if len(fields) == 1}
    kept, exempt = set(), set()
    for field in file["fieldOverrides"]:
        name = field["collectionGroup"], field["fieldPath"]
        (kept if field["indexes"] else exempt).add(name)
        assert field["indexes"] in ([], [{"order": "ASCENDING", "queryScope": "COLLECTION"}])
    assert kept <= single
    assert not exempt & single
    # Large, or rising with time and in no query of its own.
    assert exempt >= {
        ("journal", "data"),
        ("journal", "written"),
        ("pages", "data"),
        ("alerts", "evidence"),
        ("quarantine", "raw"),
    }


def _needs(query: Any) -> Needed | None:
    """Collection and fields of the index that Firestore needs for a query, "-" before what is descending.

    None where it needs none.
    """
    (of,) = query.from_
    where = query.where
    filters = where.composite_filter.filters if "composite_filter" in where else [where] if where else []
    equal, ranged = [], []
    for one in filters:
        if "unary_filter" in one:
            equal.append(one.unary_filter.field.field_path)
        elif one.field_filter.op.name in {"EQUAL", "IN"}:
            equal.append(one.field_filter.field.field_path)
        else:
            ranged.append(one.field_filter.field.field_path)
    ordered = [
        ("-" if order.direction.name == "DESCENDING" else "") + order.field.field_path
        for order in query.order_by
    ]
    assert not ordered or {*ranged} <= {ordered[0].removeprefix("-")}
    ordered = [name for name in ordered or ranged if name.removeprefix("-") != "__name__"]
    if len(equal) > 1 and not ordered:
        return None  # merged from the indexes of the single fields
    fields = [*equal, *ordered]
    return (of.collection_id, tuple(fields)) if fields else None


def test_the_rules_keep_everybody_else_out(
    firestore_emulator: str, store: FirestoreStore, client: Client, site: str
) -> None:
    emulator = f"http://{firestore_emulator}/emulator/v1/projects/{PROJECT}:securityRules"
    rules = {"rules": {"files": [{"name": "rules", "content": (RULES / "firestore.rules").read_text()}]}}
    assert _ask("PUT", emulator, json.dumps(rules).encode())[0] == 200
    store.commit(numbered(1))
    (alert, *_) = [found.reference for found in store._of("alerts").stream()]
    documents = f"http://{firestore_emulator}/v1/projects/{PROJECT}/databases/(default)/documents"
    address = f"{documents}/{'/'.join(part.replace(' ', '%20') for part in alert.path.split('/'))}"
    assert _ask("GET", address, token="owner")[0] == 200  # what a server's credentials are here
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJqbyIsInVzZXJfaWQiOiJqbyJ9."
    for token in (None, unsigned):
        assert _ask("GET", address, token=token)[0] == 403
        assert _ask("PATCH", address, b'{"fields": {"note": {"stringValue": "x"}}}', token=token)[0] == 403
        assert _ask("DELETE", address, token=token)[0] == 403
        assert _ask("GET", f"{documents}/elsewhere/x", token=token)[0] == 403


def _ask(method: str, address: str, body: bytes | None = None, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(address, data=body, method=method)
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
