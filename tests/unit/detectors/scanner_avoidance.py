"""SCANNER_AVOIDANCE by example."""

from guardian.testing import Case, Finding, heartbeat, heartbeats, read, sale, view
from tests.unit.detectors.shop import PAIRING, Table, unpaid

ID = "SCANNER_AVOIDANCE"

TABLE = Table(
    ID,
    [
        Case(
            name="somebody walks out",
            kind="hit",
            events=[*heartbeats(0, 9), read(10, "RAZOR", "T1"), *heartbeats(11, 40)],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "high",
                    {
                        "station_id": "SCC1",
                        "customer_id": None,
                        "sku": "RAZOR",
                        "product_sku": "RAZOR",
                        "product_name": "Razor",
                        "price": 9.5,
                        "epc": "T1",
                        "camera_confidence": None,
                    },
                    when=10,
                )
            ],
        ),
        Case(
            name="nothing else ever arrives",
            kind="hit",
            events=[read(0, "RAZOR", "T1")],
            expect=[unpaid("RAZOR")],
        ),
        Case(
            name="one item is slipped past while the rest is paid",
            kind="hit",
            events=[
                read(0, "SOAP", "T1"),
                sale(0.4, "SOAP", "C5"),
                read(3, "RAZOR", "T2"),
                view(3.1, "RAZOR", 0.55),
                read(6, "GUM", "T3"),
                sale(6.4, "GUM", "C5"),
            ],
            expect=[unpaid("RAZOR", customer_id="C5", camera_confidence=0.55)],
        ),
        Case(
            name="with two customers about, nobody is named",
            kind="hit",
            events=[
                read(0, "SOAP", "T1"),
                sale(0, "SOAP", "C1"),
                read(1, "RAZOR", "T2"),
                read(2, "GUM", "T3"),
                sale(2, "GUM", "C2"),
            ],
            expect=[unpaid("RAZOR", customer_id=None)],
        ),
        Case(
            name="a customer long gone is not named",
            kind="hit",
            events=[read(0, "SOAP", "T1"), sale(0, "SOAP", "C1"), read(60, "RAZOR", "T2")],
            expect=[unpaid("RAZOR", customer_id=None)],
        ),
        Case(
            name="an article nobody knows",
            kind="hit",
            events=[read(0, "NEW", "T1", location=None)],
            expect=[unpaid("NEW", product_name=None, price=None)],
        ),
        Case(
            name="paid five seconds later",
            kind="near miss",
            events=[read(0, "RAZOR", "T1"), sale(5, "RAZOR")],
        ),
        Case(
            name="only carried by, outside the scan area",
            kind="near miss",
            events=[read(0, "RAZOR", "T1", location="EXIT")],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[read(0, "RAZOR", id="r1"), read(0, "RAZOR", id="r1")],
            expect=[unpaid("RAZOR", event_ids=["r1"])],
            counts={"ITEM_PAIRING.duplicates": 1},
        ),
        Case(
            name="the sale before the read",
            kind="out of order",
            events=[sale(3, "RAZOR"), read(0, "RAZOR", "T1"), read(1, "SOAP", "T2")],
            expect=[unpaid("SOAP", customer_id="C1")],
        ),
        Case(
            name="the sale arrives very late: cleared",
            kind="late",
            events=[read(0, "RAZOR", "T1"), *heartbeats(10, 60, 10), sale(1, "RAZOR")],
            expect=[unpaid("RAZOR", status="cleared")],
            counts={"late": 1},
        ),
        Case(
            name="two unpaid, one sale arrives very late: one is cleared",
            kind="late",
            events=[read(0, "RAZOR", "T1"), read(8, "RAZOR", "T2"), heartbeat(60), sale(1, "RAZOR")],
            expect=[unpaid("RAZOR", status="cleared", epc="T1"), unpaid("RAZOR", epc="T2")],
            counts={"late": 1},
        ),
        Case(
            name="another article's sale arrives very late: not cleared",
            kind="late",
            events=[read(0, "RAZOR", "T1"), heartbeat(60), sale(1, "SOAP")],
            expect=[unpaid("RAZOR")],
            counts={"late": 1},
        ),
        Case(
            name="the read itself is late",
            kind="late",
            events=[heartbeat(0), heartbeat(60), read(5, "RAZOR", "T1")],
            expect=[unpaid("RAZOR", epc="T1")],
            counts={"late": 1},
        ),
    ],
    PAIRING,
)
