"""Two of the joins as a Bytewax dataflow: INVENTORY_MISMATCH and MASS_SHIPMENT_FRAUD.

python -m bytewax.run "benchmarks/joins/bytewax_flow.py:flow('EVENTS.jsonl', 'OUT.jsonl')"

It runs in an environment of its own (bytewax-requirements.txt) and imports nothing of ours. It decides as our
detectors do, from the same rules, with what Bytewax offers for it: `stateful_batch` for shelves and books,
session windows for shipments and their trucks. Decoding is typed, as ours is.

Two things it does not do. In Bytewax the event time of each key advances by that key's own events (and by the
clock), so what a key waits for is decided when it hears again, or at the end of the input. And suspicions are
not raised: a mass shipment is told when no truck has come, all of them at the end.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.connectors.files import FileSink, FileSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.operators.windowing import EventClock, SessionWindower, collect_window

LINES = 4_096
"""Lines read and handed on at a time: more is not faster."""

LATENESS_MS = 5_000
MISMATCH_UNITS = 5
MISMATCH_WINDOW_MS = 120_000
MISMATCH_QUIET_MS = 86_400_000
STANDING_MS = 7 * 86_400_000
TRUCK_WINDOW_MS = 600_000
LOADING_MS = 3_600_000
MASS_PRODUCTS = 20
MASS_WINDOW_MS = 600_000
SHIPMENTS_KEPT = 32
LONG_AGO = -(1 << 62)
PASSAGE = ("dock", "pack", "receiving", "staging", "gate", "return", "transit", "dispatch")
IN_STOCK, SHIPPED = "in_stock", "shipped"
SEPARATOR = "\x1f"


class Books(msgspec.Struct):
    product_id: str
    status: str
    quantity: int
    location: str
    updated_by: str
    updated_at: datetime
    event_id: str
    shipment_id: str | None = None


class Shelf(msgspec.Struct):
    product_id: str
    location: str
    quantity: int
    timestamp: datetime


class Item(msgspec.Struct):
    product_id: str


class Truck(msgspec.Struct):
    shipment_id: str
    departure_time: datetime
    manifest: list[Item | str] = []


class BooksRecord(msgspec.Struct, tag_field="topic", tag="inventory-digital"):
    value: Books


class ShelfRecord(msgspec.Struct, tag_field="topic", tag="inventory-physical"):
    value: Shelf


class TruckRecord(msgspec.Struct, tag_field="topic", tag="shipping-logistics"):
    value: Truck


Record = BooksRecord | ShelfRecord | TruckRecord

_decoder = msgspec.json.Decoder(Record)


def decoded(lines: list[str]) -> list[Record]:
    """The records of so many lines."""
    decode = _decoder.decode
    return [decode(line) for line in lines]


def ms(time: datetime) -> int:
    """Epoch milliseconds of a time; without a zone it is UTC."""
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


# --- INVENTORY_MISMATCH: shelf and books within ± 2 min differ by more than 5 units ------------------------


class Booking(msgspec.Struct, order=True):
    """One record of the books. Of one instant, what was marked comes before what is then left."""

    time: int
    in_stock: bool
    ref: str
    status: str
    quantity: int
    shipment: str | None


class Level:
    """What the books say of an article at a place, record after record."""

    __slots__ = ("shipments", "units")

    def __init__(self, units: int | None = None, shipments: Iterable[str] = ()) -> None:
        self.units = units
        self.shipments = list(shipments)

    def take(self, booking: Booking) -> int:
        """Takes the next record. Returns how many units it marks as gone."""
        if booking.in_stock:
            self.units = booking.quantity
            return 0
        shipment = booking.shipment
        if shipment is not None:
            if booking.status != SHIPPED and shipment in self.shipments:
                return 0
            if shipment not in self.shipments:
                self.shipments.append(shipment)
                del self.shipments[:-SHIPMENTS_KEPT]
        if self.units is None:
            return 0
        gone = min(booking.quantity, self.units) if booking.quantity else self.units
        self.units -= gone
        return gone

    def copy(self) -> Level:
        return Level(self.units, self.shipments)


class Article(StatefulBatchLogic[Any, Any, Any]):
    """One article at one place.

    folded: the books as of `folded_at`; bookings: records since. units, since: what the books say now, and
    since when. readings: (time, units, whether they agreed with the books at once), not judged yet. standing:
    (time, units) marked as gone and not known to have left. doubted: the shelf had not followed the books.
    gap: first and last wrong reading. judged: until when readings have been judged.
    """

    def __init__(self, kept: dict[str, Any] | None) -> None:
        self.folded = Level()
        self.folded_at = LONG_AGO
        self.bookings: list[Booking] = []
        self.units: int | None = None
        self.since = LONG_AGO
        self.readings: list[tuple[int, int, bool]] = []
        self.standing: list[tuple[int, int]] = []
        self.doubted = False
        self.gap: tuple[int, int] | None = None
        self.newest = LONG_AGO
        self.judged = LONG_AGO
        if kept is not None:
            self.__dict__.update(kept)

    def on_batch(self, values: list[Books | Shelf]) -> tuple[list[Any], bool]:
        found: list[Any] = []
        for value in values:
            if isinstance(value, Shelf):
                time = ms(value.timestamp)
                self._on_shelf(value, time)
            else:
                time = ms(value.updated_at)
                self._on_books(value, time)
            if time > self.newest:
                self.newest = time
                until = time - LATENESS_MS - MISMATCH_WINDOW_MS - 1
                if (self.readings and self.readings[0][0] <= until) or self.bookings:
                    found += self._advance(until)
        return found, StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Any], bool]:
        return self._advance(-LONG_AGO), StatefulBatchLogic.RETAIN

    def snapshot(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "folded": self.folded.copy(),
            "bookings": self.bookings[:],
            "readings": self.readings[:],
        }

    def _on_books(self, value: Books, time: int) -> None:
        booking = Booking(
            time, value.status == IN_STOCK, value.event_id, value.status, value.quantity, value.shipment_id
        )
        if time <= self.folded_at or booking in self.bookings:
            return
        insort(self.bookings, booking)
        settled = self.judged - LATENESS_MS
        standing = [one for one in self.standing if one[0] <= settled]
        level = self.folded.copy()
        for one in self.bookings:
            gone = level.take(one)
            if gone and (one.time > settled or one is booking):
                standing.append((one.time, gone))
        self.standing = sorted(standing)
        self.units, self.since = level.units, self.bookings[-1].time

    def _on_shelf(self, value: Shelf, time: int) -> None:
        units, known = value.quantity, self.units
        if time < self.since:
            known = next(iter(self._levels_between(time, time)), None)
        plain = known is not None and abs(units - known) <= MISMATCH_UNITS
        watched = (
            self.standing
            or self.doubted
            or self.gap is not None
            or (self.readings and not all(reading[2] for reading in self.readings))
        )
        if (plain and not watched) or time <= self.judged:
            return
        if known is None and any(word in value.location.rpartition("/")[2].casefold() for word in PASSAGE):
            return
        same = next((one for one in self.readings if one[0] == time), None)
        if same is None:
            insort(self.readings, (time, units, plain))
        elif same[1] < units:
            self.readings[self.readings.index(same)] = time, units, plain

    def _levels_between(self, begin: int, end: int) -> list[int]:
        """All that held at some moment between, latest first."""
        level = self.folded.copy()
        said = [(LONG_AGO, level.units)]
        for booking in self.bookings:
            level.take(booking)
            said.append((booking.time, level.units))
        found, until = [], -LONG_AGO
        for since, units in reversed(said):
            if since <= end and until > begin and units is not None:
                found.append(units)
            until = since
        return found

    def _stands(self, until: int) -> int:
        return sum(units for marked, units in self.standing if marked <= until)

    def _advance(self, until: int) -> list[Any]:
        """Judges the readings up to a time, and forgets records that none will be compared with any more."""
        found = []
        while self.readings and self.readings[0][0] <= until:
            time, units, _ = self.readings.pop(0)
            if (gap := self._judge(time, units)) is not None:
                found.append(gap)
        self.judged = max(self.judged, until)
        if self.gap is not None and until > self.gap[1] + MISMATCH_QUIET_MS:
            self.gap = None
        if self.standing and self.standing[0][0] <= until - STANDING_MS:
            self.standing = [one for one in self.standing if one[0] > until - STANDING_MS]
        while self.bookings and self.bookings[0].time <= until - 2 * MISMATCH_WINDOW_MS:
            booking = self.bookings.pop(0)
            self.folded.take(booking)
            self.folded_at = booking.time
        return found

    def _judge(self, time: int, units: int) -> tuple[int, int] | None:
        begin, end = time - MISMATCH_WINDOW_MS, time + MISMATCH_WINDOW_MS
        around = self._levels_between(begin, end)
        if not around:
            return None
        low, high = min(around), max(around) + self._stands(begin)
        off = units - high if units > high else min(units - low, 0)
        found = None
        if abs(off) > MISMATCH_UNITS:
            if self.doubted or any(begin <= booking.time <= end for booking in self.bookings):
                self.doubted = False
                if self.gap is None or time > self.gap[1] + MISMATCH_QUIET_MS:
                    self.gap = time, time
                found = self.gap = min(self.gap[0], time), max(self.gap[1], time)
        else:
            settled = time - LATENESS_MS
            since = self._levels_between(settled, end)
            lately = max(since) + self._stands(settled)
            self.doubted = units > lately + MISMATCH_UNITS or units < min(since) - MISMATCH_UNITS
            if self.gap is not None and time > self.gap[1]:
                self.gap = None
        if self.standing:
            self._see_off(units, time)
        return found

    def _see_off(self, units: int, time: int) -> None:
        """Forgets marked goods that a reading has not seen any more."""
        now, settled = self._levels_between(time, time), time - LATENESS_MS
        if not now or self.standing[0][0] > settled:
            return
        beyond = units - now[0]
        surplus = self._stands(settled) - (beyond if beyond > MISMATCH_UNITS else 0)
        kept = []
        for marked, number in self.standing:
            if marked <= settled and surplus > 0:
                gone = min(number, surplus)
                surplus, number = surplus - gone, number - gone
            if number:
                kept.append((marked, number))
        self.standing = kept


def by_article(records: list[Record]) -> list[tuple[str, Books | Shelf]]:
    """The records of books and shelves, by article and place."""
    return [
        (f"{record.value.product_id}{SEPARATOR}{record.value.location}", record.value)
        for record in records
        if not isinstance(record, TruckRecord)
    ]


# --- MASS_SHIPMENT_FRAUD: more than 20 articles marked as shipped within 10 min that no truck took ---------


def by_shipment(records: list[Record]) -> list[tuple[str, Books | Truck]]:
    """What was marked as shipped, and what trucks left, by shipment; marks without one by person."""
    found: list[tuple[str, Books | Truck]] = []
    for record in records:
        if isinstance(record, TruckRecord):
            found.append((record.value.shipment_id, record.value))
        elif isinstance(record, BooksRecord) and record.value.status == SHIPPED:
            value = record.value
            found.append((value.shipment_id or SEPARATOR + value.updated_by, value))
    return found


def when(value: Books | Truck) -> datetime:
    """The event time of a mark or a departure."""
    time = value.departure_time if isinstance(value, Truck) else value.updated_at
    return time if time.tzinfo else time.replace(tzinfo=UTC)


Mark = tuple[int, str, str]
"""When, which article, and the record."""


def untaken(session: tuple[str, tuple[int, list[Books | Truck]]]) -> list[tuple[str, Mark]]:
    """The marks of a shipment's session that no truck took, by site."""
    _, (_, values) = session
    trucks = [
        (
            ms(one.departure_time),
            {item if isinstance(item, str) else item.product_id for item in one.manifest},
        )
        for one in values
        if isinstance(one, Truck)
    ]
    marks = {one.event_id: one for one in values if isinstance(one, Books)}
    timed = sorted((ms(one.updated_at), ref) for ref, one in marks.items())
    found = []
    for run in runs(timed, TRUCK_WINDOW_MS):
        for time, ref in run:
            first = max(run[0][0], time - LOADING_MS) - TRUCK_WINDOW_MS
            last = min(run[-1][0], time + LOADING_MS) + TRUCK_WINDOW_MS
            mark = marks[ref]
            if any(first <= left <= last and (not on or mark.product_id in on) for left, on in trucks):
                continue
            site, separator, _ = mark.location.partition("/")
            found.append((site if separator else "", (time, ref, mark.product_id)))
    return found


