"""`guardian evaluate`: precision and recall on simulated days, whose findings are known."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.render import alert_document
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue
from guardian.runtime.replay import replay
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.accuracy import KINDS, Accuracy, Score, accuracy
from simulators.store import StoreConfig, simulate_store


def evaluate_command(
    seeds: Annotated[int, typer.Option(min=1, help="How many days, with seeds from --first-seed on.")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    hard: Annotated[
        bool,
        typer.Option("--hard", help="With crimes that also look like something else, and 4 % lost reads."),
    ] = False,
    least: Annotated[
        float, typer.Option("--min", min=0, max=1, help="Fail if any figure is below this.")
    ] = 0.0,
) -> None:
    """Simulates store days with clock skew, lost and repeated reads, replays them, and scores the alerts."""
    config = StoreConfig(ambiguous=True, read_loss=0.04) if hard else StoreConfig()
    days = [evaluate_day(config, seed) for seed in range(first_seed, first_seed + seeds)]
    console = Console()
    table = Table(
        title=f"{seeds} store days, seeds {first_seed} to {first_seed + seeds - 1}", title_justify="left"
    )
    for column in ("finding", "expected", "found", "recall", "precision", "worst day"):
        table.add_column(column, justify="left" if column == "finding" else "right")
    worst = 1.0
    for kind in KINDS:
        scores = [day[kind] for day in days]
        total = Score(
            kind, *(sum(getattr(score, name) for score in scores) for name in Score.__struct_fields__[1:])
        )
        worst = min(worst, total.recall, total.precision)
        table.add_row(
            kind,
            str(total.expected),
            str(total.found),
            f"{total.recall:.3f}",
            f"{total.precision:.3f}",
            f"{min(min(score.recall, score.precision) for score in scores):.2f}",
        )
    console.print(table)
    console.print(f"worst figure {worst:.3f}")
    if worst < least:
        raise typer.Exit(1)


def evaluate_day(config: StoreConfig, seed: int) -> Accuracy:
    """Simulates one day, replays it through all detectors, and scores what they found."""
    with tempfile.TemporaryDirectory(prefix="guardian-evaluate-") as folder:
        day = Path(folder)
        simulate_store(config, seed).write(day)
        settings = Settings()
        decoder, _ = decoder_now(settings)
        store = SqliteStore(":memory:")
        worker = Worker(build_engine(settings, load_catalogue(find_catalogue([day]))), store)
        source = FileSource(find_recordings([day]), decoder)
        replay(worker, source)
        source.close()
        alerts = [alert_document(stored.alert, UTC) for stored in store.alerts()]
        store.close()
        return accuracy(alerts, json.loads((day / "expected.json").read_bytes()))
