"""Detectors whose alert is an episode of signals: raised with the first, growing, closed by silence."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

import msgspec

from guardian.alerts.model import Severity
from guardian.engine.context import Context
from guardian.engine.detector import Detector, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.engine.windows.episode import Episode, Episodes


class EpisodeState(KeyState):
    """The episodes of one key."""

    episodes: Episodes = msgspec.field(default_factory=Episodes)


E = TypeVar("E", bound=EpisodeState)


class EpisodicDetector(Detector[E], Generic[E]):
    """Turns signals into episodes and episodes into alerts. A subclass calls `signal` from its inputs.

    quiet_ms: an episode ends when there was no signal for this long; longer than the allowed lateness, so
        that disorder cannot split an episode.
    """

    quiet_ms: int

    def __init__(self, *, lateness_ms: int) -> None:
        if self.quiet_ms <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: the quiet time that ends an episode ({self.quiet_ms} ms) must be longer "
                f"than the allowed lateness ({lateness_ms} ms)"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.quiet_ms

    @abstractmethod
    def evidence(self, state: E, episode: Episode) -> dict[str, Any]:
        """What the alert shows of the episode."""

    def severity(self, episode: Episode) -> Severity:
        """The severity of an episode: the only one the detector has, unless it says otherwise."""
        (only,) = self.about.severities
        return only

    def signal(
        self,
        state: E,
        time: int,
        value: float,
        ref: str,
        ctx: Context,
        *,
        start: int | None = None,
        count: int = 1,
    ) -> None:
        """Takes a signal of the condition at `time`.

        For a signal that stands for several events: `start`, when the first of them was, and their `count`.
        """
        episodes = state.episodes
        changed = episodes.signal(time, value, ref, self.quiet_ms, max(ctx.now, time), start, count)
        if changed is not None:
            self._tell(state, changed, ctx, ongoing=True)
        state.wake = episodes.next_due(self.quiet_ms)

    def on_wake(self, state: E, at: int, ctx: Context) -> None:
        closed, opened = state.episodes.close_by(at, self.quiet_ms)
        if closed is not None:
            self._tell(state, closed, ctx, ongoing=False)
        if opened is not None:
            self._tell(state, opened, ctx, ongoing=True)
        state.wake = state.episodes.next_due(self.quiet_ms)

    def _tell(self, state: E, episode: Episode, ctx: Context, *, ongoing: bool) -> None:
        ctx.alert(
            episode=str(episode.anchor),
            subject=ctx.site if self.about.subject == "site" else ctx.key,
            severity=self.severity(episode),
            event_time=episode.start,
            started_at=episode.start,
            ended_at=episode.end,
            detected_at=episode.detected_at,
            count=episode.count,
            evidence={
                **({"station_id": ctx.key} if self.about.subject == "station" else {}),
                **self.evidence(state, episode),
                "event_ids": list(episode.refs),
                "ongoing": ongoing,
            },
        )
