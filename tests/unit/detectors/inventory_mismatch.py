"""INVENTORY_MISMATCH by example. A reading is judged by what the books said within two minutes of it."""

from typing import Any

from guardian.events.warehouse import DELIVERED, IN_TRANSIT, SHIPPED
from guardian.testing import Case, Finding, heartbeats
from guardian.testing.warehouse import SHELF, booked, shelf
from tests.unit.detectors.shop import Table

ID = "INVENTORY_MISMATCH"
HOUR = 3_600
DAY = 24 * HOUR


def mismatch(difference: int, severity: str, **rest: Any) -> Finding:
    """A difference of so many units of P1 on its shelf; `rest` is as in `Finding`."""
    evidence = {"product_id": "P1", "location": SHELF, "difference": difference, **rest.pop("evidence", {})}
    return Finding(ID, "P1", severity, evidence, **rest)


TABLE = Table(
    ID,
    [
        Case(
            name="goods are gone, and the books do not know",
            kind="hit",
            events=[
                booked(0, "P1", 100, by="E7", id="b1"),
                shelf(30, "P1", 40, id="s1"),
                shelf(90, "P1", 40),
            ],
            expect=[
                mismatch(
                    60,
                    "critical",
                    evidence={
                        "digital_quantity": 100,
                        "physical_quantity": 40,
                        "employee_id": "E7",
                    },
                    when=30,
                    started=30,
                    ended=90,
                    count=2,
                )
            ],
        ),
        Case(
            name="the shelf first, then the books",
            kind="hit",
            events=[shelf(0, "P1", 79), booked(120, "P1", 100)],
            expect=[mismatch(21, "high", when=0)],
        ),
        Case(
            name="six units",
            kind="hit",
            events=[booked(0, "P1", 10), shelf(1, "P1", 4)],
            expect=[mismatch(6, "medium")],
        ),
        Case(
            name="exactly twenty units are not more than twenty",
            kind="hit",
            events=[booked(0, "P1", 100), shelf(1, "P1", 80)],
            expect=[mismatch(20, "medium")],
        ),
        Case(
            name="more than the books say, which nobody marked as gone",
            kind="hit",
            events=[booked(0, "P1", 10), shelf(1, "P1", 31)],
            expect=[mismatch(21, "high", evidence={"digital_quantity": 10, "physical_quantity": 31})],
        ),
        Case(
            name="five units",
            kind="near miss",
            events=[booked(0, "P1", 10), shelf(1, "P1", 5), shelf(90, "P1", 15)],
        ),
        Case(
            name="further apart than two minutes",
            kind="near miss",
            events=[booked(0, "P1", 100), shelf(120.001, "P1", 40), shelf(300, "P1", 40)],
        ),
        Case(
            name="the worst reading counts, and severity never goes down",
            kind="hit",
            events=[
                booked(0, "P1", 100),
                shelf(10, "P1", 90),
                shelf(50, "P1", 30),
                shelf(100, "P1", 85),
            ],
            expect=[
                mismatch(70, "critical", evidence={"physical_quantity": 30}, count=3, started=10, ended=100)
            ],
        ),
        Case(
            name="as long as it persists it is one finding",
            kind="hit",
            events=[
                one for t in range(0, 4 * HOUR, 900) for one in (booked(t, "P1", 50), shelf(t + 60, "P1", 40))
            ],
            expect=[mismatch(10, "medium", count=16, started=60, ended=4 * HOUR - 840)],
        ),
        Case(
            name="shelf and books agree again, then they do not",
            kind="hit",
            events=[
                booked(0, "P1", 50),
                shelf(60, "P1", 40),
                booked(HOUR, "P1", 40),
                shelf(HOUR + 60, "P1", 40),
                booked(2 * HOUR, "P1", 40),
                shelf(2 * HOUR + 60, "P1", 30),
            ],
            expect=[mismatch(10, "medium", when=60), mismatch(10, "medium", when=2 * HOUR + 60)],
        ),
        Case(
            name="what was not seen for a day is a new finding",
            kind="hit",
            events=[
                booked(0, "P1", 50),
                shelf(60, "P1", 40),
                *heartbeats(HOUR, DAY + HOUR, HOUR),
                booked(DAY + HOUR, "P1", 50),
                shelf(DAY + HOUR + 60, "P1", 40),
            ],
            expect=[mismatch(10, "medium", when=60), mismatch(10, "medium", when=DAY + HOUR + 60)],
        ),
        Case(
            name="picked before it is marked, and given anew afterwards",
            kind="near miss",
            events=[
                booked(0, "P1", 100),
                shelf(10, "P1", 100),
                shelf(3_500, "P1", 70),
                booked(3_600, "P1", 30, status=SHIPPED, shipment="S1"),
                booked(3_604, "P1", 70),
                shelf(3_610, "P1", 70),
            ],
        ),
        Case(
            name="marked before it is picked",
            kind="near miss",
            events=[
                booked(0, "P1", 100),
                booked(3_600, "P1", 30, status=SHIPPED, shipment="S1"),
                booked(3_604, "P1", 70),
                shelf(3_700, "P1", 100),
                shelf(3_719, "P1", 70),
                booked(3_800, "P1", 70),
            ],
        ),
        Case(
            name="the books change and the shelf never follows",
            kind="hit",
            events=[
                booked(0, "P1", 100),
                shelf(10, "P1", 100),
                booked(3_600, "P1", 40),
                shelf(3_650, "P1", 100),
                shelf(3_740, "P1", 100),
            ],
            expect=[mismatch(60, "critical", when=3_740, evidence={"digital_quantity": 40})],
        ),
        Case(
            name="marked as shipped and never taken: not this finding",
            kind="near miss",
            events=[
                booked(0, "P1", 100),
                booked(3_600, "P1", 60, status=SHIPPED, shipment="S1"),
                booked(3_603, "P1", 40),
                *[shelf(3_630 + t, "P1", 100) for t in range(0, 900, 90)],
                booked(4_300, "P1", 40),
                booked(4_600, "P1", 40),
            ],
        ),
        Case(
            name="marked as shipped, gone, and then more are gone",
            kind="hit",
            events=[
                booked(0, "P1", 100),
                booked(3_600, "P1", 60, status=SHIPPED, shipment="S1"),
                shelf(3_640, "P1", 40),
                shelf(3_900, "P1", 10),
                booked(3_950, "P1", 40),
            ],
            expect=[mismatch(30, "high", when=3_900, evidence={"digital_quantity": 40})],
        ),
        Case(
            name="the goods of a shipment are gone, and what stands there later is not theirs",
            kind="hit",
            events=[
                booked(0, "P1", 100),
                booked(3_600, "P1", 60, status=SHIPPED, shipment="S1"),
                shelf(3_640, "P1", 40),
                shelf(7_200, "P1", 70),
                booked(7_260, "P1", 40),
            ],
            expect=[mismatch(30, "high", when=7_200)],
        ),
        Case(
            name="a shipment is told of again on its way, and moves nothing more",
            kind="hit",
            events=[
                booked(0, "P1", 100),
                booked(3_600, "P1", 30, status=SHIPPED, shipment="S1"),
                shelf(3_640, "P1", 70),
                booked(9_000, "P1", 30, status=IN_TRANSIT, shipment="S1"),
                booked(12_000, "P1", 30, status=DELIVERED, shipment="S1"),
                booked(12_100, "P1", 1, status=SHIPPED, shipment="S2"),
                shelf(12_150, "P1", 40),
            ],
            expect=[mismatch(29, "high", evidence={"digital_quantity": 69, "physical_quantity": 40})],
        ),
        Case(
            name="a delivery is put away before it is booked",
            kind="near miss",
            events=[
                booked(0, "P1", 10),
                shelf(10, "P1", 10),
                shelf(3_600, "P1", 50),
                booked(3_655, "P1", 50),
                shelf(3_690, "P1", 50),
            ],
        ),
        Case(
            name="other products and places are other books",
            kind="near miss",
            events=[booked(0, "P1", 100), shelf(1, "P2", 10), shelf(2, "P1", 10, "WH1/B-02")],
        ),
        Case(
            name="at a dock without books nothing is compared",
            kind="near miss",
            events=[
                *[shelf(t, "P1", 30, "WH1/DOCK-1") for t in range(0, 600, 90)],
                booked(601, "P1", 100, "WH1/DOCK-1", status=IN_TRANSIT, shipment="S1"),
            ],
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                booked(0, "P1", 100, id="b0"),
                booked(0, "P1", 100, id="b0"),
                booked(600, "P1", 10, status=SHIPPED, id="b1"),
                booked(600, "P1", 10, status=SHIPPED, id="b1"),
                shelf(640, "P1", 60, id="s1"),
                shelf(640, "P1", 60, id="s1"),
            ],
            expect=[mismatch(30, "high", count=1)],
        ),
        Case(
            name="a record of the books comes late, and explains the shelf",
            kind="late",
            events=[
                booked(0, "P1", 100),
                shelf(3_600, "P1", 70),
                *heartbeats(3_620, 3_690, 10),
                booked(3_610, "P1", 30, status=SHIPPED),
            ],
            counts={"late": 1},
        ),
        Case(
            name="a reading comes after it would have been judged, and is judged all the same",
            kind="late",
            events=[booked(0, "P1", 100), *heartbeats(10, 200, 10), shelf(60, "P1", 70)],
            expect=[mismatch(30, "high", when=60)],
            counts={"late": 1},
        ),
        Case(
            name="a reading before the records that explain it",
            kind="out of order",
            events=[
                booked(0, "P1", 100),
                shelf(604, "P1", 70),
                booked(603, "P1", 70),
                booked(600, "P1", 30, status=SHIPPED),
                shelf(700, "P1", 60),
            ],
            expect=[mismatch(10, "medium", when=700)],
            counts={"late": 0},
        ),
    ],
)
