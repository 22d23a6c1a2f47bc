"""STOCK_LEVELS and STATION_STATUS: what is published when, and that no order of arrival loses anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from guardian.detectors.registry import Site, build
from guardian.detectors.store.station_status import STATIONS, StationRow
from guardian.detectors.warehouse.stock_levels import POINTS, STOCK_LEVELS, StockLevel, row_id
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.topics import RECOGNITION
from guardian.events.warehouse import SHIPPED
from guardian.testing import MemoryStates, at, booked, crash, heartbeats, queue, read, sale, shelf, snapshot
from guardian.testing.play import LATENESS_MS, SITE, play

HOLD_MS = {STATIONS: 10_000, STOCK_LEVELS: 60_000}


def published(events: Sequence[Event], kind: str) -> list[Any]:
    """Every row of a kind in the order it was kept; the input goes on after the last event."""
    only = frozenset({"STATION_STATUS" if kind == STATIONS else "STOCK_LEVELS"})
    engine = Engine(
        build(Site(Catalogue.empty(), LATENESS_MS), only=only), site=SITE, lateness_ms=LATENESS_MS
    )
    states = MemoryStates()
    rows = []
    for event in events:
        plan = engine.process(Batch([event]), states)
        states.commit(plan)
        assert not plan.failures
        rows += [kept.row for kept in plan.history if kept.kind == kind]
    return rows


def test_a_station_is_down_while_it_reports_a_crash() -> None:
    rows: list[StationRow] = published(
        [
            queue(0, 2),
            queue(1, 3),
            *heartbeats(2, 18, 2),
            crash(20),
            crash(30, topic=RECOGNITION),
            *heartbeats(32, 90, 2),
            sale(91, "SOAP"),
        ],
        STATIONS,
    )

    assert [(row.status, row.queue, row.crashed_since, row.updated_at) for row in rows] == [
        ("active", 2, None, at(0)),
        ("active", 3, None, at(1)),
        ("crashed", 3, at(20), at(20)),
        ("active", 3, None, at(50)),
        ("active", 3, None, at(91)),
    ]


def test_a_crash_long_after_another_is_one_of_its_own() -> None:
    """Also when nothing has let the first one end: the second report is what moves time on."""
    rows: list[StationRow] = published([crash(0), crash(2), crash(40), *heartbeats(41, 50, 1)], STATIONS)

    assert [(row.status, row.crashed_since) for row in rows] == [("crashed", at(0)), ("crashed", at(40))]


events_of_stations = st.lists(
    st.one_of(
        st.builds(queue, st.integers(0, 120), st.integers(0, 4), station=st.sampled_from(["S1", "S2"])),
        st.builds(sale, st.integers(0, 120), st.just("SOAP"), station=st.sampled_from(["S1", "S2"])),
        st.builds(read, st.integers(0, 120), st.just("SOAP"), station=st.just("S1")),
        st.builds(crash, st.integers(0, 120), station=st.just("S1")),
    ),
    max_size=40,
)
events_of_stock = st.lists(
    st.one_of(
        st.builds(booked, st.integers(0, 300), st.just("P"), st.integers(0, 9)),
        st.builds(booked, st.integers(0, 300), st.just("P"), st.integers(0, 9), status=st.just(SHIPPED)),
        st.builds(shelf, st.integers(0, 300), st.just("P"), st.integers(0, 9)),
        st.builds(snapshot, st.integers(0, 300), SOAP=st.integers(0, 9)),
        st.builds(sale, st.integers(0, 300), st.just("SOAP")),
    ),
    max_size=40,
)


@pytest.mark.parametrize("kind", [STATIONS, STOCK_LEVELS])
@given(st.data())
def test_rows_are_not_published_more_often_than_allowed(kind: str, data: st.DataObject) -> None:
    events = sorted(
        data.draw(events_of_stations if kind == STATIONS else events_of_stock), key=lambda event: event.time
    )
    end, hold = 500_000, HOLD_MS[kind]
    rows: dict[str, list[Any]] = {}
    for row in published([*events, *heartbeats(300, end // 1000 + LATENESS_MS // 1000, 5)], kind):
        key = row.station_id if isinstance(row, StationRow) else row_id(row.location, row.product_id)
        rows.setdefault(key, []).append(row)
    for mine in rows.values():
        assert len(mine) <= 1 + (at(0) + end - mine[0].updated_at) // hold
        assert [row.updated_at for row in mine] == sorted(row.updated_at for row in mine)
        assert len({str(row) for row in mine}) == len(mine)  # never the same again


@given(events_of_stations)
def test_the_last_of_each_measurement_is_shown_in_the_end(events: list[Event]) -> None:
    events.sort(key=lambda event: event.time)
    rows = {key: kept.row for (_, key), kept in play(events, _stations).history.items()}
    for station, row in rows.items():
        mine = [event for event in events if event.value.station_id == station]
        sales = [
            event.time
            for event in mine
            if getattr(event.value.data, "price", 0) is None and event.value.status == "Active"
        ]
        assert row["last_sale"] == (max(sales) if sales else None)
        assert row["status"] == "active"


@given(events_of_stock)
def test_levels_in_the_end_are_those_of_the_last_records(events: list[Event]) -> None:
    events.sort(key=lambda event: event.time)
    rows = {key: kept.row for (_, key), kept in play(events, _stock).history.items()}
    readings = [event for event in events if event.topic == "inventory-physical"]
    row = rows.get(row_id("WH1/A-01", "P"))
    if readings:
        newest = max(event.time for event in readings)
        assert row is not None
        assert row["physical"] in {e.value.quantity for e in readings if e.time == newest}
    for one in rows.values():
        both = one["digital"] is not None and one["physical"] is not None
        assert one["difference"] == (one["physical"] - one["digital"] if both else None)
        assert 1 <= len(one["series"]) <= POINTS
        assert one["series"][-1][1:] == [one["digital"], one["physical"]]


def _stations() -> Any:
    return build(Site(Catalogue.empty(), LATENESS_MS), only=frozenset({"STATION_STATUS"}))


def _stock() -> Any:
    return build(Site(Catalogue.empty(), LATENESS_MS), only=frozenset({"STOCK_LEVELS"}))


def test_a_level_is_a_row_by_place_and_article() -> None:
    (row,) = published([shelf(0, "P1", 3)], STOCK_LEVELS)

    assert isinstance(row, StockLevel)
    assert row_id(row.location, row.product_id) == "WH1/A-01\x1fP1"
