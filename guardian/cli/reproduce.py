"""`guardian replay --alert`: decides an alert of history again, and compares."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import typer

from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.alerts.model import Alert
from guardian.alerts.render import alert_line
from guardian.cli.history import extra_reports, history_folder
from guardian.cli.options import site_settings
from guardian.engine.engine import Engine
from guardian.events.times import parse_zone
from guardian.runtime.composition import build_engine, load_catalogue, site_codes
from guardian.runtime.reproduce import reproduce, same
from guardian.runtime.settings import SettingsError
from guardian.runtime.worker import Worker


def reproduce_command(history: Path, alert_id: str, settings: Path | None, catalogue: Path | None) -> None:
    """Writes the alert as it is decided again. Ends with status 1 if that is not what history says."""
    extra_reports()
    from guardian.adapters.embedded.history.past import alerts, moments

    folder = history_folder(history)
    about = folder.about()
    wanted = next(alerts(folder, alert_id), None)
    if wanted is None:
        raise SettingsError(f"{history}: no alert {alert_id!r} in this history")
    chosen = site_settings(settings, about.zone, about.site)
    codes = site_codes(chosen, [] if catalogue is None else [catalogue.parent])
    engine = build_engine(chosen, load_catalogue(catalogue), codes)
    store = SqliteStore(MEMORY)
    try:
        found = reproduce(Worker(engine, store), moments(folder, _begin(engine, wanted)), wanted)
    finally:
        store.close()
    if found is None:
        typer.echo(f"{alert_id}: history as it is does not give it", err=True)
        raise typer.Exit(1)
    typer.echo(alert_line(found, parse_zone(about.zone)).decode().rstrip())
    if not same(found, wanted):
        typer.echo(f"{alert_id}: not as it was; different: {', '.join(differences(found, wanted))}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{alert_id}: the same again", err=True)


def differences(one: Alert, other: Alert) -> list[str]:
    """The fields in which two alerts differ."""
    return [
        name
        for name in Alert.__struct_fields__
        if msgspec.json.encode(getattr(one, name), order="sorted")
        != msgspec.json.encode(getattr(other, name), order="sorted")
    ]


def _begin(engine: Engine, alert: Alert) -> date:
    """From when on events may matter for an alert."""
    longest = max(detector.retention_ms for detector in engine.detectors)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=alert.started_at - 2 * longest)).date()
