"""The cloud shape from end to end, on real parts: what goes into Kafka ends as the findings of a replay."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from confluent_kafka import Producer

from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.google.pubsub_puller import PubSubPuller
from guardian.adapters.pulling import Pulled
from guardian.detectors.parts import Part
from guardian.engine.arrivals import Ranges
from guardian.events.topics import POS, RFID
from simulators.store import StoreConfig, simulate_store
from stack.day import BUSINESS, SITE, first_wrong_ms, simulate
from stack.local import LocalStack, Options, missing, running
from tests.e2e.cloud_day import Account, CloudDay, Finding, accounts, cloud_day, findings

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.emulator,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("stack"),
]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 150.0
"""Longer than the longest wait of Pub/Sub between two deliveries, a minute here."""
PLAYS_S = 400.0
"""In which the player has to end."""

S = TypeVar("S")


@pytest.fixture(autouse=True, scope="module")
def machine() -> None:
    """Skips where no stack can run; with CI set it must."""
    if (lack := missing()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no stack: {lack}")
        pytest.skip(f"no stack: {lack}")


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> CloudDay:
    """A quarter of an hour of a warehouse and a store, from just before the warehouse is attacked."""
    folder = tmp_path_factory.mktemp("attacked")
    simulate(BUSINESS, 7, 120.0, folder / "raw")
    wrong_ms = first_wrong_ms(folder / "raw")
    assert wrong_ms is not None
    wrong = datetime.fromtimestamp(wrong_ms / 1000, UTC)
    return cloud_day(folder / "raw", wrong - timedelta(seconds=30), wrong + timedelta(minutes=17), folder)


@pytest.fixture(scope="module")
def busy_store(tmp_path_factory: pytest.TempPathFactory) -> CloudDay:
    """Seven minutes of a store."""
    return store_day(tmp_path_factory.mktemp("store"), timedelta(minutes=7))


@pytest.fixture(scope="module")
def short_store(tmp_path_factory: pytest.TempPathFactory) -> CloudDay:
    """Four minutes of a store."""
    return store_day(tmp_path_factory.mktemp("store"), timedelta(minutes=4))


def store_day(folder: Path, lasts: timedelta) -> CloudDay:
    """The beginning of a store's day in which much goes wrong."""
    config = StoreConfig(hours=0.12)
    simulate_store(config, 7).write(folder / "raw")
    opens = datetime.fromisoformat(config.opens).replace(tzinfo=UTC)
    return cloud_day(folder / "raw", opens - timedelta(seconds=10), opens + lasts, folder)


def until(good: Callable[[S], bool], look: Callable[[], S]) -> S:
    """Looks until it is good, and returns what was seen. Fails when nothing has changed for PATIENCE_S.

    However slow the machine is, only what has come to a halt is an error.
    """
    seen, since = look(), time.monotonic()
    while not good(seen):
        time.sleep(0.2)  # paces the question; what counts is the condition
        if (now := look()) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > PATIENCE_S:
            pytest.fail(f"nothing has changed for {PATIENCE_S:.0f} s: {seen}", pytrace=False)
    return seen


class Chain:
    """A stack that plays a day."""

    def __init__(self, stack: LocalStack, day: CloudDay) -> None:
        self.stack = stack
        self.day = day
        self.in_bridge_quarantine: dict[str, set[int]] = {}
        self.carried: set[str] = set()
        """SHA-256 of what the bridge has put into quarantine."""
        self.store = FirestoreStore(stack.firestore(), SITE, worker="auditor")
        self.review = PubSubPuller(
            stack.project,
            "quarantine-review",
            emulator_host=stack.environment["PUBSUB_EMULATOR_HOST"],
            wait_s=0.3,
        )

    def play(self, folder: Path, *options: str) -> subprocess.Popen[bytes]:
        """Begins to play a recording."""
        kafka = self.stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"]
        return subprocess.Popen(
            [sys.executable, "-m", "stack.produce", str(folder), f"--kafka={kafka}", *options],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )

    def play_all(self, folder: Path, *options: str) -> None:
        """Plays a recording to its end."""
        assert self.play(folder, *options).wait(PLAYS_S) == 0

    def accounts(self) -> list[Account]:
        """As of now."""
        while messages := self.review.pull(100):
            self.review.acknowledge([message.handle for message in messages])
            self._reviewed(messages)
        return accounts(self.stack, self.in_bridge_quarantine)

    def _reviewed(self, messages: Sequence[Pulled]) -> None:
        for message in messages:
            names = message.attributes
            partition = f"{names['kafka-topic']}/{names['kafka-partition']}"
            self.in_bridge_quarantine.setdefault(partition, set()).add(int(names["kafka-offset"]))
            self.carried.add(names["quarantine-sha256"])

    def found(self) -> Counter[Finding]:
        """All findings as of now."""
        return findings(self.store)

    def all_arrive(self) -> None:
        """Waits until every record in Kafka has been committed by every part that is to be given it."""

        def missing() -> list[tuple[str, int, dict[str, Ranges]]]:
            return [(one.part, one.committed, one.missing) for one in self.accounts()]

        until(lambda seen: not any(ranges for _, _, ranges in seen), missing)

    def ends_as_expected(self) -> None:
        """Lets every deadline pass and waits for the findings of a replay; then tells the counts."""
        self.all_arrive()
        self.play_all(self.day.closing, "--speed=0", "--rate=4")
        self.all_arrive()
        expected = self.day.expected

        def difference() -> tuple[Counter[Finding], Counter[Finding]]:
            """Not found, and found besides."""
            found = self.found()
            return expected - found, found - expected

        until(lambda seen: not any(seen), difference)
        for account in self.accounts():
            print(account)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Callable[..., Chain]]:
    """Starts a stack for a day."""
    opened = []

    def start(day: CloudDay, **options: object) -> Chain:
        context = running(tmp_path / "stack", Options(day=day.folder, settings=day.settings, **options))
        stack = context.__enter__()
        opened.append(context)
        return Chain(stack, day)

    yield start
    for context in opened:
        context.__exit__(None, None, None)


