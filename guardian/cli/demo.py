"""`guardian demo`: a simulated store day, fast, with the alerts as they come."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Alert
from guardian.cli.output import COLOURS, alert_row, print_summary
from guardian.engine.plan import Batch, Plan
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store

STEP = 100
"""Records handed over at a time."""


def demo_command(
    seed: Annotated[int, typer.Option(help="The same seed gives the same day.")] = 7,
    seconds: Annotated[
        float, typer.Option(min=0, help="About how long the day takes; 0 is as fast as it can.")
    ] = 20.0,
) -> None:
    """Simulates a store day with thefts and faults in it and shows what is caught, while it happens."""
    with tempfile.TemporaryDirectory(prefix="guardian-demo-") as folder:
        day = Path(folder)
        config = StoreConfig()
        simulate_store(config, seed).write(day)
        settings = Settings(site="demo store")
        decoder, _ = decoder_now(settings)
        store = SqliteStore(day / "demo.db")
        source = FileSource(find_recordings([day]), decoder)
        worker = Worker(build_engine(settings, load_catalogue(find_catalogue([day]))), store)
        console = Console()
        screen = _Screen(console)
        pace = _Pace(config.hours * 3600 / seconds if seconds else 0)
        source.resume({})
        started = time.perf_counter()
        with screen:
            while (batch := source.poll(STEP, 1.0)) is not None:
                pace.wait_for(batch)
                screen.show(worker.process(batch), batch)
            screen.show(worker.finish(), Batch([]))
        elapsed = time.perf_counter() - started
        source.close()
        console.print(
            f"\nA day of {config.hours:g} h in {elapsed:.1f} s. What was in it, and what was found:\n"
        )
        print_summary(console, store)
        store.close()


class _Pace:
    """Lets event time pass `speed` times as fast as the clock."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._begin: tuple[float, int] | None = None

    def wait_for(self, batch: Batch) -> None:
        if not self._speed or not batch.events:
            return
        now, newest = time.monotonic(), max(event.time for event in batch.events)
        if self._begin is None:
            self._begin = now, newest
        ahead = (newest - self._begin[1]) / 1000 / self._speed - (now - self._begin[0])
        if ahead > 0:
            time.sleep(ahead)


class _Screen:
    """A live table of the latest alerts on a terminal; a line for each new alert elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: deque[str] = deque(maxlen=max(5, console.height - 12))
        self._latest: dict[str, Alert] = {}
        self._events = 0
        self._clock = 0
        self._live = Live(console=console, refresh_per_second=10) if console.is_terminal else None

    def __enter__(self) -> _Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, plan: Plan, batch: Batch) -> None:
        """Takes what a plan changed."""
        self._events += len(batch.events)
        self._clock = max([self._clock, *(event.time for event in batch.events)])
        for alert in plan.alerts.values():
            if alert.alert_id not in self._latest:
                self._rows.append(alert.alert_id)
                if self._live is None:
                    self._console.print(alert_row(alert), soft_wrap=True)
            self._latest[alert.alert_id] = alert
        if self._live:
            self._live.update(self._table())

    def _table(self) -> Group:
        table = Table(expand=True, title="Alerts as they come", title_justify="left")
        table.add_column("severity", width=9)
        table.add_column("type", no_wrap=True)
        table.add_column("what happened", ratio=1)
        for identifier in self._rows:
            alert = self._latest[identifier]
            table.add_row(
                Text(alert.severity.value, style=COLOURS[alert.severity]), alert.type, Text(alert.narrative)
            )
        clock = datetime.fromtimestamp(self._clock / 1000, UTC).strftime("%H:%M:%S") if self._clock else "-"
        return Group(
            table, Text(f"{clock}   {self._events:,} events   {len(self._latest)} alerts", style="bold")
        )
