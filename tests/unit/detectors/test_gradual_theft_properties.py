"""GRADUAL_THEFT against its own definition, worked out with everything known and nothing forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings, strategies as st

from guardian.detectors.registry import Site, build
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.warehouse import IN_STOCK, SHIPPED
from guardian.testing import Detectors, at, heartbeats, play
from guardian.testing.play import LATENESS_MS
from guardian.testing.warehouse import booked, shelf

ID = "GRADUAL_THEFT"
SETTLE = 600
LATENESS = LATENESS_MS // 1000
HOUR = 3_600


class Record(NamedTuple):
    """Of the books; times in seconds."""

    time: int
    status: str
    units: int


class Found(NamedTuple):
    """An alert: its first and latest drop, how many, and the units missing."""

    start: float
    end: float
    count: int
    missing: int


def detectors() -> list[Detector[Any]]:
    return build(Site(Catalogue.empty(), LATENESS_MS), only=frozenset({ID}))


def touchy() -> list[Detector[Any]]:
    """So that every single drop can be seen."""
    settings = {ID: {"min_drops": 1, "min_units": 1}}
    return build(Site(Catalogue.empty(), LATENESS_MS), settings, only=frozenset({ID}))


def by_definition(records: Sequence[Record], readings: Sequence[tuple[int, int]]) -> Found | None:
    """What must be found last by `touchy`, from the definition alone: at every moment everything is worked
    out afresh."""
    changes = sorted({record.time for record in records} | {second for second, _ in readings})

    def stand(second: int) -> tuple[int, int] | None:
        """(on the shelf less on the books, on the shelf and marked as gone) at a moment."""
        shelf = [units for time, units in readings if time <= second][-1:]
        books, marked = None, 0
        for record in sorted(records, key=lambda record: (record.time, record.status == IN_STOCK)):
            if record.time > second:
                break
            if record.status == IN_STOCK:
                books = record.units
            elif books is not None:
                gone = min(record.units, books) if record.units else books
                books, marked = books - gone, marked + gone
        return None if books is None or not shelf else (shelf[0] - books, shelf[0] + marked)

    known = [time for time in changes if stand(time) is not None]
    if not known:
        return None
    settled, moved = stand(known[0]) or (0, 0)
    explained = min(settled, 0)
    drops: list[list[int]] = []
    found: Found | None = None
    for begin in known:
        lasting = [
            seen
            for time in [begin, *(time for time in known if begin < time <= begin + SETTLE)]
            if (seen := stand(time)) is not None
        ]
        top = max(reversed(lasting), key=lambda seen: seen[0])
        bottom = min(reversed(lasting), key=lambda seen: seen[0])
        if top[0] < settled:
            taken = min(explained - top[0], moved - top[1])
            settled, moved = top
            explained = min(explained, settled)
            if taken > 0:
                drops.append([begin, taken])
                small = [drop for drop in drops if drop[1] <= 5]
                missing = sum(units for _, units in small)
                if small:
                    start = small[0][0] if found is None else found.start
                    found = Found(start, small[-1][0], len(small), missing)
        elif bottom[0] > settled:
            back = min(bottom[0] - settled, bottom[1] - moved)
            settled, moved = bottom
            while back > 0 and drops:
                undone = min(back, drops[-1][1])
                back -= undone
                explained += undone
                drops[-1][1] -= undone
                if not drops[-1][1]:
                    drops.pop()
            if settled <= 1:
                explained = max(explained, min(settled, 0))
        elif lasting[0][0] == settled:
            moved = lasting[0][1]
    return found


def found_in(events: Sequence[Event], by: Detectors = detectors) -> Found | None:
    alerts = list(play(events, by).alerts.values())
    assert len(alerts) <= 1
    for alert in alerts:
        return Found(
            (alert.started_at - at(0)) / 1000,
            (alert.ended_at - at(0)) / 1000,
            alert.count,
            alert.evidence["missing"],
        )
    return None


def delayed(draw: st.DrawFn, events: list[Event]) -> list[Event]:
    """The events as they may arrive."""
    delays = draw(st.lists(st.integers(0, LATENESS_MS), min_size=len(events), max_size=len(events)))
    arrivals = sorted(zip(events, delays, strict=True), key=lambda pair: pair[0].time + pair[1])
    return [event for event, _ in arrivals]


@st.composite
def mornings(draw: st.DrawFn) -> tuple[list[Record], list[tuple[int, int]], list[Event]]:
    """Records and readings over some two hours. Of readings so near that they may arrive in another order,
    each counts fewer units: one that comes first must not look as if nothing had happened in between."""
    records = [Record(draw(st.integers(0, 30)), IN_STOCK, 60)]
    second = 31
    for _ in range(draw(st.integers(0, 6))):
        second += draw(st.integers(1, 700))
        status = draw(st.sampled_from([IN_STOCK, SHIPPED, SHIPPED]))
        records.append(
            Record(second, status, draw(st.integers(50, 61) if status == IN_STOCK else st.integers(1, 4)))
        )
    readings = []
    second, units, rose = 0, 60, False
    for _ in range(draw(st.integers(1, 14))):
        near = not rose and draw(st.booleans())
        second += draw(st.integers(1, LATENESS) if near else st.integers(LATENESS + 1, 900))
        lost = draw(st.sampled_from([1, 2] if near else [0, 0, 1, 2, 2, 3, 6, -1, -2]))
        units, rose = units - lost, lost < 0
        readings.append((second, units))
    events = [
        *(booked(record.time, "P1", record.units, status=record.status) for record in records),
        *(shelf(second, "P1", units) for second, units in readings),
    ]
    return records, readings, delayed(draw, events)


@settings(max_examples=400, deadline=None)
@given(mornings())
def test_finds_what_the_definition_says(
    morning: tuple[list[Record], list[tuple[int, int]], list[Event]],
) -> None:
    records, readings, events = morning
    assert found_in(events, touchy) == by_definition(records, readings)


@st.composite
def weeks(draw: st.DrawFn, stolen: list[int]) -> list[Event]:
    """Half a day of honest movements and counts, booked within two minutes, and some thefts in between."""
    stock, on_shelf, second = 500, 500, 0
    events = [booked(0, "P1", stock)]
    shelves = [(0, stock)]
    steps = draw(st.permutations([*stolen, *([0] * draw(st.integers(3, 8)))]))
    for theft in steps:
        second += draw(st.integers(1_300, 4_000))
        if theft:
            on_shelf -= theft
            shelves.append((second, on_shelf))
            continue
        kind = draw(st.sampled_from(["shipped", "delivered", "corrected"]))
        units = draw(st.integers(1, 40)) * (1 if kind == "delivered" else -1)
        stock += units
        on_shelf += units
        shelves.append((second + draw(st.integers(-119, 119)), on_shelf))
        if kind == "shipped":
            events.append(booked(second, "P1", -units, status=SHIPPED))
        if kind != "shipped" or draw(st.booleans()):
            events.append(booked(second + (kind == "shipped") * draw(st.integers(1, 8)), "P1", stock))
    reading = draw(st.integers(1, 90))
    while reading < second + 1_500:
        events.append(shelf(reading, "P1", [units for since, units in shelves if since <= reading][-1]))
        reading += draw(st.integers(60, 120))
    return delayed(draw, events)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_honest_movements_are_never_found(data: st.DataObject) -> None:
    assert found_in(data.draw(weeks([]))) is None


@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(st.integers(1, 4), min_size=3, max_size=6).filter(lambda units: sum(units) >= 5))
def test_thefts_among_them_are_found_to_the_unit(data: st.DataObject, stolen: list[int]) -> None:
    found = found_in(data.draw(weeks(stolen)))

    assert found is not None
    assert (found.count, found.missing) == (len(stolen), sum(stolen))


def test_alerts_end_with_their_drops() -> None:
    """Drops more than seven days later are another theft."""
    week = 7 * 24 * HOUR
    events = [booked(0, "P1", 50), shelf(1, "P1", 50)]
    units = 50
    for start in (HOUR, week + 5 * HOUR):
        events += heartbeats(events[-1].time // 1000 - at(0) // 1000 + HOUR, start - HOUR, HOUR)
        for number in range(3):
            units -= 2
            events.append(shelf(start + number * HOUR, "P1", units))

    alerts = sorted(play(events, detectors).alerts.values(), key=lambda alert: alert.event_time)

    assert [alert.event_time for alert in alerts] == [at(HOUR), at(week + 5 * HOUR)]
    assert [alert.evidence["missing"] for alert in alerts] == [6, 6]


def test_the_same_count_changes_no_state() -> None:
    """What is not written again costs nothing, and shelves are the largest stream there is."""
    (detector,) = detectors()
    books, readings = detector.inputs
    state = detector.state()
    books.apply(state, booked(0, "P1", 50), None)
    readings.apply(state, shelf(1, "P1", 50), None)
    settled = repr(state)
    for second in range(90, 9_000, 90):
        readings.apply(state, shelf(second, "P1", 50), None)
    assert repr(state) == settled
