"""STOCK_LEVELS by example: what is published last of each article and place."""

from typing import Any

from guardian.events.warehouse import DELIVERED, SHIPPED
from guardian.testing import Case, at, booked, heartbeat, heartbeats, sale, shelf, snapshot
from guardian.testing.play import SITE
from tests.unit.detectors.shop import Table

ID = "STOCK_LEVELS"
HALF_HOUR = 1_800


def level(product: str, digital: int | None, physical: int | None, **shown: Any) -> dict[str, Any]:
    """Fields of the latest row of an article."""
    return {"product_id": product, "digital": digital, "physical": physical, **shown}


TABLE = Table(
    ID,
    [
        Case(
            name="books and shelf side by side",
            kind="hit",
            events=[booked(0, "P1", 40), shelf(5, "P1", 37)],
            history=[
                level(
                    "P1",
                    40,
                    37,
                    site=SITE,
                    location="WH1/A-01",
                    difference=-3,
                    updated_at=at(5),
                    series=[[at(0), 40, 37]],
                )
            ],
        ),
        Case(
            name="each place for itself",
            kind="hit",
            events=[
                booked(0, "P1", 40),
                shelf(0, "P1", 12, "WH1/B-07"),
                shelf(0, "P2", 3, "WH2/A-01"),
                booked(0, "P3", 4, "cage"),
            ],
            history=[
                level("P1", 40, None, location="WH1/A-01", difference=None),
                level("P1", None, 12, location="WH1/B-07", difference=None),
                level("P2", None, 3, location="WH2/A-01"),
                level("P3", 4, None, site=SITE, location="cage"),
            ],
        ),
        Case(
            name="what is marked as gone leaves the books, once for each shipment",
            kind="hit",
            events=[
                booked(0, "P1", 40),
                shelf(1, "P1", 40),
                booked(60, "P1", 15, status=SHIPPED, shipment="S1"),
                booked(120, "P1", 15, status=DELIVERED, shipment="S1"),
            ],
            history=[level("P1", 25, 40, difference=15, updated_at=at(60))],
        ),
        Case(
            name="a point for each half hour in which something changed",
            kind="hit",
            events=[
                booked(0, "P1", 40),
                shelf(10, "P1", 40),
                *heartbeats(600, 3 * HALF_HOUR, 600),
                shelf(3 * HALF_HOUR + 5, "P1", 39),
                shelf(3 * HALF_HOUR + 50, "P1", 38),
            ],
            history=[
                level("P1", 40, 38, series=[[at(0), 40, 40], [at(3 * HALF_HOUR), 40, 38]], difference=-2)
            ],
        ),
        Case(
            name="no more points than a day has half hours",
            kind="hit",
            events=[shelf(number * HALF_HOUR, "P1", number) for number in range(60)],
            history=[
                level(
                    "P1",
                    None,
                    59,
                    series=[[at(number * HALF_HOUR), None, number] for number in range(12, 60)],
                )
            ],
        ),
        Case(
            name="what is held back is published in the end",
            kind="hit",
            events=[shelf(0, "P1", 9), shelf(10, "P1", 8), shelf(20, "P1", 7)],
            history=[level("P1", None, 7, updated_at=at(20))],
        ),
        Case(
            name="without holding anything back",
            kind="hit",
            settings={ID: {"hold_s": 0.0}},
            events=[shelf(0, "P1", 9), shelf(1, "P1", 8)],
            history=[level("P1", None, 8, updated_at=at(1))],
        ),
        Case(
            name="in a store the books begin with the first count, and sales leave them",
            kind="hit",
            events=[snapshot(0, SOAP=10, GUM=4), sale(60, "SOAP"), sale(61, "SOAP")],
            history=[
                level("SOAP", 8, None, site=SITE, location="", updated_at=at(61)),
                level("GUM", 4, None, updated_at=at(0)),
            ],
        ),
        Case(
            name="a count is compared with the one before it, less what was sold",
            kind="hit",
            events=[
                snapshot(0, SOAP=10),
                sale(60, "SOAP"),
                sale(600, "SOAP"),  # of the very instant: it is in the count
                snapshot(600, SOAP=5),
                sale(660, "SOAP"),
            ],
            history=[level("SOAP", 7, 4, difference=-3, updated_at=at(660))],
        ),
        Case(
            name="each count starts anew: what is missing is missing once",
            kind="hit",
            events=[
                snapshot(0, SOAP=10),
                snapshot(600, SOAP=7),
                sale(700, "SOAP"),
                snapshot(1_200, SOAP=6),
            ],
            history=[level("SOAP", 6, 6, difference=0, updated_at=at(1_200))],
        ),
        Case(
            name="what is sold where nobody counts has no level",
            kind="near miss",
            events=[sale(0, "SOAP"), sale(1, "GUM")],
            history=[],
        ),
        Case(
            name="a mark on books that have not been given says nothing of how many are left",
            kind="near miss",
            events=[booked(0, "P1", 5, status=SHIPPED)],
            history=[],
        ),
        Case(
            name="the same again changes nothing",
            kind="near miss",
            events=[
                booked(0, "P1", 40),
                shelf(1, "P1", 40),
                *(shelf(60 * n, "P1", 40) for n in range(1, 9)),
                booked(600, "P1", 40),
            ],
            history=[level("P1", 40, 40, difference=0, updated_at=at(1))],
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                booked(0, "P1", 40, id="b1"),
                booked(0, "P1", 40, id="b1"),
                booked(30, "P1", 5, status=SHIPPED, id="b2"),
                shelf(31, "P1", 35, id="r1"),
                booked(30, "P1", 5, status=SHIPPED, id="b2"),
                shelf(31, "P1", 35, id="r1"),
            ],
            history=[level("P1", 35, 35, difference=0, updated_at=at(31))],
        ),
        Case(
            name="counts and sales twice",
            kind="duplicate",
            events=[
                snapshot(0, SOAP=10, id="c1"),
                sale(10, "SOAP", id="s1"),
                sale(10, "SOAP", id="s1"),
                snapshot(0, SOAP=10, id="c1"),
                snapshot(60, SOAP=9, id="c2"),
                sale(10, "SOAP", id="s1"),
                snapshot(60, SOAP=9, id="c2"),
            ],
            history=[level("SOAP", 9, 9, difference=0, updated_at=at(60))],
        ),
        Case(
            name="the mark before the books it is taken off, the newer reading first",
            kind="out of order",
            events=[
                booked(4, "P1", 5, status=SHIPPED),
                booked(0, "P1", 40),
                shelf(4, "P1", 35),
                shelf(2, "P1", 40),
            ],
            history=[level("P1", 35, 35, difference=0)],
            counts={"late": 0},
        ),
        Case(
            name="a sale that comes after the count it is in",
            kind="out of order",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=9), sale(58, "SOAP")],
            history=[level("SOAP", 9, 9, difference=0)],
            counts={"late": 0},
        ),
        Case(
            name="a late record of the books finds its place",
            kind="late",
            events=[booked(0, "P1", 40), booked(30, "P1", 44), heartbeat(60), booked(10, "P1", 2)],
            history=[level("P1", 44, None, updated_at=at(30))],
            counts={"late": 1},
        ),
        Case(
            name="a late count, and a late sale of before it, are too old",
            kind="late",
            events=[
                snapshot(0, SOAP=10),
                snapshot(600, SOAP=9),
                snapshot(1_200, SOAP=9),
                snapshot(300, SOAP=3),
                sale(500, "SOAP"),
            ],
            history=[level("SOAP", 9, 9, difference=0)],
            counts={"late": 2},
        ),
    ],
)
