"""A day for the cloud shape: recorded events, what a replay of them finds, whether all of them arrived."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.detectors.parts import Part, topics_of
from guardian.engine.arrivals import Ranges, count, with_numbers
from guardian.events.topics import INVENTORY_DIGITAL, RFID, TOPICS
from guardian.ports import StateStore
from guardian.runtime.composition import (
    KEYS_NAME,
    LEGACY_NAME,
    build_engine,
    decoder_now,
    find_beside,
    load_catalogue,
    site_codes,
)
from guardian.runtime.replay import replay
from guardian.runtime.settings import load_settings
from guardian.runtime.worker import Worker
from stack.day import SITE
from stack.local import LocalStack
from stack.produce import Record, between, recorded

Finding = tuple[str, str, str, str]

LATENESS_S = 280.0
"""Of event time. Played many times faster than it happened, a second's delay is a minute; and what was being
delivered when a part was killed may wait for a minute until Pub/Sub tries again."""

# What has to be longer than the lateness.
_SETTINGS = """\
site = "{site}"
lateness_s = {lateness_s}
{keys}
[detectors.SYSTEM_CRASH]
quiet_s = 300.0
[detectors.LONG_QUEUE]
quiet_s = 300.0
[detectors.LONG_WAIT]
quiet_s = 300.0
[detectors.STATION_STATUS]
quiet_s = 300.0
[detectors.CHECKOUT_STATION_ACTION]
check_s = 300.0
[detectors.SHIPPED_BUT_PRESENT]
sighting_s = 300.0
[detectors.INVENTORY_MISMATCH]
window_s = 300.0
"""

CLOSING_STEPS = 8
CLOSING_STEP = timedelta(minutes=40)


class CloudDay(msgspec.Struct, frozen=True):
    """folder: the recording. closing: what is played after all of it has arrived: nothing happens, but time
    goes on until every deadline has passed. expected: what a replay of both finds."""

    folder: Path
    closing: Path
    settings: Path
    expected: Counter[Finding]


def cloud_day(raw: Path, begin: datetime, end: datetime, folder: Path) -> CloudDay:
    """The part of a recording between two times, with its keys and catalogue."""
    day, closing = folder / "day", folder / "closing"
    bounds = round(begin.timestamp() * 1000), round(end.timestamp() * 1000)
    write_recording(day, between(recorded(raw, UTC), *bounds))
    write_recording(closing, _heartbeats(end))
    keys = []
    if (catalogue := find_catalogue([raw])) is not None:
        shutil.copy(catalogue, day)
    for setting, name in (("qr_keys", KEYS_NAME), ("qr_legacy_secret", LEGACY_NAME)):
        if (found := find_beside([raw], name)) is not None:
            shutil.copy(found, day)
            keys.append(f"{setting} = {json.dumps(str(day / name))}")
    settings = folder / "site.toml"
    settings.write_text(_SETTINGS.format(site=SITE, lateness_s=LATENESS_S, keys="\n".join(keys)))
    return CloudDay(day, closing, settings, _replayed(day, closing, settings))


def write_recording(folder: Path, records: Iterable[Record]) -> None:
    """The records as files that `guardian replay` and the stack's producer read."""
    folder.mkdir(parents=True)
    lines: defaultdict[str, list[bytes]] = defaultdict(list)
    for record in records:
        lines[record.topic].append(record.value + b"\n")
    for topic, values in lines.items():
        (folder / f"{topic}.jsonl").write_bytes(b"".join(values))


def _heartbeats(end: datetime) -> Iterator[Record]:
    """Records that move time on in every part, and say nothing else."""
    for step in range(1, CLOSING_STEPS + 1):
        at = end + step * CLOSING_STEP
        text = at.replace(tzinfo=None).isoformat()
        nothing = {"epc": None, "sku": None, "location": None}
        beat = {"timestamp": text, "station_id": "SCC1", "status": "Active", "data": nothing}
        booked = {
            "product_id": "P-CLOSING",
            "status": "in_stock",
            "quantity": 1,
            "location": "CLOSING",
            "updated_by": "E-000",
            "updated_at": text,
        }
        for topic, value in ((RFID, beat), (INVENTORY_DIGITAL, booked)):
            yield Record(round(at.timestamp() * 1000), topic, None, json.dumps(value).encode())


def _replayed(day: Path, closing: Path, settings_file: Path) -> Counter[Finding]:
    settings = load_settings(settings_file)
    decoder, _ = decoder_now(settings)
    source = FileSource(find_recordings([day, closing]), decoder)
    engine = build_engine(settings, load_catalogue(find_catalogue([day])), site_codes(settings))
    store = SqliteStore(MEMORY)
    worker = Worker(engine, store)
    open_still: list[Counter[Finding]] = []
    finish = worker.finish
    worker.finish = lambda: (open_still.append(findings(store)), finish())[1]  # type: ignore[method-assign]
    replay(worker, source)
    source.close()
    found = findings(store)
    # The cloud shape has no end of input: the closing must have let every deadline pass.
    assert open_still == [found]
    store.close()
    return found


def findings(store: StateStore) -> Counter[Finding]:
    """Type, subject, severity and status of every alert."""
    alerts = [stored.alert for stored in store.alerts()]
    return Counter((one.type, one.subject.id, str(one.severity), str(one.status)) for one in alerts)


# --- What has arrived


class Account(msgspec.Struct, frozen=True):
    """For one part: records in Kafka that it has to be given, and those of them that it has committed.

    missing: partitions of which some have not. counters: of the part, summed over the topics.
    """

    part: str
    produced: int
    committed: int
    missing: dict[str, Ranges]
    counters: dict[str, int]

    def __str__(self) -> str:
        interesting = ("late", "quarantined")
        told = ", ".join(f"{self.counters.get(name, 0)} {name}" for name in interesting)
        handed = sum(n for name, n in self.counters.items() if name.startswith("events."))
        return (
            f"{self.part}: {self.produced} records produced, {self.committed} of them committed, in {handed} "
            f"deliveries of events; {told}"
        )


def accounts(
    stack: LocalStack, elsewhere: dict[str, set[int]] | None = None, parts: Iterable[Part] = tuple(Part)
) -> list[Account]:
    """One for each part. elsewhere: by partition, offsets that the bridge has put into quarantine itself."""
    ends = _ends(stack)
    found = []
    for part in parts:
        store = FirestoreStore(stack.firestore(), SITE, worker="auditor", part=part)
        arrived, counters = store.arrived(), store.counters()
        topics = topics_of(part)
        produced = committed = 0
        missing = {}
        for name, end in ends.items():
            if name.rpartition("/")[0] not in topics:
                continue
            ranges = with_numbers(arrived.get(name, []), (elsewhere or {}).get(name, ()))
            produced += end
            committed += count(ranges)
            if ranges != ([0, end - 1] if end else []):
                missing[name] = ranges
        found.append(Account(str(part), produced, committed, missing, counters))
    return found


def _ends(stack: LocalStack) -> dict[str, int]:
    """By partition ("topic/0"), how many records it holds."""
    bootstrap = stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "auditor"})
    try:
        return {
            f"{topic}/{number}": consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
            for topic, described in TOPICS.items()
            for number in range(described.partitions)
        }
    finally:
        consumer.close()
