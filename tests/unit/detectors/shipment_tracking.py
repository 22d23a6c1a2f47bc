"""SHIPMENT_TRACKING by example, seen through what MASS_SHIPMENT_FRAUD makes of it."""

from __future__ import annotations

from guardian.testing import Case, booked, departure
from tests.unit.detectors.mass_shipment_fraud import BESIDE, fraud, goods, later, marked
from tests.unit.detectors.shop import Table

TABLE = Table(
    "SHIPMENT_TRACKING",
    [
        Case(
            name="loading for an hour and a half: the truck takes what was marked within the hour",
            kind="hit",
            events=later([*marked(0, range(270), step=20), departure(5_500, "S1")], 12_000),
            # Marks of the first 1,300 s lie further than an hour and a window before the truck.
            expect=[fraud("confirmed", products=65)],
        ),
        Case(
            name="a run that goes on keeps its truck's window open",
            kind="near miss",
            events=later([*marked(0, range(60), step=30), departure(60 * 30 + 500, "S1")], 6_000),
        ),
        Case(
            name="a departure between two runs takes both",
            kind="near miss",
            events=later([*marked(0, range(25)), departure(640, "S1"), *marked(1_230, range(30, 55))], 6_000),
        ),
        Case(
            name="a second truck of one shipment",
            kind="near miss",
            events=later(
                [
                    *marked(0, range(50)),
                    departure(200, "S1", goods(range(25))),
                    departure(500, "S1", goods(range(25, 50))),
                ],
                4_000,
            ),
        ),
        Case(
            name="a departure told twice",
            kind="duplicate",
            events=later(
                [*marked(0, range(25)), departure(100, "S1", id="d"), departure(100, "S1", id="d")], 3_000
            ),
        ),
        Case(
            name="a mark that is late joins its run",
            kind="late",
            events=later(
                [
                    *marked(0, range(25)),
                    *marked(1_100, range(30, 55)),
                    # bridges the two runs, so the truck of the one is the truck of the other
                    booked(550, "P99", 10, "WH1/A-99", status="shipped", shipment="S1"),
                    departure(1_500, "S1"),
                ],
                6_000,
            ),
            expect=[fraud("cleared", products=25)],
        ),
        Case(
            name="a truck before, among and behind its marks",
            kind="out of order",
            events=later(
                [departure(3, "S1"), *marked(0, range(25), step=0.1), *marked(4, range(25, 50), step=0.01)],
                3_000,
            ),
        ),
    ],
    beside=BESIDE | {"MASS_SHIPMENT_FRAUD"},
)