def runs(timed: list[Any], gap: int) -> Iterator[list[Any]]:
    """Splits what is in order of time where it is further apart than a gap."""
    run: list[Any] = []
    for one in timed:
        if run and one[0] - run[-1][0] > gap:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


class Site(StatefulBatchLogic[Any, Any, Any]):
    """One site: everything there that no truck took."""

    def __init__(self, marks: list[Mark] | None) -> None:
        self.marks = marks or []

    def on_batch(self, values: list[Mark]) -> tuple[list[Any], bool]:
        self.marks += values
        return [], StatefulBatchLogic.RETAIN

    def on_eof(self) -> tuple[list[Any], bool]:
        episodes = []
        for cluster in runs(sorted(self.marks), MASS_WINDOW_MS - 1):
            products: dict[str, int] = {}
            first = 0
            for time, _, product in cluster:
                products[product] = products.get(product, 0) + 1
                while cluster[first][0] <= time - MASS_WINDOW_MS:
                    gone = cluster[first][2]
                    products[gone] -= 1
                    if not products[gone]:
                        del products[gone]
                    first += 1
                if len(products) > MASS_PRODUCTS:
                    episodes.append((cluster[0][0], cluster[-1][0]))
                    break
        return episodes, StatefulBatchLogic.DISCARD

    def snapshot(self) -> list[Mark]:
        return self.marks[:]


