"""`guardian demo`: a simulated warehouse and store, live, while the warehouse is being emptied."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guardian.adapters.embedded.event_log import EventLogWriter, event_log_path
from guardian.adapters.embedded.memory_queue import MemoryQueue, QueueClosed
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.cli.output import print_summary
from guardian.cli.screen import AlertScreen
from guardian.events.catalogue import Catalogue
from guardian.qr.keys import PublicKeys
from guardian.qr.verify import Verifier
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.service import Service
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.business_day import BusinessDay

LEAD_S = 30.0
"""Seconds on the wall before the attack begins."""

CATCH_UP = 512
"""Records of the day so far handed over at a time."""


def demo_command(
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    seconds: Annotated[float, typer.Option(min=1, help="How long to watch.")] = 150.0,
    speed: Annotated[float, typer.Option(min=1, help="Seconds of the day a second of watching.")] = 20.0,
    db: Annotated[
        Path | None, typer.Option(help="Keep the state here; by default it is thrown away.")
    ] = None,
) -> None:
    """Simulates a warehouse and a store, live: the day so far, and an attack that begins within a minute."""
    console = Console()
    console.print("Simulating a warehouse and a store …")
    lead = min(LEAD_S, seconds / 4)
    day = BusinessDay(seed, lead * speed, hours=0.2 + seconds * speed / 3600)
    settings = Settings(site="demo")
    decoder, _ = decoder_now(settings)
    catalogue = Catalogue.from_csv_text(day.catalogue_csv())
    queue = MemoryQueue(decoder, name=f"demo-{seed}")
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="guardian-demo-") as folder:
        path = db or Path(folder) / "demo.db"
        store = SqliteStore(path)
        events = EventLogWriter(event_log_path(path))
        codes = Verifier(PublicKeys.from_json(day.warehouse.public_keys), day.warehouse.legacy_secret)
        engine = build_engine(settings, catalogue, codes)
        screen = AlertScreen(console)
        service = Service(
            Worker(engine, store),
            [queue],
            idle_after_s=settings.idle_after_s,
            on_plan=screen.show,
            on_batch=lambda batch: events.append(batch.events),
        )
        player = threading.Thread(
            target=_play, args=(day, queue, speed, seconds, stop), name="player", daemon=True
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        player.start()
        with screen:
            service.run(stop)
        service.close()
        player.join()
        console.print("\nWhat was in it, and what was found:\n")
        print_summary(console, store)
        store.close()
        events.close()


def _play(day: BusinessDay, queue: MemoryQueue, speed: float, seconds: float, stop: threading.Event) -> None:
    """Hands over the day so far at once, and then lets event time pass `speed` times as fast as the clock."""
    began: float | None = None
    so_far: list[tuple[str, bytes]] = []
    try:
        for at, topic, line in day.merged():
            if at < day.begins_ms:
                so_far.append((topic, line))
                if len(so_far) >= CATCH_UP:
                    queue.put_many(so_far)
                    so_far.clear()
                continue
            if began is None:
                queue.put_many(so_far)
                began = time.monotonic()
            due = began + (at - day.begins_ms) / 1000 / speed
            if due - began > seconds or stop.wait(max(0.0, due - time.monotonic())):
                break
            queue.put(topic, line)
        queue.end()
    except QueueClosed:
        pass
