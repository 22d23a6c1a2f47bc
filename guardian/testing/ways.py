"""The ways in which the same events may arrive. None of them may change what is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from guardian.engine.engine import SLICE
from guardian.events.model import Event
from guardian.testing.events import heartbeat

JUMP_MS = 3_600_000
"""The longest step ahead that the watermark takes for a single event."""

REDELIVERED_WITHIN_MS = 60_000

Batches: TypeAlias = list[list[Event]]
Cut: TypeAlias = Callable[[Sequence[Event], int], Batches]
"""Events in order of arrival, and the allowed lateness (ms), to the batches they come in."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way.

    identical: the alerts are byte for byte those of one batch; otherwise the same findings (type, subject,
        severity, final status), since another order may anchor an episode at another event.
    identified: every event carries an id, as it must where events are delivered more than once.
    cold: the very first events of the site, when the watermark is not known yet; otherwise the streams
        had been running before.
    crash: after every batch, only what was committed survives, and what has expired is swept.
    slice_events: in slices of so many events a batch goes through the engine.
    by_clock: in the end the streams fall silent, and deadlines pass by the clock.
    in_time_only: only for cases without a late event: what is late depends on the order, and on how the very
        first events move the watermark.
    """

    name: str
    cut: Cut
    identical: bool = True
    identified: bool = False
    cold: bool = False
    crash: bool = False
    by_clock: bool = False
    in_time_only: bool = False
    slice_events: int = SLICE


def _whole(events: Sequence[Event], lateness_ms: int) -> Batches:
    return [list(events)]


def _single(events: Sequence[Event], lateness_ms: int) -> Batches:
    return [[one] for one in events]


def _dice(seed: int) -> Iterator[int]:
    """Numbers that look random and are the same on every machine."""
    while True:
        seed = (seed * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        yield seed >> 33


def _pieces(seed: int) -> Cut:
    def cut(events: Sequence[Event], lateness_ms: int) -> Batches:
        dice = _dice(seed)
        batches: Batches = []
        begin = 0
        while begin < len(events):
            end = begin + 1 + next(dice) % (1 + len(events) // 3)
            batches.append(list(events[begin:end]))
            begin = end
        return batches

    return cut


def _doubled(events: Sequence[Event], lateness_ms: int) -> Batches:
    return [[one for one in events for _ in range(2)]]


def _redelivered(seed: int) -> Cut:
    """Every batch comes again: it was committed, but the acknowledgement was lost.

    Batches are short in time: nothing remembers identifiers for ever.
    """

    def cut(events: Sequence[Event], lateness_ms: int) -> Batches:
        batches: Batches = []
        for piece in _pieces(seed)(events, lateness_ms):
            batches.append([])
            for one in piece:
                if batches[-1] and abs(one.time - batches[-1][0].time) > REDELIVERED_WITHIN_MS:
                    batches.append([])
                batches[-1].append(one)
        return [batch for batch in batches for _ in range(2)]

    return cut


def _shuffled(seed: int) -> Cut:
    """Each event is delayed by up to the allowed lateness."""

    def cut(events: Sequence[Event], lateness_ms: int) -> Batches:
        dice = _dice(seed)
        arrivals = [(one.time + next(dice) % (lateness_ms + 1), number) for number, one in enumerate(events)]
        return [[events[number] for _, number in sorted(arrivals)]]

    return cut


def _busy(events: Sequence[Event], lateness_ms: int) -> Batches:
    """Other streams go on meanwhile, so the watermark creeps. Where time jumps, it jumps for all of them."""
    batch: list[Event] = []
    newest = events[0].time
    for one in events:
        if one.time - newest <= JUMP_MS:
            step = max(1_000, (one.time - newest) // 50)
            for time in range(newest + step, one.time, step):
                batch.append(msgspec.structs.replace(heartbeat(0), time=time))
            newest = max(newest, one.time)
        batch.append(one)
    return [batch]


IN_ONE_BATCH = Way(name="in one batch", cut=_whole)

WAYS: tuple[Way, ...] = (
    IN_ONE_BATCH,
    Way(name="one event a batch", cut=_single),
    Way(name="one event a slice", cut=_whole, slice_events=1),
    Way(name="three events a slice", cut=_pieces(11), slice_events=3),
    *(Way(name=f"in pieces {seed}", cut=_pieces(seed)) for seed in (1, 2, 3)),
    Way(name="doubled", cut=_doubled, identified=True),
    Way(name="doubled from the first event on", cut=_doubled, identified=True, cold=True, in_time_only=True),
    Way(name="redelivered", cut=_redelivered(4), identified=True),
    Way(
        name="redelivered from the first event on",
        cut=_redelivered(5),
        identified=True,
        cold=True,
        in_time_only=True,
    ),
    Way(name="crashed after every event", cut=_single, crash=True),
    Way(name="crashed and redelivered", cut=_redelivered(6), identified=True, crash=True),
    Way(name="among heartbeats", cut=_busy),
    Way(name="then silence", cut=_whole, by_clock=True),
    *(
        Way(name=f"shuffled {seed}", cut=_shuffled(seed), identical=False, in_time_only=True)
        for seed in (7, 8, 9, 10)
    ),
)
"""Every way a detector has to stand."""
