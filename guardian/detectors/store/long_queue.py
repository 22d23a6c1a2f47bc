"""LONG_QUEUE: more customers waiting at a station than people will put up with."""

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


class LongQueueParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """max_customers: a queue of more is long. quiet_s: the alert ends after this long without one."""

    max_customers: int = 5
    quiet_s: float = 30.0


class LongQueue(EpisodicDetector[EpisodeState]):
    state = EpisodeState
    about = About(
        id="LONG_QUEUE",
        version=1,
        title="Long queue",
        description="More customers wait at a station than the store wants.",
        subject="station",
        severities={Severity.MEDIUM: "the queue was longer than the limit at least once"},
        blind_spots="A station whose queue monitor is down or reports a read error is not seen.",
        runbook=(
            "Open another checkout, or send a member of staff to the station.",
            "Look whether the station has crashed or a customer needs help.",
        ),
    )

    def __init__(self, params: LongQueueParams = LongQueueParams(), *, lateness_ms: int) -> None:
        self.params = params
        self.quiet_ms = int(params.quiet_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(QUEUE, self._long_at, self._on_sample),)

    def _long_at(self, event: Event) -> str | None:
        count = event.value.data.customer_count
        if count is None or count <= self.params.max_customers or event.value.status != ACTIVE:
            return None
        station: str = event.value.station_id
        return station

    def _on_sample(self, state: EpisodeState, event: Event, ctx: Context) -> None:
        self.signal(state, event.time, event.value.data.customer_count, event.ref, ctx)

    def evidence(self, state: EpisodeState, episode: Episode) -> dict[str, Any]:
        return {"num_of_customers": int(episode.peak)}

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        peak = alert.evidence["num_of_customers"]
        return (
            f"Up to {peak} customers waited at station {alert.subject.id} between "
            f"{when(alert.started_at)} and {when(alert.ended_at)} (limit {self.params.max_customers})."
        )
