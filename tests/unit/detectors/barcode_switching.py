"""BARCODE_SWITCHING by example: each is reported once, and not as an unpaid item, too."""

from guardian.testing import Case, Finding, heartbeat, heartbeats, read, sale, view
from tests.unit.detectors.shop import PAIRING, Table, switched, unpaid

ID = "BARCODE_SWITCHING"

TABLE = Table(
    ID,
    [
        Case(
            name="a razor for the price of gum",
            kind="hit",
            events=[read(0, "RAZOR", "T1"), view(0.1, "RAZOR", 0.8), sale(0.5, "GUM", "C4")],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "high",
                    {
                        "station_id": "SCC1",
                        "customer_id": "C4",
                        "actual_sku": "RAZOR",
                        "scanned_sku": "GUM",
                        "price_difference": 9.0,
                        "camera_confidence": 0.8,
                        "epc": "T1",
                    },
                    when=0.5,
                    started=0,
                    ended=0.5,
                    count=2,
                )
            ],
        ),
        Case(
            name="among innocent neighbours in the same second",
            kind="hit",
            events=[
                read(0, "SOAP", "T1"),
                read(0, "RAZOR", "T2"),
                read(0, "APPLE", "T3"),
                view(0, "APPLE"),
                view(0, "SOAP"),
                sale(0, "SOAP", "C1"),
                sale(0, "APPLE", "C2"),
                sale(0, "GUM", "C3"),
            ],
            expect=[switched("RAZOR", "GUM", customer_id="C3", camera_confidence=None)],
        ),
        Case(
            name="two at once",
            kind="hit",
            events=[
                read(0, "RAZOR", "T1"),
                read(2, "APPLE", "T2"),
                sale(0.2, "GUM", "C1"),
                sale(2.2, "SOAP", "C1"),
            ],
            expect=[switched("RAZOR", "GUM"), switched("APPLE", "SOAP")],
        ),
        Case(
            name="a switch, and a neighbour who did not pay",
            kind="hit",
            events=[read(0, "RAZOR", "T1"), read(3, "SOAP", "T2"), sale(0.2, "GUM")],
            expect=[switched("RAZOR", "GUM"), unpaid("SOAP")],
        ),
        Case(
            name="an article without a price",
            kind="hit",
            events=[read(0, "NEW", "T1"), sale(0.5, "GUM", None)],
            expect=[switched("NEW", "GUM", price_difference=None, customer_id=None)],
        ),
        Case(
            name="too far apart to be one item",
            kind="near miss",
            events=[read(0, "RAZOR", "T1"), sale(5.001, "GUM")],
            expect=[unpaid("RAZOR")],
        ),
        Case(
            name="both were paid, in another order",
            kind="near miss",
            events=[read(0, "RAZOR"), read(0.5, "GUM"), sale(0.5, "GUM"), sale(4, "RAZOR")],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[
                read(0, "RAZOR", id="r1"),
                sale(0.5, "GUM", id="s1"),
                sale(0.5, "GUM", id="s1"),
                read(0, "RAZOR", id="r1"),
            ],
            expect=[switched("RAZOR", "GUM", event_ids=["r1", "s1"])],
            counts={"ITEM_PAIRING.duplicates": 2},
        ),
        Case(
            name="the sale before the read",
            kind="out of order",
            events=[*heartbeats(0, 3), sale(4, "GUM"), read(0, "RAZOR", "T1"), *heartbeats(4, 9)],
            expect=[switched("RAZOR", "GUM")],
            counts={"late": 0},
        ),
        Case(
            name="the read is late, but nothing was decided yet",
            kind="late",
            events=[sale(0, "GUM"), heartbeat(10), read(1, "RAZOR", "T1")],
            expect=[switched("RAZOR", "GUM")],
            counts={"late": 1},
        ),
    ],
    PAIRING,
)
