"""Runs our engine as its own process, with its state durable."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

import msgspec

from benchmarks.joins.checkouts import checkouts
from benchmarks.joins.process_tree import Taken, measured
from guardian.alerts.model import Alert, Status
from tests.flink.mapping import Episode, of_engine

TWO = ("INVENTORY_MISMATCH", "SHIPMENT_TRACKING", "MASS_SHIPMENT_FRAUD")
ALL = (
    *TWO,
    "MARKER_CONDUCT",
    "SHIPPED_BUT_PRESENT",
    "AFTER_HOURS_QR_MANIPULATION",
    "ITEM_PAIRING",
    "SCANNER_AVOIDANCE",
    "BARCODE_SWITCHING",
)


def run_all(events: Path, work: Path) -> tuple[Taken, list[Episode]]:
    """All the joins over a file; what it took, and what the statements of infra/flink should find."""
    taken, alerts = _run(events, work, ALL)
    return taken, of_engine(alerts, checkouts(events))


def run_two(events: Path, work: Path) -> tuple[Taken, list[Episode]]:
    """The two joins over a file; what it took, and what was found and not cleared."""
    taken, alerts = _run(events, work, TWO)
    return taken, sorted(
        Episode(alert.type, alert.subject.id, alert.started_at, alert.ended_at)
        for alert in alerts
        if alert.status == Status.CONFIRMED
    )


def _run(events: Path, work: Path, detectors: Collection[str]) -> tuple[Taken, list[Alert]]:
    out = work / "alerts.jsonl"
    command = [sys.executable, "-m", "benchmarks.joins.engine_replay", str(events.parent)]
    taken = measured([*command, str(work / "engine.db"), str(out), *detectors], work / "engine.log")
    return taken, [msgspec.json.decode(line, type=Alert) for line in out.read_bytes().splitlines()]
