"""LONG_WAIT: customers at a station wait longer than people will put up with."""

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
from guardian.events.store import ACTIVE
from guardian.events.topics import QUEUE


class LongWaitParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """max_wait_s: an average dwell time above this is long.
    quiet_s: the alert ends after this long without one.
    """

    max_wait_s: float = 120.0
    quiet_s: float = 30.0


class LongWait(EpisodicDetector[EpisodeState]):
    state = EpisodeState
    about = About(
        id="LONG_WAIT",
        version=1,
        title="Long wait",
        description="The average time customers dwell at a station is longer than the store wants.",
        subject="station",
        severities={Severity.MEDIUM: "the average dwell time was above the limit at least once"},
        blind_spots="The monitor gives an average: one customer who waits very long among many is not seen.",
        runbook=(
            "Ask at the station what holds customers up, and help.",
            "Open another checkout when the queue is long as well.",
        ),
    )

    def __init__(self, params: LongWaitParams = LongWaitParams(), *, lateness_ms: int) -> None:
        self.params = params
        self.quiet_ms = int(params.quiet_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(QUEUE, self._long_at, self._on_sample),)

    def _long_at(self, event: Event) -> str | None:
        dwell = event.value.data.average_dwell_time
        if dwell is None or dwell <= self.params.max_wait_s or event.value.status != ACTIVE:
            return None
        station: str = event.value.station_id
        return station

    def _on_sample(self, state: EpisodeState, event: Event, ctx: Context) -> None:
        self.signal(state, event.time, event.value.data.average_dwell_time, event.ref, ctx)

    def evidence(self, state: EpisodeState, episode: Episode) -> dict[str, Any]:
        return {"wait_time_s": episode.peak}

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        return (
            f"Customers at station {alert.subject.id} waited {alert.evidence['wait_time_s']:.0f} s on "
            f"average at worst, between {when(alert.started_at)} and {when(alert.ended_at)} "
            f"(limit {self.params.max_wait_s:.0f} s)."
        )
