"""SHIPPED_BUT_PRESENT by example: gone by the books, and still there; or waiting for its truck."""

from __future__ import annotations

from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, activity, booked, departure, shelf
from tests.unit.detectors.shop import Table


def shipped(seconds: float, quantity: int = 10, shipment: str | None = "S1", **rest: Any) -> Event:
    """Units of P1 are marked as shipped."""
    return booked(seconds, "P1", quantity, status=rest.pop("status", "shipped"), shipment=shipment, **rest)


def present(status: str, **rest: Any) -> Finding:
    """P1 was seen; `rest` is evidence."""
    return Finding("SHIPPED_BUT_PRESENT", "P1", "high", {"product_id": "P1", **rest}, status=status)


def later(*events: Event, until: float = 4_000) -> list[Event]:
    return [*events, activity(until, "login", "E99", after_hours=False)]


TABLE = Table(
    "SHIPPED_BUT_PRESENT",
    [
        Case(
            name="seen within two minutes, no truck",
            kind="hit",
            events=later(booked(0, "P1", 10), shelf(10, "P1", 10), shipped(60), shelf(150, "P1", 10)),
            expect=[
                present(
                    "confirmed",
                    location="WH1/A-01",
                    physical_quantity=10,
                    employee_id="E1",
                    shipment_ids=["S1"],
                    digital_status="shipped",
                )
            ],
        ),
        Case(
            name="books unknown",
            kind="hit",
            events=later(shipped(60), shelf(150, "P1", 10)),
            expect=[present("confirmed", physical_quantity=10)],
        ),
        Case(
            name="only a tag, no count",
            kind="hit",
            events=later(shipped(60, 1, None), shelf(90, "P1", 0)),
            expect=[present("confirmed", physical_quantity=1, shipment_ids=[])],
        ),
        Case(
            name="waiting for the truck",
            kind="near miss",
            events=later(
                booked(0, "P1", 10),
                shipped(60),
                shelf(150, "P1", 10),
                departure(300, "S1"),
                shelf(330, "P1", 0, seen=False),
            ),
            expect=[present("cleared")],
        ),
        Case(
            name="picked before they were marked",
            kind="near miss",
            events=later(booked(0, "P1", 50), shelf(30, "P1", 40), shipped(60), shelf(120, "P1", 40)),
        ),
        Case(
            name="the other units of the article stay",
            kind="near miss",
            events=later(
                booked(0, "P1", 50),
                shelf(10, "P1", 50),
                shipped(60, 10),
                booked(63, "P1", 40),
                shelf(100, "P1", 40),
            ),
        ),
        Case(
            name="some of many units",
            kind="hit",
            events=later(
                booked(0, "P1", 50),
                shelf(10, "P1", 50),
                shipped(60, 10),
                booked(63, "P1", 40),
                shelf(100, "P1", 50),
            ),
            expect=[present("confirmed", physical_quantity=10)],
        ),
        Case(
            name="seen after its truck left",
            kind="hit",
            events=later(
                booked(0, "P1", 10),
                shipped(60),
                shelf(100, "P1", 10),
                departure(300, "S1", ["P1"]),
                shelf(400, "P1", 10),
            ),
            expect=[present("confirmed")],
        ),
        Case(
            name="not seen for two minutes, but there after the truck",
            kind="hit",
            events=later(booked(0, "P1", 10), shipped(60), departure(300, "S1"), shelf(400, "P1", 10)),
            expect=[present("confirmed")],
        ),
        Case(
            name="picked a moment after the truck's papers",
            kind="near miss",
            events=later(
                booked(0, "P1", 10),
                shipped(60),
                departure(62, "S1"),
                shelf(90, "P1", 10),
                shelf(150, "P1", 0, seen=False),
            ),
        ),
        Case(
            name="a delivery of the same article after the goods had gone",
            kind="near miss",
            events=later(
                booked(0, "P1", 10),
                shelf(30, "P1", 0, seen=False),
                shipped(60),
                shelf(120, "P1", 0, seen=False),
                departure(300, "S1"),
                shelf(600, "P1", 40),
                booked(640, "P1", 40),
            ),
        ),
        Case(
            name="a shelf that always had one more than the books",
            kind="near miss",
            events=later(
                booked(0, "P1", 20),
                shelf(10, "P1", 21),
                shipped(60, 1),
                booked(63, "P1", 19),
                shelf(80, "P1", 20),
                departure(300, "S1"),
                shelf(500, "P1", 20),
            ),
        ),
        Case(
            name="a shelf with one more than the books, picked a moment before it was booked",
            kind="near miss",
            events=later(
                booked(0, "P1", 20),
                shelf(10, "P1", 21),
                shelf(140, "P1", 21),
                shelf(230, "P1", 20),
                shipped(240, 1),
                booked(243, "P1", 19),
                shelf(320, "P1", 20),
                departure(400, "S1"),
                shelf(500, "P1", 20),
            ),
        ),
        Case(
            name="some of the goods have been carried out already",
            kind="hit",
            events=later(booked(0, "P1", 40), shipped(60, 40), shelf(120, "P1", 10)),
            expect=[present("confirmed", physical_quantity=10, marked_quantity=40)],
        ),
        Case(
            name="most of the goods are gone, then a delivery",
            kind="near miss",
            events=later(
                booked(0, "P1", 40),
                shelf(50, "P1", 26),
                shipped(60, 14),
                booked(64, "P1", 25),
                shelf(120, "P1", 26),
                departure(300, "S1"),
                shelf(600, "P1", 50),
                booked(620, "P1", 49),
            ),
        ),
        Case(
            name="the same article on another shelf",
            kind="near miss",
            events=later(
                booked(0, "P1", 10),
                booked(1, "P1", 30, "WH1/B-01"),
                shipped(60),
                shelf(90, "P1", 30, "WH1/B-01"),
            ),
        ),
        Case(
            name="the same article at another site",
            kind="near miss",
            events=later(booked(0, "P1", 10), shipped(60), shelf(90, "P1", 30, "WH2/B-01")),
        ),
        Case(
            name="waiting at the dock",
            kind="near miss",
            events=later(
                booked(0, "P1", 10),
                shelf(50, "P1", 0, seen=False),
                shipped(60),
                shelf(90, "P1", 10, "WH1/DOCK-1"),
                departure(300, "S1"),
            ),
        ),
        Case(
            name="delivered days after its truck left",
            kind="near miss",
            events=later(
                booked(0, "P1", 30),
                shipped(60),
                departure(100, "S1"),
                booked(110, "P1", 20),
                shelf(120, "P1", 20),
                shipped(90_000, status="delivered"),
                booked(90_001, "P1", 20),
                shelf(90_050, "P1", 20),
                until=100_000,
            ),
        ),
        Case(
            name="the same sighting again",
            kind="duplicate",
            events=later(
                booked(0, "P1", 10, id="b"),
                shipped(60, id="m"),
                shipped(60, id="m"),
                shelf(100, "P1", 10, id="s"),
                shelf(100, "P1", 10, id="s"),
            ),
            expect=[Finding("SHIPPED_BUT_PRESENT", "P1", "high", {"marked_quantity": 10}, count=1)],
        ),
        Case(
            name="the truck's record is late",
            kind="late",
            events=later(
                booked(0, "P1", 10),
                shipped(60),
                shelf(100, "P1", 10),
                activity(900, "login", "E99", after_hours=False),
                departure(300, "S1"),
            ),
            expect=[present("cleared")],
        ),
        Case(
            name="the sighting comes before the marking",
            kind="out of order",
            events=later(booked(0, "P1", 10), shelf(62, "P1", 10), shipped(60), booked(61, "P1", 0)),
            expect=[present("confirmed", physical_quantity=10)],
        ),
    ],
    beside=frozenset({"SHIPMENT_TRACKING"}),
)
