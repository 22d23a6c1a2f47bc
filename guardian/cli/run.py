"""`guardian run`: the embedded product on live inputs."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console

from guardian.adapters.embedded.event_log import EventLogWriter, event_log_path
from guardian.adapters.embedded.files import find_catalogue, find_recordings
from guardian.adapters.embedded.follow import FollowSource
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.adapters.embedded.tcp_feed import TcpFeedSource
from guardian.cli.kept_history import KeptHistory
from guardian.cli.options import CatalogOption, SettingsOption, SiteOption, ZoneOption, site_settings
from guardian.cli.output import alert_row, print_summary
from guardian.engine.plan import Plan
from guardian.events.decode import Decoder
from guardian.ports import Source
from guardian.runtime.composition import (
    DAY_MS,
    build_engine,
    decoder_now,
    latest,
    load_catalogue,
    site_codes,
)
from guardian.runtime.service import Service
from guardian.runtime.settings import SettingsError
from guardian.runtime.worker import Worker

log = structlog.get_logger()

SHOWN_KEPT = 10_000
"""Alerts remembered as shown already."""


def run_command(
    follow: Annotated[
        list[str] | None, typer.Argument(help="Files or folders of streams to follow as they grow.")
    ] = None,
    tcp: Annotated[str | None, typer.Option(help="HOST:PORT of a store feed.")] = None,
    kafka: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of a Kafka cluster; how to log in: GUARDIAN_KAFKA_… (docs/bridge.md)."),
    ] = None,
    db: Annotated[Path, typer.Option(help="Where state and alerts are kept.")] = Path("guardian.db"),
    event_log: Annotated[
        bool,
        typer.Option("--event-log", help="Keep the events too, beside it: the API shows them with alerts."),
    ] = False,
    event_log_days: Annotated[int, typer.Option(min=1, help="How long events are kept.")] = 7,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Keep every event and alert by date in this folder, for reports (docs/reports.md)."
        ),
    ] = None,
    history_days: Annotated[int, typer.Option(min=1, help="How long history is kept.")] = 90,
    catalog: CatalogOption = None,
    zone: ZoneOption = None,
    site: SiteOption = None,
    settings: SettingsOption = None,
) -> None:
    """Watches live streams and prints alerts as they come; keeps everything, and goes on where it stopped."""
    chosen = site_settings(settings, zone, site)
    paths = [Path(path) for path in follow or []]
    if not paths and tcp is None and kafka is None:
        raise SettingsError("nothing to watch: give files to follow, --tcp HOST:PORT or --kafka HOST:PORT")
    catalogue_path = catalog or find_catalogue(paths)
    catalogue = load_catalogue(catalogue_path)
    decoder, times = decoder_now(chosen)
    engine = build_engine(chosen, catalogue, site_codes(chosen, paths))
    sources: list[Source] = []
    if paths:
        sources.append(FollowSource(find_recordings(paths), decoder))
    if tcp is not None:
        sources.append(TcpFeedSource(*_address(tcp), decoder))
    if kafka is not None:
        sources.append(_kafka_source(kafka, decoder))
    console = Console()
    shown: dict[str, tuple[str, str]] = {}

    def show(plan: Plan) -> None:
        for alert in plan.alerts.values():
            state = alert.status.value, alert.severity.value
            if len(shown) > SHOWN_KEPT:
                shown.clear()
            if shown.get(alert.alert_id) != state:  # a growing episode is not news every second
                shown[alert.alert_id] = state
                console.print(alert_row(alert))

    def on_turn() -> None:
        times.latest_ms = latest()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    store = SqliteStore(db)
    kept = None
    if history is not None:
        kept = KeptHistory(history, chosen, store, db, days=history_days, catalogue=catalogue_path)
    events = EventLogWriter(event_log_path(db), kept_ms=event_log_days * DAY_MS) if event_log else None
    service = Service(
        Worker(engine, store),
        sources,
        idle_after_s=chosen.idle_after_s,
        on_plan=show,
        before_batch=lambda batch: None if kept is None else kept.before(batch),
        on_tick=lambda silence_ms: None if kept is None else kept.ticked(silence_ms),
        on_batch=lambda batch: None if events is None else events.append(batch.events),
        on_turn=on_turn,
    )
    try:
        log.info("running", site=chosen.site, db=str(db), sources=len(sources))
        service.run(stop)
        print_summary(console, store)
    finally:
        service.close()
        store.close()
        if kept is not None:
            kept.close()
        if events is not None:
            events.close()


def _kafka_source(bootstrap: str, decoder: Decoder) -> Source:
    try:
        from guardian.adapters.kafka.settings import KafkaSettingsError, kafka_settings
        from guardian.adapters.kafka.source import KafkaSource
    except ImportError as error:
        raise SettingsError(f"--kafka needs the extra `kafka`: {error}") from None
    try:
        return KafkaSource(kafka_settings(os.environ, bootstrap), decoder)
    except KafkaSettingsError as error:
        raise SettingsError(str(error)) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"--tcp {text}: expected HOST:PORT")
    return host.strip("[]"), int(port)
