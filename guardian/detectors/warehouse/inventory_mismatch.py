"""INVENTORY_MISMATCH: the shelf and the books do not agree.

Picking and booking are not the same moment, and the books are often given anew a few seconds after goods were
marked as gone. So a reading of the shelf is not compared with one record but with everything the books said
from two minutes before it until two minutes after: what lies between the least and the most of that is
honest.

Only readings that have a record of the books that near are judged, since that is when the books were known to
be alive. One
exception: where the shelf had not followed the books by then, the reading after it tells whether it has.

Goods that were marked as gone and still stand there are SHIPPED_BUT_PRESENT's business: until the shelf has
been seen without them, it may hold that many more than the books say.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.books import (
    SEPARATOR,
    Booking,
    Books,
    article_at,
    booking_of,
    insert,
    levels,
)
from guardian.detectors.warehouse.places import is_passage
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL, INVENTORY_PHYSICAL


class InventoryMismatchParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """medium, high, critical: a difference of more units than this has that severity.
    window_s: how far shelf and books may be apart, both for being compared and for the honest timing of a
    movement.
    quiet_s: a difference that was not seen for this long is a new finding when it is seen again.
    """

    medium: int = 5
    high: int = 20
    critical: int = 50
    window_s: float = 120.0
    quiet_s: float = 86_400.0


class Reading(msgspec.Struct, array_like=True, frozen=True):
    """What a shelf counted, waiting to be judged. plain: it agreed with the books as they were known then."""

    time: int
    units: int
    ref: str
    plain: bool


class Gap(msgspec.Struct, array_like=True):
    """The difference as it is now: first and last wrong reading, how many there were, and the worst of
    them."""

    anchor: int
    start: int
    end: int
    count: int
    detected_at: int
    difference: int
    digital: int
    physical: int
    employee: str
    refs: list[str]


class MismatchState(KeyState):
    """One article at one place.

    books: as of `folded`; bookings: records since. units, since: what the books say now, and since when.
    readings: not judged yet; only those that are not plainly right. judged: until when readings have been
    judged.
    standing: (time, units) marked as gone and not known to have left. doubted: the shelf had not followed the
    books.
    """

    books: Books = msgspec.field(default_factory=Books)
    folded: int = -NEVER
    bookings: list[Booking] = msgspec.field(default_factory=list)
    units: int | None = None
    since: int = -NEVER
    readings: list[Reading] = msgspec.field(default_factory=list)
    judged: int = -NEVER
    standing: list[tuple[int, int]] = msgspec.field(default_factory=list)
    doubted: bool = False
    gap: Gap | None = None


BOOKINGS_CAP = 1_000
READINGS_CAP = 500
STANDING_CAP = 200
STANDING_MS = 7 * 86_400_000
"""Marked goods that stand for longer than this will not be fetched any more."""
REFS_CAP = 20


class InventoryMismatch(Detector[MismatchState]):
    state = MismatchState
    about = About(
        id="INVENTORY_MISMATCH",
        version=1,
        title="The shelf does not agree with the books",
        description="A shelf counts more or fewer units than the books have said around that time.",
        subject="product",
        severities={
            Severity.MEDIUM: "more than 5 units: a miscount, or the first of a series",
            Severity.HIGH: "more than 20 units: moved and not booked, or booked and not moved",
            Severity.CRITICAL: "more than 50 units: a theft in progress, or false books",
        },
        blind_spots=(
            "Differences at times when the books are silent; goods taken within the same minutes as an "
            "honest movement of at least as many."
        ),
        runbook=(
            "Count the goods at the place named.",
            "Look at the video of the place since the shelf last agreed with the books.",
            "Ask whoever updated the books last.",
        ),
    )
    retention_ms = 30 * 86_400_000
    max_keys = 500_000

    def __init__(
        self, params: InventoryMismatchParams = InventoryMismatchParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.window_ms = int(params.window_s * 1000)
        self.quiet_ms = int(params.quiet_s * 1000)
        # A reading is judged one window after it, by the books of one window before it.
        self.keep_ms = 3 * self.window_ms
        if self.window_ms <= lateness_ms or self.quiet_ms < self.window_ms:
            raise TimeSettingsError(
                f"{self.about.id}: window_s must be longer than the allowed lateness ({lateness_ms} ms), and "
                f"quiet_s no shorter than window_s"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.quiet_ms, self.keep_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A record is known by its reference, a reading by its time: either of them again changes nothing.
        return (
            Input(INVENTORY_DIGITAL, article_at, self._on_books, once=False),
            Input(INVENTORY_PHYSICAL, article_at, self._on_reading, once=False),
        )

    def _on_books(self, state: MismatchState, event: Event, ctx: Context) -> None:
        if event.time <= state.folded:
            return
        booking = booking_of(event)
        if not insert(state.bookings, booking):
            return
        # What a mark takes off depends on the records before it, of which one may have come only now. What
        # readings have been judged by stays as it is.
        settled = state.judged - self.lateness_ms
        standing = [one for one in state.standing if one[0] <= settled]
        books = state.books.copy()
        for one in state.bookings:
            gone = books.take(one)
            if gone and (one.time > settled or one is booking):
                standing.append((one.time, gone))
        state.standing = sorted(standing)[-STANDING_CAP:]
        state.units, state.since = books.units, state.bookings[-1].time
        if len(state.bookings) > BOOKINGS_CAP:
            ctx.count("buffer_full")
            self._fold(state, state.bookings[0].time)
        state.wake_by(booking.time + self.keep_ms)

    def _on_reading(self, state: MismatchState, event: Event, ctx: Context) -> None:
        time, units, known = event.time, event.value.quantity, state.units
        if time < state.since:
            known = self._units_at(state, time)
        # What agrees with the books of its moment agrees with what they say around it, too, whatever that is.
        # It only matters to what is being watched.
        plain = known is not None and abs(units - known) <= self.params.medium
        if plain and not _watched(state):
            return
        if known is None and is_passage(event.value.location):
            return
        if time > state.judged:
            self._wait(state, Reading(time, units, event.ref, plain), ctx)

    def _wait(self, state: MismatchState, reading: Reading, ctx: Context) -> None:
        readings = state.readings
        at = len(readings)
        while at and readings[at - 1].time >= reading.time:
            at -= 1
        if at < len(readings) and readings[at].time == reading.time:
            if readings[at].units < reading.units:
                readings[at] = reading
            return
        if len(readings) >= READINGS_CAP:
            ctx.count("buffer_full")
            return
        readings.insert(at, reading)
        state.wake_by(reading.time + self.window_ms + 1)

    def _units_at(self, state: MismatchState, time: int) -> int | None:
        units = state.books.units
        for since, then in levels(state.books, state.bookings):
            if since > time:
                break
            units = then
        return units

    def on_wake(self, state: MismatchState, at: int, ctx: Context) -> None:
        until = at - self.window_ms - 1
        while state.readings and state.readings[0].time <= until:
            self._judge(state, state.readings.pop(0), ctx)
        state.judged = max(state.judged, until)
        if state.gap is not None and until > state.gap.end + self.quiet_ms:
            state.gap = None
        if state.standing and state.standing[0][0] <= until - STANDING_MS:
            state.standing = [one for one in state.standing if one[0] > until - STANDING_MS]
        self._fold(state, at - self.keep_ms)
        if state.readings:
            state.wake_by(state.readings[0].time + self.window_ms + 1)
        if state.bookings:
            state.wake_by(state.bookings[0].time + self.keep_ms)

    def _fold(self, state: MismatchState, until: int) -> None:
        """Forgets the single records that no reading will be compared with any more."""
        while state.bookings and state.bookings[0].time <= until:
            booking = state.bookings.pop(0)
            state.books.take(booking)
            state.folded = booking.time

    def _judge(self, state: MismatchState, reading: Reading, ctx: Context) -> None:
        time, units = reading.time, reading.units
        begin, end = time - self.window_ms, time + self.window_ms
        said = [(-NEVER, state.books.units), *levels(state.books, state.bookings)]
        around = _between(said, begin, end)
        if not around:
            return
        low = min(around)
        high = max(around) + _sum(state.standing, begin)
        off = units - high if units > high else min(units - low, 0)
        if abs(off) > self.params.medium:
            near = [booking for booking in state.bookings if begin <= booking.time <= end]
            if near or state.doubted:
                state.doubted = False
                self._signal(state, reading, off, high if off > 0 else low, near, ctx)
        else:
            # By then, any record of before this reading had arrived: what arrives in which order must not
            # matter.
            settled = time - self.lateness_ms
            since = _between(said, settled, end)
            lately = max(since) + _sum(state.standing, settled)
            state.doubted = units > lately + self.params.medium or units < min(since) - self.params.medium
            if state.gap is not None and time > state.gap.end:
                state.gap = None
        if state.standing:
            self._see_off(state, units, time, said)

    def _see_off(
        self, state: MismatchState, units: int, time: int, said: list[tuple[int, int | None]]
    ) -> None:
        """Forgets marked goods that a reading has not seen any more."""
        now = _between(said, time, time)
        settled = time - self.lateness_ms
        if not now or state.standing[0][0] > settled:
            return
        beyond = units - now[0]
        if beyond <= self.params.medium:
            beyond = 0
        surplus = _sum(state.standing, settled) - beyond
        kept = []
        for marked, number in state.standing:
            if marked <= settled and surplus > 0:
                gone = min(number, surplus)
                surplus, number = surplus - gone, number - gone
            if number:
                kept.append((marked, number))
        state.standing = kept

    def _signal(
        self, state: MismatchState, reading: Reading, off: int, said: int, near: list[Booking], ctx: Context
    ) -> None:
        time, gap = reading.time, state.gap
        if gap is None or time > gap.end + self.quiet_ms:
            gap = state.gap = Gap(time, time, time, 0, ctx.now, 0, 0, 0, "", [])
        gap.start, gap.end = min(gap.start, time), max(gap.end, time)
        gap.count += 1
        if abs(off) > gap.difference:
            gap.difference, gap.digital, gap.physical = abs(off), said, reading.units
        near = near or state.bookings[-1:]
        if near:
            gap.employee = near[-1].employee
        for ref in (reading.ref, *(booking.ref for booking in near)):
            if len(gap.refs) < REFS_CAP and ref not in gap.refs:
                gap.refs.append(ref)
        product, _, location = ctx.key.partition(SEPARATOR)
        ctx.alert(
            episode=str(gap.anchor),
            subject=product,
            severity=self._severity(gap.difference),
            event_time=gap.start,
            started_at=gap.start,
            ended_at=gap.end,
            detected_at=gap.detected_at,
            count=gap.count,
            evidence={
                "product_id": product,
                "location": location,
                "digital_quantity": gap.digital,
                "physical_quantity": gap.physical,
                "difference": gap.difference,
                "employee_id": gap.employee or None,
                "event_ids": list(gap.refs),
            },
        )

    def _severity(self, difference: int) -> Severity:
        if difference > self.params.critical:
            return Severity.CRITICAL
        return Severity.HIGH if difference > self.params.high else Severity.MEDIUM

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        less = found["physical_quantity"] < found["digital_quantity"]
        by = f" {found['employee_id']} updated them last." if "employee_id" in found else ""
        return (
            f"The shelf at {found['location']} held {found['physical_quantity']} units of "
            f"{found['product_id']} where the books said {found['digital_quantity']}: {found['difference']} "
            f"too {'few' if less else 'many'}, since {when(alert.started_at)}.{by}"
        )


def _watched(state: MismatchState) -> bool:
    if state.standing or state.doubted or state.gap is not None:
        return True
    # A plain reading must not make the next one wait: there would be no end to it.
    return bool(state.readings) and not all(reading.plain for reading in state.readings)


def _between(said: list[tuple[int, int | None]], begin: int, end: int) -> list[int]:
    """Everything that held at some moment from `begin` to `end`, of what was said since when."""
    found = []
    until = NEVER
    for since, units in reversed(said):
        if since <= end and until > begin and units is not None:
            found.append(units)
        until = since
    return found


def _sum(standing: list[tuple[int, int]], until: int) -> int:
    return sum(units for marked, units in standing if marked <= until)