def line(type_: str) -> Any:
    """Makes lines of findings of a type."""

    def write(keyed: tuple[str, tuple[int, int]]) -> tuple[str, str]:
        key, (started, ended) = keyed
        subject = key.partition(SEPARATOR)[0]
        found = {"type": type_, "subject": subject, "started": started, "ended": ended}
        return "", msgspec.json.encode(found).decode()

    return write


def flow(events: str, out: str) -> Dataflow:
    """Reads the recording `events` and writes findings, a line each time one has grown, to `out`."""
    dataflow = Dataflow("joins")
    lines = op.input("lines", dataflow, FileSource(Path(events), batch_size=LINES))
    records = op.flat_map_batch("decode", lines, decoded)
    articles = op.flat_map_batch("by_article", records, by_article)
    gaps = op.stateful_batch("mismatches", articles, Article)
    shipments = op.flat_map_batch("by_shipment", records, by_shipment)
    clock = EventClock(when, wait_for_system_duration=timedelta(milliseconds=LATENESS_MS))
    sessions = collect_window(
        "sessions", shipments, clock, SessionWindower(timedelta(milliseconds=TRUCK_WINDOW_MS))
    )
    sites = op.flat_map("untaken", sessions.down, untaken)
    frauds = op.stateful_batch("frauds", sites, Site)
    told = op.merge(
        "told",
        op.map("mismatch_line", gaps, line("INVENTORY_MISMATCH")),
        op.map("fraud_line", frauds, line("MASS_SHIPMENT_FRAUD")),
    )
    op.output("out", told, FileSink(Path(out)))
    return dataflow
