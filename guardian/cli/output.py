"""Result files, and the summary on the screen."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from guardian.alerts.model import Alert, Severity, Status
from guardian.alerts.render import alert_line
from guardian.alerts.store_events import store_event_line
from guardian.events.model import Rejected
from guardian.events.times import format_time
from guardian.events.topics import THREAT_SCORES
from guardian.ports import StateStore

COLOURS = {
    Severity.LOW: "cyan",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "red",
    Severity.CRITICAL: "bold white on red",
}


def write_results(
    store: StateStore,
    zone: tzinfo,
    alerts: Path | None,
    events: Path | None,
    quarantine: Path | None,
    threat_scores: Path | None = None,
) -> None:
    """Writes the files asked for: all alerts in their final state, everything quarantined, the last score of
    every product, employee and location."""
    found = [stored.alert for stored in store.alerts()] if alerts or events else []
    if alerts:
        _write(alerts, (alert_line(alert, zone) for alert in found))
    if events:
        lines = (store_event_line(alert, zone) for alert in found)
        _write(events, (line for line in lines if line is not None))
    if quarantine:
        _write(quarantine, (rejected_line(rejected) for rejected in store.quarantine()))
    if threat_scores:
        _write(threat_scores, (threat_line(kept.row, zone) for kept in store.history(THREAT_SCORES)))


def _write(path: Path, lines: Iterable[bytes]) -> None:
    # Whole or not at all: a reader never finds half a file.
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as out:
        out.writelines(lines)
    partial.replace(path)


def rejected_line(rejected: Rejected) -> bytes:
    """A quarantined record as one JSON line; the original as text, or in base64 when it is not UTF-8."""
    row: dict[str, Any] = {
        "topic": rejected.topic,
        "field": rejected.field,
        "reason": rejected.reason,
        "source": rejected.source,
        "position": rejected.position,
    }
    try:
        row["raw"] = rejected.raw.decode("utf-8")
    except UnicodeDecodeError:
        row["raw_base64"] = base64.b64encode(rejected.raw).decode("ascii")
    return msgspec.json.encode(row) + b"\n"


def threat_line(row: dict[str, Any], zone: tzinfo) -> bytes:
    """A threat score as one JSON line, times in the site's zone; the row as the store keeps it."""
    factors = [{**factor, "at": format_time(factor["at"], zone)} for factor in row["factors"]]
    return msgspec.json.encode(row | {"as_of": format_time(row["as_of"], zone), "factors": factors}) + b"\n"


def alert_row(alert: Alert) -> str:
    """An alert in one line of markup."""
    colour = COLOURS[alert.severity]
    cleared = " [dim](cleared)[/]" if alert.status == Status.CLEARED else ""
    return f"[{colour}]{alert.severity.value:>8}[/] [bold]{alert.type}[/]{cleared} {_plain(alert.narrative)}"


def _plain(text: str) -> str:
    """Text out of events, kept from being taken for markup."""
    return text.replace("[", r"\[")


def print_summary(console: Console, store: StateStore, seconds: float | None = None) -> None:
    """What was found, and what became of every record."""
    by_type: dict[str, Counter[str]] = {}
    for stored in store.alerts():
        row = by_type.setdefault(stored.alert.type, Counter())
        row["alerts"] += 1
        row[stored.alert.status.value] += 1
        row[stored.alert.severity.value] += 1
    table = Table(title="Alerts", title_justify="left")
    for name in ("type", "alerts", "critical", "high", "medium", "low", "cleared"):
        table.add_column(name, justify="left" if name == "type" else "right")
    for type_, row in sorted(by_type.items(), key=lambda item: (-item[1]["alerts"], item[0])):
        table.add_row(type_, *(str(row[name] or "") for name in _columns(table)))
    console.print(table)
    counters = store.counters()
    events = {name: n for name, n in counters.items() if name.startswith("events.")}
    records = Table(title="Records", title_justify="left", show_header=False)
    for name, number in sorted(events.items()):
        records.add_row(name.removeprefix("events."), f"{number:,}")
    for title, number in (
        ("late", counters.get("late", 0)),
        ("quarantined", counters.get("quarantined", 0)),
        ("duplicates skipped by detectors", _total(counters, ".duplicates")),
        ("failed in a detector", _total(counters, ".failed")),
        ("states dropped for a cap", counters.get("states_dropped", 0)),
    ):
        records.add_row(title, f"{number:,}", style="dim" if not number else "")
    console.print(records)
    if seconds:
        total = sum(events.values())
        console.print(f"{total:,} events in {seconds:.2f} s ({total / seconds:,.0f} events/s)")


def _columns(table: Table) -> Iterator[str]:
    return (str(column.header) for column in table.columns[1:])


def _total(counters: dict[str, int], suffix: str) -> int:
    return sum(number for name, number in counters.items() if name.endswith(suffix))
