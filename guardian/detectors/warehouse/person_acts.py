"""Detectors of what one person does too often within minutes: an episode that cites the acts."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from guardian.detectors.episodic import EpisodeState, EpisodicDetector
from guardian.engine.context import Context
from guardian.engine.state import NEVER
from guardian.engine.windows.episode import Episode
from guardian.engine.windows.join import JoinBuffer

ACTS_CAP = 500
"""Acts of a person kept within a window: far above any threshold one would set."""

KINDS_LISTED = 200


class Act(msgspec.Struct, array_like=True):
    """Something a person did. told: it is part of an episode already."""

    time: int
    kind: str
    ref: str
    told: bool = False


class ActsState(EpisodeState):
    """One person (employee: who, once there is an episode). acts: lately. listed: the kinds of acts in the
    episodes, each with its first and last time.
    """

    employee: str = ""
    acts: JoinBuffer[Act] = msgspec.field(default_factory=JoinBuffer)
    listed: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)


A = TypeVar("A", bound=ActsState)


class ActsDetector(EpisodicDetector[A], Generic[A]):
    """Raises an episode when a window of a person's acts is full. A subclass calls `take` from its inputs.

    window_ms: both ends are inside. minimum: a window that measures this much is full.
    deferred_ms: acts may be held back this long after their time before they are taken.
    """

    window_ms: int
    minimum: int
    deferred_ms: int = 0

    @abstractmethod
    def measure(self, kinds: Mapping[str, int]) -> int:
        """How much a window holds, given the number of acts by kind; never more than there are acts."""

    def take(self, state: A, act: Act, ctx: Context) -> None:
        """Takes an act, in any order within the allowed lateness."""
        if state.acts.add(act, ACTS_CAP):
            ctx.count("buffer_full")
        disorder_ms = self.lateness_ms + self.deferred_ms
        state.acts.drop_before(state.acts.rows[-1].time - self.window_ms - disorder_ms)
        if len(state.acts.rows) < self.minimum:
            return
        state.employee = ctx.key
        number, inside = self._full_windows(state.acts.rows, act.time)
        new = [one for one in inside if not one.told]
        if new:
            self._extend(state, new, number, ctx)

    def _full_windows(self, acts: Sequence[Act], time: int) -> tuple[int, Sequence[Act]]:
        """The acts of all full windows with `time` in them, and how much the fullest measures."""
        near = [act for act in acts if abs(act.time - time) <= self.window_ms]
        kinds: Counter[str] = Counter()
        most = 0
        inside: list[Act] = []
        last = taken = 0
        for first, begin in enumerate(near):
            if begin.time > time:
                break
            while last < len(near) and near[last].time <= begin.time + self.window_ms:
                kinds[near[last].kind] += 1
                last += 1
            number = self.measure(kinds)
            if number >= self.minimum:
                most = max(most, number)
                inside += near[max(first, taken) : last]
                taken = last
            kinds[begin.kind] -= 1
            if not kinds[begin.kind]:
                del kinds[begin.kind]
        return most, inside

    def _extend(self, state: A, new: Sequence[Act], number: int, ctx: Context) -> None:
        for act in new:
            act.told = True
            first, last = state.listed.get(act.kind, (act.time, act.time))
            if act.kind in state.listed or len(state.listed) < KINDS_LISTED:
                state.listed[act.kind] = min(first, act.time), max(last, act.time)
        for act in new[:-1]:  # what filled the window belongs to the episode, too
            state.episodes.signal(act.time, number, act.ref, self.quiet_ms, max(ctx.now, act.time))
        self.signal(state, new[-1].time, number, new[-1].ref, ctx)
        self._close_later(state)

    def kinds_in(self, state: A, episode: Episode) -> list[str]:
        """The kinds of acts in an episode, `KINDS_LISTED` at most, by when they first were."""
        inside = [
            (first, kind)
            for kind, (first, last) in state.listed.items()
            if first <= episode.end and last >= episode.start
        ]
        return [kind for _, kind in sorted(inside)]

    def on_wake(self, state: A, at: int, ctx: Context) -> None:
        super().on_wake(state, at - self._held_back_ms, ctx)
        over = state.episodes.closed_end
        state.listed = {kind: seen for kind, seen in state.listed.items() if seen[1] > over}
        self._close_later(state)

    @property
    def _held_back_ms(self) -> int:
        """An act may turn out to belong to an episode only when it is this old: when its window is full."""
        return self.window_ms + self.deferred_ms

    def _close_later(self, state: A) -> None:
        if state.wake != NEVER:
            state.wake += self._held_back_ms
