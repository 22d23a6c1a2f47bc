"""Simulated days, replayed through every detector and scored."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC
from pathlib import Path
from typing import Any

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.render import alert_document
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.accuracy import Accuracy, accuracy
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from simulators.warehouse_accuracy import WarehouseAccuracy, warehouse_accuracy


def store_day(config: StoreConfig, seed: int) -> Accuracy:
    """Simulates one day of a store, replays it, and scores what was found."""
    with tempfile.TemporaryDirectory(prefix="guardian-evaluate-") as folder:
        simulate_store(config, seed).write(folder)
        return accuracy(alerts_of(Path(folder)), _expected(Path(folder)))


def warehouse_day(config: WarehouseConfig, seed: int) -> WarehouseAccuracy:
    """Simulates a warehouse's day (or days), replays it, and scores what was found."""
    with tempfile.TemporaryDirectory(prefix="guardian-evaluate-") as folder:
        simulate_warehouse(config, seed).write(folder)
        return warehouse_accuracy(alerts_of(Path(folder)), _expected(Path(folder)))


def alerts_of(day: Path) -> list[dict[str, Any]]:
    """The alerts on a recording, as `guardian replay --alerts` writes them."""
    settings = Settings()
    decoder, _ = decoder_now(settings)
    store = SqliteStore(":memory:")
    engine = build_engine(settings, load_catalogue(find_catalogue([day])), site_codes(settings, [day]))
    worker = Worker(engine, store)
    source = FileSource(find_recordings([day]), decoder)
    try:
        replay(worker, source)
        return [alert_document(stored.alert, UTC) for stored in store.alerts()]
    finally:
        source.close()
        store.close()


def _expected(day: Path) -> Any:
    return json.loads((day / "expected.json").read_bytes())