def test_a_scenario_ends_as_the_findings_of_a_replay(chain: Callable[..., Chain], attacked: CloudDay) -> None:
    assert {"MASS_SHIPMENT_FRAUD", "SHIPPED_BUT_PRESENT", "BARCODE_SWITCHING"} <= {
        type_ for type_, *_ in attacked.expected
    }
    running_chain = chain(attacked)
    running_chain.play_all(attacked.folder, "--speed=10")
    running_chain.ends_as_expected()


POISON: list[tuple[str, bytes]] = [
    (POS, b"\xff\xfe not JSON"),
    (POS, b'{"timestamp": "2025-06-03T10:00:00", "station_id": 7, "status": [], "data": {}}'),
    (POS, b"\x00\x00\x00\x00\x07 framed by a registry that nobody has"),
    (POS, b'{"event_id": "' + b"x" * 9_000_000 + b'"}'),
    (RFID, b"[" * 5_000),
    (RFID, b""),
    (RFID, b'{"timestamp": "yesterday", "station_id": "SCC1", "status": "Active", "data": null}'),
]


def test_whatever_dies_and_however_often_it_is_delivered_the_findings_are_the_same(
    chain: Callable[..., Chain], busy_store: CloudDay
) -> None:
    """Two correlators on one subscription, every message twice, poison among them, and SIGKILL."""
    running_chain = chain(busy_store, correlators=2)
    stack, chance = running_chain.stack, random.Random(4)
    poison = Producer(
        {
            "bootstrap.servers": stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"],
            "message.max.bytes": 10_000_000,
            "log_level": 0,
        }
    )
    refused: list[object] = []
    for topic, value in POISON:
        poison.produce(topic, value, on_delivery=lambda error, _: refused.append(error))
    assert poison.flush(30) == 0
    assert refused == [None] * len(POISON)
    assert len({type_ for type_, *_ in busy_store.expected}) >= 5
    player = running_chain.play(busy_store.folder, "--speed=3", "--every-twice")
    mortal = ["correlator-1", "correlator-2", "bridge", Part.EVENT_CHECKS, "correlator-1", "bridge"]
    for name in mortal:
        time.sleep(chance.uniform(2, 9))  # somewhere in the middle of it
        stack.kill(name)
        time.sleep(chance.uniform(0, 2))
        stack.start(name)
    assert player.wait(PLAYS_S) == 0
    running_chain.ends_as_expected()

    kept = {(record.topic, record.raw) for record in running_chain.store.quarantine()}
    for topic, value in POISON:
        digest = hashlib.sha256(value).hexdigest()
        assert (topic, value) in kept or digest in running_chain.carried, value[:60]


def test_outages_of_half_a_minute_heal_by_themselves(
    chain: Callable[..., Chain], short_store: CloudDay
) -> None:
    running_chain = chain(short_store)
    stack = running_chain.stack
    player = running_chain.play(short_store.folder, "--speed=2")
    for name in ("pubsub", "firestore"):
        time.sleep(8)
        stack.pause(name)
        time.sleep(30)
        stack.resume(name)
    assert player.wait(PLAYS_S) == 0
    running_chain.ends_as_expected()


def test_what_is_not_paid_for_is_found_although_nothing_comes_any_more(
    chain: Callable[..., Chain], short_store: CloudDay, tmp_path: Path
) -> None:
    """RFID sees an article, and then every stream is silent: the clock lets the deadline pass."""
    settings = tmp_path / "quick.toml"
    settings.write_text(f'site = "{SITE}"\nlateness_s = 2.0\nidle_after_s = 3.0\n')
    running_chain = chain(msgspec.structs.replace(short_store, settings=settings))
    now = datetime.now(UTC)
    tag = {"epc": "3034257BF400B7800004CB2F1", "sku": "PRD_F_03", "location": "IN_SCAN_AREA"}
    kafka = running_chain.stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"]
    sender = Producer({"bootstrap.servers": kafka, "log_level": 0})
    for ago_s, data in ((3.0, dict.fromkeys(tag)), (2.0, dict.fromkeys(tag)), (1.0, tag)):
        reading = {
            "timestamp": (now - timedelta(seconds=ago_s)).isoformat(),
            "station_id": "SCC1",
            "status": "Active",
            "data": data,
        }
        sender.produce(RFID, json.dumps(reading), key="SCC1")
    assert sender.flush(30) == 0
    until(lambda found: [type_ for type_, *_ in found] == ["SCANNER_AVOIDANCE"], running_chain.found)
