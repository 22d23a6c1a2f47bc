"""SYSTEM_CRASH: the devices of a station report that its system is down."""

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
from guardian.events.store import SYSTEM_CRASH
from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID


class SystemCrashParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """quiet_s: the crash is over when no device has reported it for this long."""

    quiet_s: float = 20.0


class SystemCrash(EpisodicDetector[EpisodeState]):
    state = EpisodeState
    about = About(
        id="SYSTEM_CRASH",
        version=1,
        title="Station down",
        description="A station reports a system crash on any of its streams, for as long as it does.",
        subject="station",
        severities={Severity.HIGH: "nothing can be sold at the station, and nothing there is watched"},
        blind_spots="A station that falls silent without reporting a crash.",
        runbook=(
            "Send a member of staff: goods may pass an unwatched station.",
            "Restart the station and check that its reader, camera and till report again.",
        ),
    )

    def __init__(self, params: SystemCrashParams = SystemCrashParams(), *, lateness_ms: int) -> None:
        self.quiet_ms = int(params.quiet_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(Input(topic, _crashed_at, self._on_report) for topic in (POS, RFID, QUEUE, RECOGNITION))

    def _on_report(self, state: EpisodeState, event: Event, ctx: Context) -> None:
        self.signal(state, event.time, 1, event.ref, ctx)

    def evidence(self, state: EpisodeState, episode: Episode) -> dict[str, Any]:
        return {"duration_s": (episode.end - episode.start) / 1000}

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        return (
            f"Station {alert.subject.id} reported a system crash from {when(alert.started_at)} "
            f"to {when(alert.ended_at)} ({alert.evidence['duration_s']:.0f} s)."
        )


def _crashed_at(event: Event) -> str | None:
    value = event.value
    return value.station_id if value.status == SYSTEM_CRASH else None
