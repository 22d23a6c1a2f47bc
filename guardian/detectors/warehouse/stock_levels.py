"""Stock levels: what the books say of an article at a place, and what its shelf says, side by side.

This is not a detector of its own: it raises nothing, and keeps the latest levels for those who ask. Whether a
difference means something is INVENTORY_MISMATCH's business, and INVENTORY_DISCREPANCY's in a store.

In a store there are counts of everything, and sales. The books begin with the first count; each later one is
compared with the count before it, less what was sold in between. A unit that is sold leaves both.
"""

from __future__ import annotations

import msgspec

from guardian.detectors.warehouse.books import SEPARATOR, Booking, Books, article_at, booking_of, insert
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL, INVENTORY_PHYSICAL, POS, SNAPSHOTS

STOCK_LEVELS = "stock-levels"
"""Kind of the history rows kept: one an article and place, by place and article (`row_id`)."""

POINT_MS = 1_800_000
POINTS = 48
"""A series has a point for each half hour in which a level changed, and at most these: a day at least."""

BOOKINGS_KEPT_MS = 360_000
"""How much older than the newest record of the books another one may be and still find its place."""
BOOKINGS_CAP = 1_000
SALES_CAP = 5_000
"""Sales since the last count that are known one by one."""


class StockLevelsParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """hold_s: a level is published this often at most."""

    hold_s: float = 60.0


Point = tuple[int, int | None, int | None]
"""Start of the half hour, epoch ms; units on the books and on the shelf after the last change in it."""


class StockLevel(msgspec.Struct, frozen=True):
    """An article at a place. Units; None: not known.

    location: empty in a store, which is one place. digital: on the books. physical: on the shelf. difference:
    how many more are on the shelf than on the books. updated_at: of the last change, epoch ms.
    """

    site: str
    location: str
    product_id: str
    digital: int | None
    physical: int | None
    difference: int | None
    updated_at: int
    series: list[Point]


class Counts(msgspec.Struct, array_like=True):
    """What a store knows of one SKU.

    at, units: the last count. base, since: the count before it and its time; None: there was none. before,
    after: units sold between the two, and since the last. sales: those sales by record, as far as known.
    """

    at: int
    units: int
    since: int
    base: int | None = None
    before: int = 0
    after: int = 0
    sales: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def digital(self) -> int:
        """Units there should be now."""
        return (self.units if self.base is None else self.base - self.before) - self.after

    @property
    def physical(self) -> int | None:
        """Units there are now; None: they have been counted only once, and nothing is known to compare."""
        return None if self.base is None else self.units - self.after


class LevelState(KeyState):
    """One article at one place.

    books: as of `folded`; bookings: records since. read_at: of the reading that `physical` is from. counts:
    in a store. digital, physical: the levels now. as_of: when they changed. told: when they were published;
    untold: not as they are now.
    """

    books: Books = msgspec.field(default_factory=Books)
    folded: int = -NEVER
    bookings: list[Booking] = msgspec.field(default_factory=list)
    read_at: int = -NEVER
    counts: Counts | None = None
    digital: int | None = None
    physical: int | None = None
    as_of: int = -NEVER
    told: int = -NEVER
    untold: bool = False
    series: list[Point] = msgspec.field(default_factory=list)


