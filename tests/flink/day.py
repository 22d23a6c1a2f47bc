"""Simulated days as they are played into topics: each in a site of its own, on a day of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Alert
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_PHYSICAL, topic_for_file_stem
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.flink.mapping import Checkouts

SETTINGS: Final = Settings()
PRODUCTS: Final = 40
"""Fewer articles than a simulated warehouse has by default: its shelves report often."""

WAREHOUSES: Final = {
    "jd_com_attack": ("2025-06-03", ("jd_com_attack",)),
    "after_hours_theft": ("2025-06-05", ("after_hours_theft",)),
    "honest": ("2025-06-07", ("mass_shipment", "night_shift", "relabelling")),
}
"""Its first day and the scenarios, by name."""
STORE: Final = "store"
SEED: Final = 5


class Record(msgspec.Struct, frozen=True):
    """A record for a topic. key: what producers key it by."""

    topic: str
    key: str
    value: bytes


def recorded(folder: Path, name: str) -> Path:
    """Writes a simulated day; its folder."""
    day = folder / name
    if name == STORE:
        simulate_store(StoreConfig(hours=2.0), SEED).write(day)
        return day
    starts, scenarios = WAREHOUSES[name]
    config = WarehouseConfig(products=PRODUCTS, starts=starts, scenarios=scenarios)
    simulate_warehouse(config, SEED).write(day)
    site = f'"location":"{name}'
    for path in day.glob("*.jsonl"):
        # In one set of topics, an article of one warehouse must not be taken for that of another.
        path.write_text(path.read_text("utf-8").replace('"location":"WH1', site), "utf-8")
    return day


def records(day: Path) -> list[Record]:
    """All records of a day, each stream in order of arrival."""
    found = []
    for path in sorted(day.glob("*.jsonl")):
        topic = topic_for_file_stem(path.stem)
        assert topic is not None, path
        for line in path.read_bytes().splitlines():
            value = msgspec.json.decode(line)
            of = ("product_id", "employee_id", "shipment_id", "station_id")
            key = next((value[name] for name in of if name in value), "")
            found.append(Record(topic, key, line))
    return found


def alerts(day: Path) -> list[Alert]:
    """What our engine finds in a day."""
    store = SqliteStore(":memory:")
    catalogue = load_catalogue(find_catalogue([day]))
    worker = Worker(build_engine(SETTINGS, catalogue, site_codes(SETTINGS, [day])), store)
    source = FileSource(find_recordings([day]), decoder_now(SETTINGS)[0])
    try:
        replay(worker, source)
        return [stored.alert for stored in store.alerts()]
    finally:
        source.close()
        store.close()


def checkouts(day: Path) -> Checkouts:
    """What was read and sold in a store; nothing in a warehouse."""
    found = Checkouts({}, {})
    if day.name == STORE:
        for event in _events(day / "rfid_readings.jsonl"):
            found.reads[event.value.event_id] = event.time
        for event in _events(day / "pos_transactions.jsonl"):
            if event.value.data.sku is not None:
                found.sales.setdefault((event.value.station_id, event.value.data.sku), []).append(event.time)
    return found


def shelf_readings(day: Path) -> list[Event]:
    """What the shelves of a warehouse told."""
    return _events(day / f"{INVENTORY_PHYSICAL}.jsonl")


def _events(path: Path) -> list[Event]:
    source = FileSource(find_recordings([path]), decoder_now(SETTINGS)[0])
    events: list[Event] = []
    while (batch := source.poll(10_000, 1.0)) is not None:
        events += batch.events
    source.close()
    return events
