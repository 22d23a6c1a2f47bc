"""History in the cloud shape: the service between real emulators and a server that fails as BigQuery may.

Whatever happens on the way, each event is there at least once, under one insert id, or in quarantine with the
reason.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.cloud.firestore import Client

from cloud_run.history.main import QUARANTINE
from guardian.adapters.embedded.files import FileSource, find_recordings
from guardian.adapters.google.bigquery_writer import json_row
from guardian.adapters.google.firestore_desk import FirestoreDesk
from guardian.adapters.google.firestore_journal import CHECKPOINT_EVERY
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.google.state_journal import decode_rest
from guardian.adapters.history.rows import Row, alert_row, code_row, incident_row, score_row
from guardian.adapters.history.tables import (
    ALERTS,
    CODES,
    INCIDENTS,
    METRICS,
    SCORES,
    STREAM_TABLES,
    TABLES,
    Table,
)
from guardian.alerts.handling import Action, Handling, HandlingChange, Resolution
from guardian.engine.plan import Batch, Plan
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.topics import POS, QUEUE, RFID, TOPICS
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.emulator.history_service import SITE, HistoryService, Topics, from_kafka, until
from tests.servers.bigquery_inserts import DATASET, GOOD, BigQueryInserts, Fault, running
from tests.servers.pubsub import PubSubEmulator

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(900)]

MOST = 250
"""Events of a stream that are sent."""


@pytest.fixture
def bigquery() -> Iterator[BigQueryInserts]:
    with running() as server:
        yield server


@pytest.fixture
def topics(pubsub: PubSubEmulator) -> Topics:
    return Topics(pubsub)


@pytest.fixture
def service(
    pubsub: PubSubEmulator,
    topics: Topics,
    bigquery: BigQueryInserts,
    tmp_path: Path,
) -> Iterator[HistoryService]:
    made = HistoryService(
        tmp_path,
        {
            "PUBSUB_EMULATOR_HOST": pubsub.host,
            "GUARDIAN_PUBSUB_PREFIX": topics.prefix,
            "BIGQUERY_EMULATOR_HOST": bigquery.url,
            "GUARDIAN_BIGQUERY": DATASET,
        },
    )
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Event]]:
    """The beginning of a day, by stream."""
    folder = tmp_path_factory.mktemp("day")
    simulate_store(StoreConfig(hours=0.2), seed=3).write(folder / "store")
    simulate_warehouse(
        WarehouseConfig(products=50, sensor_every_s=100.0, scenarios=("jd_com_attack",)), seed=3
    ).write(folder / "warehouse")
    found: defaultdict[str, list[Event]] = defaultdict(list)
    seen: set[str] = set()
    source = FileSource(
        find_recordings([folder / "store", folder / "warehouse"]), decoder_now(Settings(site=SITE))[0]
    )
    source.resume({})
    while (batch := source.poll(10_000, 0.0)) is not None:
        for event in batch.events:
            # Producers send some twice; here each is sent once.
            if event.ref not in seen and len(found[event.topic]) < MOST:
                seen.add(event.ref)
                found[event.topic].append(event)
    source.close()
    assert len(found) >= 8
    return dict(found)


def identity(event: Event, number: int) -> str:
    """What the event is known by once it has come through the bridge."""
    own = json.loads(event.raw).get("event_id")
    return own or f"{event.topic}/0/{number}"


def expected(events: dict[str, list[Event]]) -> dict[str, dict[str, bytes]]:
    """By stream and identity, the values that were sent."""
    return {
        topic: {identity(event, number): event.raw for number, event in enumerate(of_topic)}
        for topic, of_topic in events.items()
    }


def missing(bigquery: BigQueryInserts, wanted: dict[str, dict[str, bytes]]) -> int:
    return sum(
        len(of_topic.keys() - bigquery.ids(STREAM_TABLES[topic].name).keys())
        for topic, of_topic in wanted.items()
    )


def assert_all_there(bigquery: BigQueryInserts, wanted: dict[str, dict[str, bytes]]) -> None:
    for topic, of_topic in wanted.items():
        rows = bigquery.contents(STREAM_TABLES[topic].name)
        assert {row["event_id"]: row["raw"] for row in rows} == {
            name: raw.decode() for name, raw in of_topic.items()
        }
        assert len(rows) == len(of_topic)
        assert {row["site"] for row in rows} == {SITE}
        assert all(row["seq"] > 1_700_000_000_000_000 for row in rows)


FAULTS = [
    Fault(status=503),
    Fault(status=429),
    Fault(status=500),
    Fault(status=403),
    Fault(status=404),
    Fault(cut=True),
    Fault(cut=True, taken=True),
    Fault(cut=True, taken=True, answered=True),
    Fault(wait_s=0.5),
    Fault(reason="backendError"),
    Fault(reason="timeout"),
]


def test_killed_again_and_again_while_everything_fails(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    chance = random.Random(11)
    lock = threading.Lock()
    seen: set[Fault] = set()

    def fault(table: str) -> Fault:
        with lock:
            one = chance.choice(FAULTS) if chance.random() < 0.3 else GOOD
            seen.add(one)
            return one

    bigquery.fault = fault
    wanted = expected(events)
    total = sum(map(len, wanted.values()))
    sending = {topic: [from_kafka(event, n) for n, event in enumerate(of)] for topic, of in events.items()}
    kills = 0
    for _ in range(5):
        service.start()
        for topic, of_topic in sending.items():
            part, sending[topic] = of_topic[:50], of_topic[50:]
            topics.publish(topic, part)
        before = total - missing(bigquery, wanted)
        goal = before + chance.randrange(1, 250)
        until(lambda goal=goal: total - missing(bigquery, wanted) >= goal, service.log.read_text)
        time.sleep(chance.random() / 5)  # anywhere within a request, or before it is acknowledged
        service.kill()
        kills += 1
    for topic, of_topic in sending.items():
        topics.publish(topic, of_topic)
    service.start()
    until(lambda: not missing(bigquery, wanted), service.log.read_text)
    assert kills == 5
    assert len(seen) > len(FAULTS) // 2
    assert_all_there(bigquery, wanted)
    bigquery.fault = lambda table: GOOD
    until(lambda: not any(topics.left(topic, 0.3) for topic in wanted), service.log.read_text)
    assert service.stop() == 0
    assert bigquery.contents("quarantine") == []
    # Something was written twice, or nothing of this has been tested.
    rows = [row for topic in wanted for row in bigquery.rows[STREAM_TABLES[topic].name]]
    assert len(rows) > total


def test_undisturbed_each_event_is_written_once(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    wanted = expected(events)
    for topic, of_topic in events.items():
        topics.publish(topic, (from_kafka(event, number) for number, event in enumerate(of_topic)))
    service.start()
    until(lambda: not missing(bigquery, wanted), service.log.read_text)
    assert_all_there(bigquery, wanted)
    until(lambda: service.metric("guardian_history_held") == 0)
    assert service.metric("guardian_history_written_total") == sum(map(len, wanted.values()))
    assert service.ask("/readyz") == 204
    assert service.ask("/nowhere") == 404
    assert service.stop() == 0
    assert all(len(bigquery.rows[STREAM_TABLES[topic].name]) == len(of) for topic, of in wanted.items())
    assert not any(topics.left(topic, 0.3) for topic in wanted)


def test_what_cannot_be_used_or_is_refused_is_in_quarantine_with_the_reason(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    seventh = identity(events[POS][7], 7)

    def refuse(table: str, row: dict[str, Any]) -> str:
        bad = table == "pos_transactions" and row["event_id"] == seventh
        return "Value out of range" if bad else ""

    bigquery.refuse = refuse
    kafka = {"kafka-partition": "1", "kafka-offset": "42"}
    topics.publish(POS, [from_kafka(event, number) for number, event in enumerate(events[POS][:20])])
    topics.publish(RFID, [(b"{", {"kafka-topic": RFID, **kafka}), (b'{"timestamp": 5}', {})])
    topics.publish(
        QUARANTINE,
        [
            (
                b"\0\0",
                {
                    "kafka-topic": QUEUE,
                    "quarantine-reason": "no such schema",
                    "quarantine-length": "9000010",
                    "quarantine-part": str(part),
                    "quarantine-parts": "2",
                    "ce-id": f"{QUEUE}/1/42/{part}",
                    **kafka,
                },
            )
            for part in (1, 2)
        ],
    )
    service.start()
    until(lambda: len(bigquery.contents("quarantine")) == 4, service.log.read_text)
    until(lambda: len(bigquery.contents("pos_transactions")) == 19)
    rows = {row["record_id"]: row for row in bigquery.contents("quarantine")}
    refused = rows.pop(f"pos_transactions:{SITE}\x1f{seventh}")
    assert refused["reason"] == "Value out of range"
    assert (refused["read_from"], refused["read_position"]) == (f"{POS}/0", 7)
    unread = rows.pop(f"{RFID}/1/42")
    assert "JSON" in unread["reason"]
    assert (unread["topic"], unread["read_from"], unread["read_position"]) == (RFID, f"{RFID}/1", 42)
    assert (unread["bytes"], unread["site"]) == (1, SITE)
    uncarried = rows.pop(f"{QUEUE}/1/42")
    assert (uncarried["topic"], uncarried["reason"]) == (QUEUE, "no such schema")
    assert (uncarried["bytes"], uncarried["read_position"]) == (9_000_010, 42)
    (wrong,) = rows.values()
    assert (wrong["topic"], wrong["field"]) == (RFID, "station_id")
    for topic in (POS, RFID, QUARANTINE):
        until(lambda topic=topic: topics.left(topic, 0.3) == 0)
    assert service.metric("guardian_history_unusable_total") == 3
    assert service.metric("guardian_history_refused_total") == 1


def test_a_stream_whose_table_is_not_there_holds_up_no_other(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    bigquery.fault = lambda table: Fault(status=404) if table == "pos_transactions" else GOOD
    for topic, of_topic in events.items():
        topics.publish(topic, (from_kafka(event, number) for number, event in enumerate(of_topic)))
    service.start()
    wanted = expected(events)
    others = {topic: of_topic for topic, of_topic in wanted.items() if topic != POS}
    until(lambda: not missing(bigquery, others), service.log.read_text)
    assert bigquery.contents("pos_transactions") == []
    bigquery.fault = lambda table: GOOD
    until(lambda: not missing(bigquery, wanted), service.log.read_text)


def test_bigquery_away_for_a_while(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    """Nothing is lost, memory is bounded, leases are kept; told to stop, it gives back what it holds."""
    bigquery.fault = lambda table: Fault(status=503)
    service.start()
    begun = service.memory()
    bulky = {topic: [from_kafka(event, n) for n, event in enumerate(of)] for topic, of in events.items()}
    large = [(b'{"filler": "' + b"x" * 2_000_000 + b'"}', {"kafka-offset": str(n)}) for n in range(40)]
    topics.publish(QUEUE, large)
    for topic, of_topic in bulky.items():
        if topic != QUEUE:
            topics.publish(topic, of_topic)
    until(lambda: service.metric("guardian_history_held") >= len(events), service.log.read_text)
    until(lambda: service.ask("/readyz") == 503, service.log.read_text)
    pulled = service.metric("guardian_history_pulled_total")
    deadline = time.monotonic() + 15.0  # longer than the subscription's own lease: none of them comes again
    while time.monotonic() < deadline:
        assert service.metric("guardian_history_held_bytes") < 30_000_000
        assert service.memory() < begun + 250_000_000
        assert service.ask("/healthz") == 204
        time.sleep(0.5)
    held = service.metric("guardian_history_held")
    assert service.metric("guardian_history_pulled_total") == held
    assert held == pulled or service.metric("guardian_history_held_bytes") > 1_000_000
    at = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - at < 12.0
    assert not bigquery.rows
    bigquery.fault = lambda table: GOOD
    service.start()
    wanted = expected({topic: of for topic, of in events.items() if topic != QUEUE})
    until(lambda: not missing(bigquery, wanted), service.log.read_text)
    assert_all_there(bigquery, wanted)
    until(lambda: len(bigquery.contents("quarantine")) == len(large), service.log.read_text)


class Site:
    """A site of its own in Firestore, as the engine, its clock and people leave it, step by step."""

    def __init__(self, firestore: Client, folder: Path) -> None:
        self.name = f"site-{uuid.uuid4().hex[:12]}"
        self.settings = Settings(site=self.name, zone="Europe/Berlin")
        self._firestore = firestore
        self.store = FirestoreStore(firestore, self.name)
        self._worker = Worker(build_engine(self.settings, Catalogue.empty()), self.store)
        self._source = FileSource(find_recordings([folder]), decoder_now(self.settings)[0])
        self._source.resume({})
        self._desk = FirestoreDesk(firestore)

    def decide(self, number: int) -> bool:
        """Decides on so many more events; False at the end."""
        batch = self._source.poll(number, 0.0)
        if batch is None:
            self._source.close()
            return False
        self._worker.process(Batch(batch.events, batch.rejected))
        return True

    def finish(self) -> None:
        """Lets every deadline pass, and commits often enough for a checkpoint of everything."""
        self._worker.finish()
        for _ in range(CHECKPOINT_EVERY // 2):
            self.store.commit(Plan(counters=Counter({"late": 2, "HUGE.failed": 1})))
        self.store._journal.checkpoint()  # as it does by itself after so many again
        self.store.close()

    def handle(self, alert_id: str) -> Handling:
        """A person takes an alert up, resolves it, and opens it again."""
        handling = self._desk.get(self.name, alert_id).handling
        for change in (
            HandlingChange(action=Action.ACKNOWLEDGE, assignee="u1"),
            HandlingChange(
                action=Action.RESOLVE, resolution=Resolution.TRUE_POSITIVE, note="Jane Doe did it"
            ),
        ):
            at = int(time.time() * 1000)
            done = self._desk.change(self.name, alert_id, handling.revision, change, "u1", at)
            handling = done.handling
        return handling

    def checkpoint(self) -> dict[str, int]:
        """Counters as of the last checkpoint."""
        head = self._firestore.document("sites", self.name, "parts", "correlator").get()
        return decode_rest(head.get("rest")).counters if head.exists else {}


def latest(bigquery: BigQueryInserts, table: Table) -> dict[str, dict[str, Any]]:
    """The rows that count, by the last part of their key, without what orders them."""
    found: dict[str, dict[str, Any]] = {}
    for row in bigquery.contents(table.name):
        before = found.get(row[table.key[-1]])
        if before is None or before[table.latest] < row[table.latest]:
            found[row[table.key[-1]]] = row
    return {key: {**row, table.latest: None} for key, row in found.items()}


def as_written(table: Table, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    written = (json_row(table, row) for row in rows)
    return {row[table.key[-1]]: {**row, table.latest: None} for row in written}


@pytest.mark.xdist_group("firestore")
def test_what_was_decided_and_done_is_followed_through_kills(
    firestore_emulator: str,
    pubsub: PubSubEmulator,
    topics: Topics,
    bigquery: BigQueryInserts,
    tmp_path: Path,
) -> None:
    simulate_warehouse(
        WarehouseConfig(products=50, sensor_every_s=100.0, scenarios=("jd_com_attack", "tampered_labels")),
        seed=4,
    ).write(tmp_path / "day")
    site = Site(Client(project="guardian-test"), tmp_path / "day")
    service = HistoryService(
        tmp_path,
        {
            "PUBSUB_EMULATOR_HOST": pubsub.host,
            "FIRESTORE_EMULATOR_HOST": firestore_emulator,
            "GUARDIAN_PUBSUB_PREFIX": topics.prefix,
            "BIGQUERY_EMULATOR_HOST": bigquery.url,
            "GUARDIAN_BIGQUERY": DATASET,
            "GUARDIAN_HISTORY_FOLLOW_MS": "100",
        },
        site.name,
    )
    chance = random.Random(3)
    bigquery.fault = lambda table: chance.choice(FAULTS) if chance.random() < 0.2 else GOOD
    handled: dict[str, Handling] = {}
    try:
        service.start()
        while site.decide(5_000):
            for stored in site.store.alerts():
                if len(handled) < 5 and stored.alert.alert_id not in handled:
                    handled[stored.alert.alert_id] = site.handle(stored.alert.alert_id)
            service.kill()
            service.start()
        site.finish()
        service.kill()
        service.start()
        catalogue = Catalogue.empty()
        zone = ZoneInfo("Europe/Berlin")
        alerts = {stored.alert.alert_id: stored.alert for stored in site.store.alerts()}
        counters = site.checkpoint()
        wanted = {
            ALERTS: [alert_row(alert, 0, zone, catalogue) for alert in alerts.values()],
            INCIDENTS: [incident_row(alerts[name], handled[name], catalogue) for name in handled],
            CODES: [code_row(row, site.name) for row in site.store.history("codes")],
            SCORES: [score_row(row, site.name) for row in site.store.history("threat-scores")],
        }
        assert len(alerts) > 5
        assert len(handled) == 5
        assert all(len(rows) > 3 for rows in wanted.values())
        for name, rows in wanted.items():
            table = TABLES[name]
            expected = as_written(table, rows)
            if name == INCIDENTS:  # what the machine said when they were written may have changed since
                until(
                    lambda e=expected, t=table: (
                        _without(latest(bigquery, t), MACHINES) == _without(e, MACHINES)
                    )
                )
            else:
                until(lambda e=expected, t=table: latest(bigquery, t) == e, service.log.read_text)
        assert "Jane Doe" not in str(bigquery.contents(INCIDENTS))

        def counted() -> Counter[str]:
            sums: Counter[str] = Counter()
            for row in bigquery.contents(METRICS):
                sums[row["name"]] += row["value"]
            return sums

        assert counters["late"] >= CHECKPOINT_EVERY
        until(lambda: counted() == Counter(counters), lambda: counted() - Counter(counters))
        bigquery.fault = lambda table: GOOD
        # What is young is taken again in each round; after that, what is told is told.
        until_quiet(lambda: sum(map(len, bigquery.rows.values())))
        assert service.ask("/readyz") == 204
        assert service.stop() == 0
    finally:
        service.close()


QUIET_S = 3.0
"""Thirty rounds of the service."""


def until_quiet(number: Callable[[], int]) -> None:
    """Waits until a number stands still. Fails if it grows for ever."""
    last, since = number(), time.monotonic()

    def still() -> bool:
        nonlocal last, since
        if (now := number()) != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_S

    until(still, lambda: f"{last} rows, and more are written")


MACHINES = {"severity", "status", "value_at_risk"}


def _without(rows: dict[str, dict[str, Any]], names: set[str]) -> dict[str, dict[str, Any]]:
    return {
        key: {name: value for name, value in row.items() if name not in names} for key, row in rows.items()
    }


def test_told_to_stop_it_finishes_what_is_under_way(
    service: HistoryService, topics: Topics, bigquery: BigQueryInserts, events: dict[str, list[Event]]
) -> None:
    begun = threading.Event()

    def fault(table: str) -> Fault:
        begun.set()
        return Fault(wait_s=2.0)

    bigquery.fault = fault
    service.start()
    topics.publish(POS, [from_kafka(event, number) for number, event in enumerate(events[POS][:10])])
    assert begun.wait(60)
    assert service.stop() == 0
    there = {row["event_id"] for row in bigquery.contents("pos_transactions")}
    assert there
    # What was written is acknowledged, and the rest is not.
    assert len(there) + topics.left(POS) == 10


def test_logs_are_as_cloud_logging_reads_them(service: HistoryService, bigquery: BigQueryInserts) -> None:
    service.start()
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["history_started", "history_stopped"]
    assert {line["severity"] for line in lines} == {"INFO"}


def test_without_usable_settings_it_does_not_start(tmp_path: Path) -> None:
    service = HistoryService(tmp_path, {"GUARDIAN_BIGQUERY": "nowhere"})
    with pytest.raises(AssertionError, match="GUARDIAN_BIGQUERY"):
        service.start()
    assert service.process is not None
    assert service.process.wait(60) == 2


def test_every_stream_has_its_subscription() -> None:
    from stack.topology import HISTORY, subscriptions

    found = {one.name: one.topic for one in subscriptions("p") if one.part == HISTORY}
    assert found == {f"{topic}-history": topic for topic in (*TOPICS, QUARANTINE)}