class StockLevels(Detector[LevelState]):
    state = LevelState
    publishes = (STOCK_LEVELS,)
    about = About(
        id="STOCK_LEVELS",
        version=1,
        title="Stock levels",
        description="Keeps what books and shelves say of each article at each place now, for those who ask.",
        subject="product",
        blind_spots="Articles that neither books nor shelves have told of; in a store, sales before the "
        "first count of an article.",
    )
    retention_ms = 30 * 86_400_000
    max_keys = 500_000

    def __init__(self, params: StockLevelsParams = StockLevelsParams(), *, lateness_ms: int) -> None:
        self.hold_ms = int(params.hold_s * 1000)
        if self.hold_ms < 0:
            raise TimeSettingsError(f"{self.about.id}: hold_s cannot be negative")
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.hold_ms, BOOKINGS_KEPT_MS)

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A record of the books or a sale is known by its reference, a reading or a count by its time: any of
        # them again changes nothing. What is sold where nobody counts is none of our business.
        return (
            Input(INVENTORY_DIGITAL, article_at, self._on_books, once=False),
            Input(INVENTORY_PHYSICAL, article_at, self._on_reading, once=False),
            Input(SNAPSHOTS, _counted, self._on_count, once=False),
            Input(POS, _sold, self._on_sale, once=False, creates=False),
        )

    def _on_books(self, state: LevelState, event: Event, ctx: Context) -> None:
        if event.time <= state.folded:
            return
        bookings = state.bookings
        if not insert(bookings, booking_of(event)):
            return
        oldest = bookings[-1].time - BOOKINGS_KEPT_MS
        if len(bookings) > BOOKINGS_CAP:
            ctx.count("buffer_full")
            oldest = max(oldest, bookings[0].time)
        while bookings and bookings[0].time <= oldest:
            booking = bookings.pop(0)
            state.books.take(booking)
            state.folded = booking.time
        books = state.books.copy()
        for booking in bookings:
            books.take(booking)
        if books.units != state.digital:
            state.digital = books.units
            self._changed(state, event.time, ctx)

    def _on_reading(self, state: LevelState, event: Event, ctx: Context) -> None:
        # Most readings say again what is known. Not even their time is kept: so there is nothing to store.
        units: int = event.value.quantity
        if units != state.physical and event.time > state.read_at:
            state.physical, state.read_at = units, event.time
            self._changed(state, event.time, ctx)

    def _on_count(self, state: LevelState, event: Event, ctx: Context) -> None:
        time, units = event.time, event.value.data[ctx.key[:-1]]
        counts = state.counts
        if counts is None:
            state.counts = Counts(time, units, time)
        elif time <= counts.at:
            return
        else:
            sales = {ref: at for ref, at in counts.sales.items() if at > counts.at}
            after = sum(at > time for at in sales.values())
            state.counts = Counts(time, units, counts.at, counts.units, counts.after - after, after, sales)
        self._recount(state, time, ctx)

    def _on_sale(self, state: LevelState, event: Event, ctx: Context) -> None:
        counts, time = state.counts, event.time
        if counts is None or time <= counts.since or event.ref in counts.sales:
            return
        if len(counts.sales) >= SALES_CAP:
            ctx.count("buffer_full")
            del counts.sales[next(iter(counts.sales))]
        counts.sales[event.ref] = time
        if time > counts.at:
            counts.after += 1
        else:
            counts.before += 1
        self._recount(state, time, ctx)

    def _recount(self, state: LevelState, time: int, ctx: Context) -> None:
        counts = state.counts
        if counts is not None and (counts.digital, counts.physical) != (state.digital, state.physical):
            state.digital, state.physical = counts.digital, counts.physical
            self._changed(state, time, ctx)

    def _changed(self, state: LevelState, time: int, ctx: Context) -> None:
        as_of = state.as_of = max(state.as_of, time)
        begin, series = as_of - as_of % POINT_MS, state.series
        if series and series[-1][0] == begin:
            series.pop()
        series.append((begin, state.digital, state.physical))
        del series[:-POINTS]
        if as_of >= state.told + self.hold_ms:
            self._publish(state, as_of, ctx)
        else:
            state.untold = True
            state.wake_by(state.told + self.hold_ms)

    def on_wake(self, state: LevelState, at: int, ctx: Context) -> None:
        if state.untold:
            self._publish(state, at, ctx)

    def _publish(self, state: LevelState, now: int, ctx: Context) -> None:
        state.told, state.untold, state.wake = now, False, NEVER
        product, _, location = ctx.key.partition(SEPARATOR)
        digital, physical = state.digital, state.physical
        row = StockLevel(
            site=ctx.site,
            location=location,
            product_id=product,
            digital=digital,
            physical=physical,
            difference=None if digital is None or physical is None else physical - digital,
            updated_at=state.as_of,
            series=state.series[:],
        )
        ctx.keep(STOCK_LEVELS, row_id(location, product), state.as_of, row)


def row_id(location: str, product: str) -> str:
    """The id of an article's row: by place first, so that a place's rows lie together."""
    return f"{location}{SEPARATOR}{product}"


def _counted(event: Event) -> list[str]:
    return [f"{sku}{SEPARATOR}" for sku in event.value.data]


def _sold(event: Event) -> str | None:
    sku = event.value.data.sku
    return None if sku is None else f"{sku}{SEPARATOR}"
