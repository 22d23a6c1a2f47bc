"""INVENTORY_MISMATCH against its own definition, worked out with everything known and nothing forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings, strategies as st

from guardian.detectors.registry import Site, build
from guardian.detectors.warehouse.inventory_mismatch import InventoryMismatch, MismatchState, Reading
from guardian.engine.context import Context
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.warehouse import IN_STOCK, SHIPPED
from guardian.testing import at, play
from guardian.testing.play import LATENESS_MS
from guardian.testing.warehouse import booked, shelf

ID = "INVENTORY_MISMATCH"
WINDOW = 120
LATENESS = LATENESS_MS // 1000
QUIET = 86_400
TOLERATED = 5


class Record(NamedTuple):
    """Of the books; times in seconds."""

    time: int
    status: str
    units: int


class Found(NamedTuple):
    """An alert: first and last wrong reading, how many, and the largest difference."""

    start: int
    end: int
    count: int
    difference: int


def detectors() -> list[Detector[Any]]:
    return build(Site(Catalogue.empty(), LATENESS_MS), only=frozenset({ID}))


def by_definition(records: Sequence[Record], readings: Sequence[tuple[int, int]]) -> list[Found]:
    """What must be found, from the definition alone: all sorted, the books worked out afresh each time."""
    records = sorted(records, key=lambda record: (record.time, record.status == IN_STOCK))

    def books(second: float) -> int | None:
        units: int | None = None
        for record in records:
            if record.time > second:
                break
            if record.status == IN_STOCK:
                units = record.units
            elif units is not None:
                units = max(units - record.units, 0) if record.units else 0
        return units

    def said(begin: int, end: int) -> list[int]:
        moments = [begin, *(record.time for record in records if begin <= record.time <= end)]
        return [units for second in moments if (units := books(second)) is not None]

    standing: list[list[int]] = []
    for record in records:
        before = books(record.time - 0.5)
        if record.status != IN_STOCK and before is not None and before > 0:
            gone = min(record.units, before) if record.units else before
            standing.append([record.time, gone])

    found: list[Found] = []
    open_ = doubted = False
    for time, units in sorted(readings):
        around = said(time - WINDOW, time + WINDOW)
        if not around:
            continue
        high = max(around) + sum(n for marked, n in standing if marked <= time - WINDOW)
        off = max(units - high, min(around) - units, 0)
        if off > TOLERATED:
            if doubted or any(abs(record.time - time) <= WINDOW for record in records):
                doubted = False
                if open_ and time - found[-1].end <= QUIET:
                    last = found.pop()
                    found.append(Found(last.start, time, last.count + 1, max(last.difference, off)))
                else:
                    found.append(Found(time, time, 1, off))
                open_ = True
        else:
            open_ = False
            since = said(time - LATENESS, time + WINDOW)
            most = max(since) + sum(n for marked, n in standing if marked <= time - LATENESS)
            doubted = bool(units > most + TOLERATED or units < min(since) - TOLERATED)
        now = books(time)
        if now is not None:
            surplus = sum(n for marked, n in standing if marked <= time - LATENESS)
            surplus -= units - now if units - now > TOLERATED else 0
            for mark in standing:
                if mark[0] <= time - LATENESS and surplus > 0:
                    gone = min(mark[1], surplus)
                    mark[1] -= gone
                    surplus -= gone
    return found


def found_in(events: Sequence[Event]) -> list[Found]:
    alerts = play(events, detectors).alerts.values()
    return sorted(
        Found(
            (alert.started_at - at(0)) // 1000,
            (alert.ended_at - at(0)) // 1000,
            alert.count,
            alert.evidence["difference"],
        )
        for alert in alerts
    )


@st.composite
def mornings(draw: st.DrawFn) -> tuple[list[Record], list[tuple[int, int]], list[Event]]:
    """Records and readings over some ten minutes, and their events as they may arrive.

    At no second do the books say two things, and a shelf reports no more often than the lateness: what would
    be right otherwise is for nobody to say.
    """
    number = draw(st.integers(1, 8))
    times = draw(st.lists(st.integers(0, 700), min_size=number, max_size=number, unique=True))
    records = [
        Record(time, draw(st.sampled_from([IN_STOCK, IN_STOCK, SHIPPED])), draw(st.integers(0, 40)))
        for time in times
    ]
    readings = []
    time = 0
    for _ in range(draw(st.integers(1, 12))):
        time += draw(st.integers(LATENESS + 1, 140))
        readings.append((time, draw(st.integers(0, 40))))
    events = [
        *(booked(record.time, "P1", record.units, status=record.status) for record in records),
        *(shelf(second, "P1", units) for second, units in readings),
    ]
    delays = draw(st.lists(st.integers(0, LATENESS_MS), min_size=len(events), max_size=len(events)))
    arrivals = sorted(zip(events, delays, strict=True), key=lambda pair: pair[0].time + pair[1])
    return records, readings, [event for event, _ in arrivals]


@settings(max_examples=400, deadline=None)
@given(mornings())
def test_finds_what_the_definition_says(
    morning: tuple[list[Record], list[tuple[int, int]], list[Event]],
) -> None:
    records, readings, events = morning
    assert found_in(events) == by_definition(records, readings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_honest_movements_are_never_found(data: st.DataObject) -> None:
    """Goods move up to two minutes before or after they are booked; the shelf is read whenever it likes."""
    stock, second = 200, 0
    events = [booked(0, "P1", stock)]
    shelves = [(0, stock)]
    while second < 3_000 and stock > 40:
        second += data.draw(st.integers(250, 900))
        units = data.draw(st.integers(1, 40))
        stock -= units
        shelves.append((second + data.draw(st.integers(-119, 119)), stock))
        marked = data.draw(st.booleans())
        if marked:
            events.append(booked(second, "P1", units, status=SHIPPED))
        if not marked or data.draw(st.booleans()):
            events.append(booked(second + (data.draw(st.integers(1, 8)) if marked else 0), "P1", stock))
    reading = data.draw(st.integers(1, 90))
    while reading < second + 600:
        events.append(shelf(reading, "P1", [units for since, units in shelves if since <= reading][-1]))
        reading += data.draw(st.integers(30, 120))
    events.sort(key=lambda event: event.time)

    assert found_in(events) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(-5, 5)), min_size=1, max_size=40))
def test_a_reading_that_fits_changes_no_state(readings: list[tuple[int, int]]) -> None:
    """What is not written again costs nothing, and shelves are the largest stream there is."""
    (detector,) = detectors()
    _, given = detector.inputs
    state = detector.state()
    detector.inputs[0].apply(state, booked(0, "P1", 50), None)
    second = 0
    for wait, error in readings:
        second += wait
        before = repr(state)
        given.apply(state, shelf(second, "P1", 50 + error), None)
        assert repr(state) == before


def test_after_a_movement_the_state_comes_to_rest() -> None:
    """The first readings after goods were marked are looked at; those after them are not."""
    outcome = play(
        [
            booked(0, "P1", 50),
            *(shelf(t, "P1", 50) for t in range(30, 3_600, 90)),
            booked(3_600, "P1", 20, status=SHIPPED),
            booked(3_604, "P1", 30),
            *(shelf(t, "P1", 30) for t in range(3_630, 40_000, 90)),
        ],
        lambda: [Watchful(lateness_ms=LATENESS_MS)],
    )

    assert outcome.counters["INVENTORY_MISMATCH.judged"] <= 4


class Watchful(InventoryMismatch):
    """Counts what it judges."""

    def _judge(self, state: MismatchState, reading: Reading, ctx: Context) -> None:
        ctx.count("judged")
        super()._judge(state, reading, ctx)
