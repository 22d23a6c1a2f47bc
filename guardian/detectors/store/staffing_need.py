"""STAFFING_NEED: the checkouts cannot cope, a cashier is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.episodic import EpisodeState, EpisodicDetector
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Input
from guardian.engine.windows.episode import Episode
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS

PRESSURE = frozenset({"LONG_QUEUE", "LONG_WAIT"})
CRASH = "SYSTEM_CRASH"

AT_ONCE_MS = 30_000
"""Episodes no further apart than this press on the stations at once."""


class StaffingNeedParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """sustained_s: a queue or wait this long asks for a cashier by itself. min_stations: so do queues or
    waits at this many stations at once. quiet_s: a need this long past is over.
    """

    sustained_s: float = 60.0
    min_stations: int = 2
    quiet_s: float = 600.0


class StaffingState(EpisodeState):
    """recent: what went on lately, by alert id: (type, station, start, end).
    needed_at: the station of the last need.
    """

    recent: dict[str, tuple[str, str, int, int]] = msgspec.field(default_factory=dict)
    needed_at: str = ""


class StaffingNeed(EpisodicDetector[StaffingState]):
    state = StaffingState
    about = About(
        id="STAFFING_NEED",
        version=1,
        title="Cashier needed",
        description="Queues, waits or a crash that the stations at work cannot cope with.",
        subject="site",
        severities={Severity.LOW: "customers wait; nothing is lost yet"},
        blind_spots="It does not know who is on duty.",
        runbook=("Send a cashier to the station named.",),
    )

    def __init__(self, params: StaffingNeedParams = StaffingNeedParams(), *, lateness_ms: int) -> None:
        self.params = params
        self.quiet_ms = int(params.quiet_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(FRAUD_ALERTS, _site, self._on_alert, PRESSURE | {CRASH}),)

    def _on_alert(self, state: StaffingState, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        station = alert.evidence["station_id"]
        # Of an alert of another part, contents may come in any order, and some of them not at all.
        known = state.recent.get(alert.alert_id)
        start, end = alert.started_at, alert.ended_at
        if known is not None:
            start, end = min(start, known[2]), max(end, known[3])
        now_known = state.recent[alert.alert_id] = (alert.type, station, start, end)
        if not alert.evidence["ongoing"]:
            for old in [
                name for name, was in state.recent.items() if alert.ended_at - was[3] > self.quiet_ms
            ]:
                del state.recent[old]
            if known == now_known:
                return
        # What goes on at once is a matter of when it was, not of which news came first.
        at_once = [
            (kind, at)
            for kind, at, start, end in state.recent.values()
            if start <= alert.ended_at + AT_ONCE_MS and alert.started_at <= end + AT_ONCE_MS
        ]
        pressed = {at for kind, at in at_once if kind in PRESSURE}
        crashed = {at for kind, at in at_once if kind == CRASH}
        sustained = (
            alert.type in PRESSURE and alert.ended_at - alert.started_at >= self.params.sustained_s * 1000
        )
        if sustained or len(pressed) >= self.params.min_stations or (pressed and crashed - pressed):
            state.needed_at = station if station in pressed else min(pressed)
            self.signal(state, alert.ended_at, len(pressed), alert.alert_id, ctx)

    def evidence(self, state: StaffingState, episode: Episode) -> dict[str, Any]:
        return {
            "station_id": state.needed_at,
            "stations_under_pressure": int(episode.peak),
            "staff_type": "Cashier",
        }

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        stations = alert.evidence["stations_under_pressure"]
        where = "one station" if stations == 1 else f"{stations} stations"
        urgent = alert.evidence["station_id"]
        return (
            f"Customers wait too long at {where} from {when(alert.started_at)} to {when(alert.ended_at)}; "
            f"{urgent} needs help first."
        )


def _site(event: Event) -> str:
    """One key: the engine watches one site, and all its stations count together."""
    return "site"
