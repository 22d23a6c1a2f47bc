"""State stays bounded whatever the input, and what a cap costs is counted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.detectors.store.long_queue import LongQueue
from guardian.detectors.store.rapid_transactions import RapidTransactions
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.events.store import ACTIVE, PosTransaction, QueueSample, QueueState, Sale
from guardian.events.topics import POS, QUEUE
from guardian.runtime.worker import SWEEP_EVERY, Worker

START = 1_750_000_000_000
BATCH = 2_000


def states(db: Path) -> int:
    with closing(sqlite3.connect(db)) as reader:
        (number,) = reader.execute("SELECT count(*) FROM state").fetchone()
    return int(number)


def sale(number: int, every_ms: int) -> Event:
    """Every sale by a customer who was never seen before and never comes again."""
    time = START + number * every_ms
    value = PosTransaction(time, "SCC1", ACTIVE, Sale(customer_id=f"C{number}", sku="A", price=1.0))
    return Event(POS, time, value, f"sale-{number}", "till", number, b"")


def test_customers_who_never_return_are_forgotten(tmp_path: Path) -> None:
    """100,000 of them, one a second: those of the last minutes are kept, nobody is dropped for a cap."""
    store = SqliteStore(tmp_path / "x.db", durable=False)
    detector = RapidTransactions(lateness_ms=5_000)
    worker = Worker(Engine([detector], site="s", lateness_ms=5_000), store, cache_limit=1_000)
    for first in range(0, 100_000, BATCH):
        worker.process(Batch([sale(number, 1_000) for number in range(first, first + BATCH)]))
    alive = (detector.retention_ms + detector.quiet_ms) // 1_000
    assert states(tmp_path / "x.db") <= alive + BATCH * (SWEEP_EVERY + 1)
    assert "states_dropped" not in store.counters()


def test_a_flood_of_customers_is_capped_and_counted(tmp_path: Path) -> None:
    """100,000 in the same few seconds: none can expire, so the cap holds, and says what it cost."""
    store = SqliteStore(tmp_path / "x.db", durable=False)
    detector = RapidTransactions(lateness_ms=5_000)
    detector.max_keys = 5_000
    worker = Worker(Engine([detector], site="s", lateness_ms=5_000), store, cache_limit=1_000)
    flood = 100_000
    for first in range(0, flood, BATCH):
        worker.process(Batch([sale(number, 1) for number in range(first, first + BATCH)]))
    for _ in range(SWEEP_EVERY):
        worker.tick(0)
        worker.process(Batch([sale(flood, 1)]))
    kept, dropped = states(tmp_path / "x.db"), store.counters()["states_dropped"]
    assert kept <= detector.max_keys + 1
    assert kept + dropped >= flood


def test_a_queue_that_never_ends_is_one_alert_of_constant_size(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "x.db", durable=False)
    worker = Worker(Engine([LongQueue(lateness_ms=5_000)], site="s", lateness_ms=5_000), store)
    sizes = []
    for first in range(0, 40_000, BATCH):
        samples = [
            Event(
                QUEUE,
                START + number * 5_000,
                QueueSample(START + number * 5_000, "RC1", ACTIVE, QueueState(9, 50.0)),
                f"sample-{number}",
                "monitor",
                number,
                b"",
            )
            for number in range(first, first + BATCH)
        ]
        worker.process(Batch(samples))
        stored = store.load("LONG_QUEUE", "RC1")
        assert stored is not None
        sizes.append(len(stored.data))
    (alert,) = [stored.alert for stored in store.alerts()]
    assert alert.count == 40_000
    half = len(sizes) // 2  # it swings with the ids remembered, and does not grow
    assert max(sizes[half:]) <= 1.05 * max(sizes[:half])
