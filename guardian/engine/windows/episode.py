"""Episodes with hysteresis: something that persists is one finding that grows, not a hundred."""

from __future__ import annotations

import msgspec

from guardian.engine.state import NEVER


class Episode(msgspec.Struct, array_like=True):
    """A run of signals no more than the quiet gap apart. Times are event time, ms.

    anchor: the signal that opened it; it names the episode. peak: the largest value seen.
    """

    anchor: int
    start: int
    end: int
    count: int
    peak: float
    detected_at: int
    refs: list[str]


MAX_AHEAD = 8

MAX_REFS = 20
"""Event references kept for evidence, the earliest to arrive."""


Signal = tuple[int, float, str, int, int]
"""time, value, ref, start, count; see `Episodes.signal`."""


class Episodes(msgspec.Struct, array_like=True):
    """The current episode of one key, and the signals that may or may not belong to it.

    A signal after the quiet gap would open a new episode; but one still on its way may bridge the gap.
    So it waits until the watermark has passed it. A signal within the gap is applied at once.
    """

    current: Episode | None = None
    closed_end: int = -NEVER
    """End of the episode before."""
    waiting: list[Signal] = msgspec.field(default_factory=list)
    ahead: list[Episode] = msgspec.field(default_factory=list)
    """Episodes that have begun and lie after the current one."""

    def signal(
        self,
        time: int,
        value: float,
        ref: str,
        gap_ms: int,
        now: int,
        start: int | None = None,
        count: int = 1,
    ) -> Episode | None:
        """Takes a signal; returns the episode it opened or changed, None when it has to wait.

        start, count: for a signal that stands for several events, when the first was and how many; they tell
        when the signal opens an episode. One that extends an episode counts for one event more.
        A signal so late that the episode it belonged to is closed changes nothing, nor does one before more
        than `MAX_AHEAD` episodes, which takes as many wrong clocks.
        """
        current = self.current
        start = time if start is None else start
        if current is None:
            if time <= self.closed_end + gap_ms:
                return None
            self.current = Episode(time, start, time, count, value, now, [ref])
            return self.current
        if time > current.end + gap_ms:
            self.waiting.append((time, value, ref, start, count))
            return None
        if time < current.start - gap_ms:
            if time <= self.closed_end + gap_ms or len(self.ahead) >= MAX_AHEAD:
                return None
            # The current episode lies ahead, as a wrong clock makes it: this one comes first.
            self.ahead.append(current)
            self.current = Episode(time, start, time, count, value, now, [ref])
            return self.current
        _extend(current, time, value, ref)
        for one in sorted(self.waiting):
            if one[0] > current.end + gap_ms:
                break
            _extend(current, *one[:3])
            self.waiting.remove(one)
        return current

    def next_due(self, gap_ms: int) -> int:
        """When to call `close_by`: as soon as the current episode cannot grow any more."""
        return NEVER if self.current is None else self.current.end + gap_ms + 1

    def close_by(self, watermark: int, gap_ms: int) -> tuple[Episode | None, Episode | None]:
        """Closes what is complete at `watermark`, before which everything has arrived.

        Returns (the closed episode, the one opened after it).
        """
        current = self.current
        if current is None or current.end + gap_ms >= watermark:
            return None, None
        self.closed_end = current.end
        self.current = min(self.ahead, key=_start, default=None)
        if self.current is not None:
            self.ahead.remove(self.current)
        opened = None
        waiting, self.waiting = sorted(self.waiting), []
        for time, value, ref, start, count in waiting:
            changed = self.signal(time, value, ref, gap_ms, max(watermark, time), start, count)
            opened = opened or changed
        return current, opened


def _start(episode: Episode) -> int:
    return episode.start


def _extend(episode: Episode, time: int, value: float, ref: str) -> None:
    episode.start = min(episode.start, time)
    episode.end = max(episode.end, time)
    episode.count += 1
    episode.peak = max(episode.peak, value)
    if len(episode.refs) < MAX_REFS:
        episode.refs.append(ref)
