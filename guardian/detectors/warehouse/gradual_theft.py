"""GRADUAL_THEFT: a shelf loses a few units now and then that nothing explains.

What is followed is the drift: the units on the shelf less those on the books. A movement that is picked and
booked moves both and leaves it alone; so only its lasting changes matter, those that have stayed for ten
minutes. Where the drift falls because the shelf has lost units, below where it was before, that is a drop. A
drop is undone when units come back to the shelf, or are marked as gone after all.

Counting a shelf anew and correcting the books to what is there brings nothing back: drops stay drops. And
where the books alone say more than before, the shelf has lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.books import SEPARATOR, Booking, Books, article_at, booking_of, insert
from guardian.detectors.warehouse.places import is_passage
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL, INVENTORY_PHYSICAL


class GradualTheftParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_drops: this many drops within window_s, of min_units together, are a theft.
    max_units: a larger drop is no gradual one; INVENTORY_MISMATCH sees it.
    settle_s: a drop counts once it has stayed for this long.
    miscount_units: books this near to the shelf have been corrected to it.
    """

    min_drops: int = 3
    min_units: int = 5
    max_units: int = 5
    window_s: float = 7 * 86_400.0
    settle_s: float = 600.0
    miscount_units: int = 1


class Count(msgspec.Struct, array_like=True, frozen=True):
    """A shelf counted another number of units than before."""

    time: int
    units: int
    ref: str


class Drop(msgspec.Struct, array_like=True):
    """Units that are missing since a time."""

    time: int
    units: int
    ref: str


class Moment(msgspec.Struct, frozen=True):
    """How things stand from a time on, once both are known. units: on the shelf. drift: less those on the
    books.

    moved: on the shelf and marked as gone together: it changes when the shelf moves without a mark, or the
    reverse.
    ref: the record that made it so.
    """

    time: int
    units: int
    drift: int
    moved: int
    ref: str


class DriftState(KeyState):
    """One article at one place.

    books, units: what the books and the shelf said up to `horizon`; bookings, counts: what they said since.
    settled: the drift that has lasted; moved: `Moment.moved` at that drift. explained: drift below which a
    fall counts.
    drops: newest last. anchor, detected_at, last: of the alert, its latest drop.
    """

    books: Books = msgspec.field(default_factory=Books)
    units: int | None = None
    horizon: int = -NEVER
    bookings: list[Booking] = msgspec.field(default_factory=list)
    counts: list[Count] = msgspec.field(default_factory=list)
    settled: int | None = None
    moved: int = 0
    explained: int = 0
    drops: list[Drop] = msgspec.field(default_factory=list)
    anchor: int | None = None
    detected_at: int = 0
    last: int = 0


BUFFER_CAP = 1_000
DROPS_CAP = 200
SHOWN_CAP = 50
REFS_CAP = 20


