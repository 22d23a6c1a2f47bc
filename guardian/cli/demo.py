"""`guardian demo`: a simulated warehouse and store, live, while the warehouse is being emptied."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guardian.adapters.embedded.event_log import EventLogWriter, event_log_path
from guardian.adapters.embedded.memory_queue import MemoryQueue, QueueClosed
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.cli.demo_dashboard import PORT, USER, DemoDashboard, NoDashboardError, pages_to_serve
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

WATCHED_S = 150.0
"""How long the simulated day lasts on the wall, unless told otherwise."""

CATCH_UP = 512
"""Records of the day so far handed over at a time."""


def demo_command(
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1,
            help=f"How long to watch; by default {WATCHED_S:.0f} s.",
            show_default=False,
        ),
    ] = None,
    stay: Annotated[
        bool | None,
        typer.Option(
            help="Whether the dashboard stays up when the day is over. By default it does at a terminal, if "
            "--seconds is not given.",
            show_default=False,
        ),
    ] = None,
    speed: Annotated[float, typer.Option(min=1, help="Seconds of the day a second of watching.")] = 20.0,
    db: Annotated[
        Path | None, typer.Option(help="Keep the state here; by default it is thrown away.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of the dashboard; if it is taken, another one.")
    ] = PORT,
    browser: Annotated[bool, typer.Option(help="Open the dashboard in a browser.")] = True,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Show alerts in the terminal, and no dashboard.")
    ] = False,
) -> None:
    """Simulates a warehouse and a store, live: the day so far, and an attack that begins within a minute."""
    console = Console()
    attended = sys.stdin.isatty() and sys.stdout.isatty()
    stays = seconds is None and attended if stay is None else stay
    watched = WATCHED_S if seconds is None else seconds
    pages = None if terminal else _pages(console)
    console.print("Simulating a warehouse and a store …")
    lead = min(LEAD_S, watched / 4)
    day = BusinessDay(seed, lead * speed, hours=0.2 + watched * speed / 3600)
    settings = Settings(site="demo")
    decoder, _ = decoder_now(settings)
    products = day.catalogue_csv()
    queue = MemoryQueue(decoder, name=f"demo-{seed}")
    stop = threading.Event()
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="guardian-demo-")))
        path = db or folder / "demo.db"
        store = SqliteStore(path)
        held.callback(store.close)
        events = EventLogWriter(event_log_path(path))
        held.callback(events.close)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        dashboard = None
        if pages is not None:
            dashboard = DemoDashboard(folder, path, pages, settings.site, products, day.warehouse.key_ring)
            held.callback(dashboard.close)
            dashboard = _started(console, dashboard, port, stop, browser=browser and attended)
        codes = Verifier(PublicKeys.from_json(day.warehouse.public_keys), day.warehouse.legacy_secret)
        engine = build_engine(settings, Catalogue.from_csv_text(products), codes)
        screen = AlertScreen(console, brief=dashboard is not None)
        service = Service(
            Worker(engine, store),
            [queue],
            idle_after_s=settings.idle_after_s,
            on_plan=screen.show,
            on_batch=lambda batch: events.append(batch.events),
        )
        player = threading.Thread(
            target=_play, args=(day, queue, speed, watched, stop), name="player", daemon=True
        )
        player.start()
        with screen:
            service.run(stop)
        service.close()
        player.join()
        console.print("\nWhat was in it, and what was found:\n")
        print_summary(console, store)
        if dashboard is not None and stays and not stop.is_set():
            console.print(f"\nThe day is over; the dashboard stays at {dashboard.url} Ctrl-C ends it.")
            while dashboard.running and not stop.is_set():
                time.sleep(0.2)  # an Event's own wait and a signal's handler could wait for each other
            if not stop.is_set():
                console.print("The dashboard's server has ended.")


def _pages(console: Console) -> Path | None:
    try:
        return pages_to_serve(os.environ)
    except NoDashboardError as error:
        _say_there_is_none(console, error)
        return None


def _started(
    console: Console, dashboard: DemoDashboard, port: int, stop: threading.Event, *, browser: bool
) -> DemoDashboard | None:
    """The dashboard, once it can be looked at; None if it cannot be started."""
    try:
        dashboard.start(port, stop)
    except NoDashboardError as error:
        _say_there_is_none(console, error)
        return None
    if stop.is_set():
        return None
    link = dashboard.login_link()
    for line in (
        f"Dashboard   {dashboard.url}",
        f"Log in      {USER}, password {dashboard.password}",
        f"or with     {link} (once, within a minute)",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if browser and _has_display():
        threading.Thread(target=webbrowser.open, args=(link,), name="browser", daemon=True).start()
    return dashboard


def _say_there_is_none(console: Console, error: NoDashboardError) -> None:
    text = f"No dashboard: {error}. Alerts are shown here."
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _has_display() -> bool:
    """Whether a browser has somewhere to open; BROWSER names one that needs nothing."""
    if sys.platform == "darwin":
        return True
    return any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"))


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
