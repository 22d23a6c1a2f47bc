"""READ_ERRORS: a station's devices fail to read again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.episodic import EpisodeState, EpisodicDetector
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Input
from guardian.engine.windows.counter import SlidingCounter
from guardian.engine.windows.episode import Episode
from guardian.events.model import Event
from guardian.events.store import READ_ERROR
from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID


class ReadErrorsParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_errors: this many within window_s are too many."""

    min_errors: int = 3
    window_s: float = 300.0


class ReadErrorsState(EpisodeState):
    """errors: when they happened, lately."""

    errors: SlidingCounter = msgspec.field(default_factory=SlidingCounter)


class ReadErrors(EpisodicDetector[ReadErrorsState]):
    state = ReadErrorsState
    about = About(
        id="READ_ERRORS",
        version=1,
        title="Repeated read errors",
        description="The devices of a station report several read errors within a few minutes.",
        subject="station",
        severities={Severity.LOW: "a device wants cleaning or adjusting; until then items may pass unseen"},
        blind_spots="Errors that are spread thinner than the window are not told apart from ordinary noise.",
        runbook=(
            "Clean and test the readers of the station.",
            "Check for shielded bags if errors come with sales.",
        ),
    )

    def __init__(self, params: ReadErrorsParams = ReadErrorsParams(), *, lateness_ms: int) -> None:
        self.params = params
        # Errors further apart than the window can never be in one, so that is when an episode is over.
        self.quiet_ms = int(params.window_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(Input(topic, _failed_at, self._on_error) for topic in (POS, RFID, QUEUE, RECOGNITION))

    def _on_error(self, state: ReadErrorsState, event: Event, ctx: Context) -> None:
        state.errors.add(event.time, self.quiet_ms, self.lateness_ms)
        number, first, last = state.errors.densest(event.time, self.quiet_ms)
        if number >= self.params.min_errors:
            self.signal(state, last, number, event.ref, ctx, start=first, count=number)

    def evidence(self, state: ReadErrorsState, episode: Episode) -> dict[str, Any]:
        return {"errors_in_window": int(episode.peak), "window_s": self.params.window_s}

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        return (
            f"Station {alert.subject.id} had up to {alert.evidence['errors_in_window']} read errors "
            f"within {self.params.window_s / 60:.0f} min, between {when(alert.started_at)} "
            f"and {when(alert.ended_at)}."
        )


def _failed_at(event: Event) -> str | None:
    value = event.value
    return value.station_id if value.status == READ_ERROR else None
