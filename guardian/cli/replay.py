"""`guardian replay`: recorded streams in, alerts out."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.cli.options import CatalogOption, SettingsOption, SiteOption, ZoneOption, site_settings
from guardian.cli.output import print_summary, write_results
from guardian.cli.reproduce import reproduce_command
from guardian.engine.plan import Plan
from guardian.runtime.composition import (
    build_engine,
    decoder_now,
    load_catalogue,
    site_codes,
    site_zone,
)
from guardian.runtime.replay import BATCH, replay
from guardian.runtime.settings import SettingsError
from guardian.runtime.worker import Worker


def replay_command(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders or files of recorded streams; - for standard input.")
    ] = None,
    catalog: CatalogOption = None,
    alerts: Annotated[Path | None, typer.Option(help="Write the alerts here, JSON lines.")] = None,
    events: Annotated[
        Path | None, typer.Option(help="Write the store challenge's event format here.")
    ] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="Write records that could not be used here.")
    ] = None,
    threat_scores: Annotated[
        Path | None,
        typer.Option(help="Write the last threat score of every product, employee and location here."),
    ] = None,
    zone: ZoneOption = None,
    site: SiteOption = None,
    settings: SettingsOption = None,
    db: Annotated[
        Path | None, typer.Option(help="Keep state here, and go on from it: continues a run that was killed.")
    ] = None,
    keep_open: Annotated[
        bool,
        typer.Option(
            "--keep-open", help="More follows in a later run with the same --db: close nothing yet."
        ),
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Records decided and committed together.")] = BATCH,
    history: Annotated[
        Path | None, typer.Option(help="Folder of history to decide --alert again from (docs/reports.md).")
    ] = None,
    alert: Annotated[
        str | None, typer.Option(help="Id of an alert: decide it again from --history, and compare.")
    ] = None,
) -> None:
    """Runs recorded streams through every detector in event time, as fast as it can."""
    if alert is not None or history is not None:
        if alert is None or history is None or paths:
            raise SettingsError("--alert ID and --history FOLDER go together, and without recordings")
        reproduce_command(history, alert, settings, catalog)
        return
    if not paths:
        raise SettingsError("nothing to replay: give folders or files of recorded streams")
    chosen = site_settings(settings, zone, site)
    given: list[Path | Literal["-"]] = [Path(path) if path != "-" else "-" for path in paths]
    for out in (alerts, events, quarantine, threat_scores):
        if out is not None and not out.resolve().parent.is_dir():
            raise SettingsError(f"{out}: no such folder to write to")
    recordings = find_recordings(given)
    catalogue = load_catalogue(catalog or find_catalogue(given))
    decoder, _ = decoder_now(chosen)
    store = SqliteStore(db if db is not None else ":memory:")
    source = FileSource(recordings, decoder)
    codes = site_codes(chosen, given)
    worker = Worker(build_engine(chosen, catalogue, codes), store)
    console = Console(stderr=True)
    started = time.perf_counter()
    try:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[found]} alerts"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress:
            task = progress.add_task("replaying", total=None, found=0)
            raised: set[str] = set()

            def show(plan: Plan) -> None:
                raised.update(plan.alerts)
                done, total = source.progress()
                progress.update(task, completed=done, total=total or None, found=len(raised))

            replay(worker, source, batch=batch, keep_open=keep_open, on_plan=show)
        seconds = time.perf_counter() - started
        write_results(store, site_zone(chosen), alerts, events, quarantine, threat_scores)
        print_summary(Console(file=sys.stdout), store, seconds)
    finally:
        source.close()
        store.close()
