"""A simulated day with an attack in it, decided by the real engine into Firestore: for the browser tests.

What `guardian demo` is over SQLite. FIRESTORE_EMULATOR_HOST and GOOGLE_CLOUD_PROJECT say where.
"""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Iterator

from google.cloud.firestore import Client

from guardian.adapters.embedded.memory_queue import MemoryQueue, QueueClosed
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.events.catalogue import Catalogue
from guardian.qr.keys import PublicKeys
from guardian.qr.verify import Verifier
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.service import Service
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.business_day import BusinessDay

AT_ONCE = 512
"""Records of the day so far handed over at a time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lead", type=float, default=20.0, help="seconds on the wall before the attack")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--catalogue", help="where to write the articles of the day, for the API")
    given = parser.parse_args()
    day = BusinessDay(given.seed, given.lead * given.speed, hours=0.2 + given.seconds * given.speed / 3600)
    articles = day.catalogue_csv()
    if given.catalogue:
        with open(given.catalogue, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(articles)
    settings = Settings(site=given.site)
    decoder, _ = decoder_now(settings)
    queue = MemoryQueue(decoder, name="day")
    codes = Verifier(PublicKeys.from_json(day.warehouse.public_keys), day.warehouse.legacy_secret)
    engine = build_engine(settings, Catalogue.from_csv_text(articles), codes)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    player = threading.Thread(target=_play, args=(day, queue, given.speed, given.seconds, stop), daemon=True)
    player.start()
    store = FirestoreStore(Client(), given.site)
    service = Service(Worker(engine, store), [queue], idle_after_s=settings.idle_after_s)
    service.run(stop)
    service.close()
    player.join()
    store.close()


def _play(day: BusinessDay, queue: MemoryQueue, speed: float, seconds: float, stop: threading.Event) -> None:
    """Hands over the day so far at once, and then lets event time pass `speed` times as fast as the clock."""
    try:
        records = day.merged()
        for batch in _so_far(records, day.begins_ms):
            queue.put_many(batch)
        began = time.monotonic()
        for at, topic, line in records:
            due = began + (at - day.begins_ms) / 1000 / speed
            if due - began > seconds or stop.wait(max(0.0, due - time.monotonic())):
                break
            queue.put(topic, line)
        queue.end()
    except QueueClosed:
        pass


def _so_far(records: Iterator[tuple[int, str, bytes]], until_ms: int) -> Iterator[list[tuple[str, bytes]]]:
    """The records before a time, some at once. The first one behind is among them."""
    batch: list[tuple[str, bytes]] = []
    for at, topic, line in records:
        batch.append((topic, line))
        if len(batch) >= AT_ONCE or at >= until_ms:
            yield batch
            batch = []
        if at >= until_ms:
            return


if __name__ == "__main__":
    main()