class GradualTheft(Detector[DriftState]):
    state = DriftState
    about = About(
        id="GRADUAL_THEFT",
        version=1,
        title="Units go missing a few at a time",
        description="A shelf has lost a few units several times within days, unexplained by the books.",
        subject="product",
        severities={
            Severity.HIGH: "somebody takes a little again and again, too little to be seen each time"
        },
        blind_spots=(
            "Units taken while the books are being corrected by as many; units that were never on the books; "
            "a shelf without a sensor."
        ),
        runbook=(
            "Look at the video of the place around the times of the drops.",
            "Compare the times with who was on duty: what do they have in common?",
            "Count the article, and correct the books only when that has been looked into.",
        ),
    )
    retention_ms = 30 * 86_400_000
    max_keys = 500_000

    def __init__(self, params: GradualTheftParams = GradualTheftParams(), *, lateness_ms: int) -> None:
        self.params = params
        self.window_ms = int(params.window_s * 1000)
        self.settle_ms = int(params.settle_s * 1000)
        if self.settle_ms <= lateness_ms or self.window_ms <= self.settle_ms:
            raise TimeSettingsError(
                f"{self.about.id}: settle_s must be longer than the allowed lateness ({lateness_ms} ms) and "
                f"shorter than window_s"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.window_ms + self.settle_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A record is known by its reference, and a count again is no change: either of them again changes
        # nothing.
        return (
            Input(INVENTORY_DIGITAL, _key, self._on_books, once=False),
            Input(INVENTORY_PHYSICAL, _key, self._on_reading, once=False),
        )

    def _on_books(self, state: DriftState, event: Event, ctx: Context) -> None:
        if event.time <= state.horizon or not insert(state.bookings, booking_of(event)):
            return
        if len(state.bookings) > BUFFER_CAP:
            ctx.count("buffer_full")
            del state.bookings[0]
        state.wake_by(event.time + self.settle_ms + 1)

    def _on_reading(self, state: DriftState, event: Event, ctx: Context) -> None:
        units, counts = event.value.quantity, state.counts
        if (not counts and units == state.units) or event.time <= state.horizon:
            return
        time = event.time
        at = len(counts)
        while at and counts[at - 1].time > time:
            at -= 1
        before = counts[at - 1].units if at else state.units
        if at and counts[at - 1].time == time:
            if units > counts[at - 1].units:
                counts[at - 1] = Count(time, units, event.ref)
        elif units != before:
            if len(counts) >= BUFFER_CAP:
                ctx.count("buffer_full")
                return
            counts.insert(at, Count(time, units, event.ref))
            state.wake_by(time + self.settle_ms + 1)

    def on_wake(self, state: DriftState, at: int, ctx: Context) -> None:
        begin = at - 1 - self.settle_ms
        moments = self._moments(state, at - 1)
        if moments:
            if state.settled is None:
                first = moments[0]
                state.settled, state.moved = first.drift, first.moved
                state.explained = min(first.drift, 0)
            ends = [*(moment.time for moment in moments[1:]), at]
            lasting = [one for one, end in zip(moments, ends, strict=True) if end > begin]
            if lasting[0].time <= begin:
                self._settle(state, state.settled, lasting, begin, ctx)
        self._fold(state, begin)
        due = [rows[0].time for rows in (state.bookings, state.counts) if rows]
        if due:
            state.wake_by(min(due) + self.settle_ms + 1)

    def _moments(self, state: DriftState, until: int) -> list[Moment]:
        """How things stood from the horizon on; the first may be older than that."""
        books, units = state.books.copy(), state.units
        said: list[tuple[int, int, Booking | Count]] = [
            *((one.time, 0, one) for one in state.bookings if one.time <= until),
            *((one.time, 1, one) for one in state.counts if one.time <= until),
        ]
        moments = []
        if units is not None and books.units is not None:
            moments.append(_moment(state.horizon, units, books.units, books.marked, ""))
        for time, _, one in sorted(said, key=_by_time):
            if isinstance(one, Booking):
                books.take(one)
            else:
                units = one.units
            if moments and moments[-1].time == time:
                # What held for no time at all did not hold: shelf and books may move at the same instant.
                moments.pop()
            if units is not None and books.units is not None:
                moments.append(_moment(time, units, books.units, books.marked, one.ref))
        return moments

    def _settle(
        self, state: DriftState, settled: int, lasting: list[Moment], begin: int, ctx: Context
    ) -> None:
        """Takes over the drift that has lasted since `begin`: the most it fell to, or the least it rose
        to."""
        top = max(reversed(lasting), key=_drift)
        bottom = min(reversed(lasting), key=_drift)
        if top.drift < settled:
            self._fall(state, top, begin, lasting, ctx)
        elif bottom.drift > settled:
            self._rise(state, bottom, settled)
        elif lasting[0].drift == settled:
            state.moved = lasting[0].moved

    def _fall(self, state: DriftState, to: Moment, begin: int, lasting: list[Moment], ctx: Context) -> None:
        taken = min(state.explained - to.drift, state.moved - to.moved)
        state.settled, state.moved = to.drift, to.moved
        state.explained = min(state.explained, to.drift)
        if taken > 0:
            state.drops.append(Drop(begin, taken, lasting[0].ref))
            oldest = begin - self.window_ms
            state.drops = [drop for drop in state.drops if drop.time > oldest][-DROPS_CAP:]
            self._judge(state, lasting[-1].units, ctx)

    def _rise(self, state: DriftState, to: Moment, settled: int) -> None:
        back = min(to.drift - settled, to.moved - state.moved)
        state.settled, state.moved = to.drift, to.moved
        while back > 0 and state.drops:
            last = state.drops[-1]
            found = min(back, last.units)
            back, last.units = back - found, last.units - found
            state.explained += found
            if not last.units:
                state.drops.pop()
        if to.drift <= self.params.miscount_units:
            state.explained = max(state.explained, min(to.drift, 0))

    def _fold(self, state: DriftState, until: int) -> None:
        while state.bookings and state.bookings[0].time <= until:
            state.books.take(state.bookings.pop(0))
        while state.counts and state.counts[0].time <= until:
            state.units = state.counts.pop(0).units
        state.horizon = max(state.horizon, until)

    def _judge(self, state: DriftState, actual: int, ctx: Context) -> None:
        small = [drop for drop in state.drops if drop.units <= self.params.max_units]
        missing = sum(drop.units for drop in small)
        if len(small) < self.params.min_drops or missing < self.params.min_units:
            return
        newest = small[-1].time
        if state.anchor is None or newest - state.last > self.window_ms:
            state.anchor, state.detected_at = small[0].time, ctx.now
        state.last = newest
        product, _, location = ctx.key.partition(SEPARATOR)
        ctx.alert(
            episode=str(state.anchor),
            subject=product,
            severity=Severity.HIGH,
            event_time=state.anchor,
            started_at=state.anchor,
            ended_at=newest,
            detected_at=state.detected_at,
            count=len(small),
            evidence={
                "product_id": product,
                "location": location,
                "drops": [{"time": ctx.iso(drop.time), "units": drop.units} for drop in small[-SHOWN_CAP:]],
                "missing": missing,
                "expected": actual + missing,
                "actual": actual,
                "event_ids": [drop.ref for drop in small[-REFS_CAP:]],
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        return (
            f"{found['missing']} units of {alert.subject.id} are missing from {found['location']}: "
            f"{alert.count} times between {when(alert.started_at)} and {when(alert.ended_at)} a few were "
            f"gone that nobody had booked. {found['actual']} are left where {found['expected']} should be."
        )


def _moment(time: int, units: int, books: int, marked: int, ref: str) -> Moment:
    return Moment(time, units, units - books, units + marked, ref)


def _drift(moment: Moment) -> int:
    return moment.drift


def _by_time(row: tuple[int, int, Booking | Count]) -> tuple[int, int]:
    return row[0], row[1]


def _key(event: Event) -> str | None:
    # Goods come and go at a dock, and nobody keeps books of that.
    return None if is_passage(event.value.location) else article_at(event)
