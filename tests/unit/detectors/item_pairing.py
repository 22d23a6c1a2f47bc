"""ITEM_PAIRING by example: what passed, what was paid, and each misfit is reported once."""

from guardian.testing import Case, heartbeat, heartbeats, read, sale, view
from tests.unit.detectors.shop import PAIRING, Table, epc, switched, unpaid

TABLE = Table(
    "ITEM_PAIRING",
    [
        Case(
            name="everything paid",
            kind="near miss",
            events=[read(0, "SOAP"), view(0.2, "SOAP"), sale(0.5, "SOAP"), read(3, "GUM"), sale(4, "GUM")],
            counts={"ITEM_PAIRING.sale_without_read": 0},
        ),
        Case(
            name="several customers in one second",
            kind="hit",
            events=[
                read(0, "SOAP", "T1"),
                read(0, "RAZOR", "T2"),
                read(0, "APPLE", "T3"),
                read(0, "SEEDS", "T4"),
                sale(0, "APPLE", "C2"),
                sale(0, "SOAP", "C1"),
                sale(0, "GUM", "C3"),
            ],
            # Which of the two was sold as gum nobody can say; but it is one switch and one unpaid item.
            expect=[
                switched("RAZOR", "GUM", customer_id="C3"),
                unpaid("SEEDS", customer_id=None),
            ],
        ),
        Case(
            name="equal articles find each other first",
            kind="near miss",
            events=[read(0, "SOAP"), sale(0, "GUM"), read(2, "GUM"), sale(2, "SOAP")],
        ),
        Case(
            name="as many pairs as possible, not the nearest first",
            kind="near miss",
            events=[read(0, "SOAP", "T1"), read(4, "SOAP", "T2"), sale(4, "SOAP"), sale(8, "SOAP")],
        ),
        Case(
            name="three of one article, the till two seconds behind",
            kind="near miss",
            events=[
                *(read(t, "SOAP", f"T{t}") for t in (0, 1, 2)),
                *(sale(t, "SOAP") for t in (2, 3, 4)),
            ],
        ),
        Case(
            name="three of one article, the till two seconds behind, one not paid",
            kind="hit",
            events=[
                *(read(t, "SOAP", f"T{t}") for t in (0, 1, 2)),
                *(sale(t, "SOAP") for t in (2, 3)),
            ],
            expect=[unpaid("SOAP", customer_id="C1")],
        ),
        Case(
            name="a dozen of one article, the till two seconds behind",
            kind="near miss",
            events=[
                event
                for t in range(0, 24, 2)
                for event in (read(t, "SOAP", f"T{t}"), sale(t + 2, "SOAP", id=f"S{t}"))
            ],
        ),
        Case(
            name="a dozen switched barcodes, the till two seconds behind",
            kind="hit",
            events=[
                event
                for t in range(0, 24, 2)
                for event in (read(t, "RAZOR", f"T{t}"), sale(t + 2, "GUM", id=f"S{t}"))
            ],
            expect=[switched("RAZOR", "GUM", customer_id="C1") for _ in range(12)],
        ),
        Case(
            name="the window's very edge",
            kind="near miss",
            events=[read(0, "SOAP"), sale(5, "SOAP"), sale(20, "GUM"), read(25, "GUM")],
        ),
        Case(
            name="just beyond the window",
            kind="hit",
            events=[read(0, "SOAP"), sale(5.001, "SOAP")],
            expect=[unpaid("SOAP")],
            counts={"ITEM_PAIRING.sale_without_read": 1},
        ),
        Case(
            name="a tag that is not read is no crime",
            kind="near miss",
            events=[sale(0, "SOAP"), sale(3, "GUM")],
            counts={"ITEM_PAIRING.sale_without_read": 2},
        ),
        Case(
            name="a tag that lies there is one item",
            kind="near miss",
            events=[sale(0, "SOAP"), *(read(t, "SOAP", "T1") for t in range(0, 40, 4))],
        ),
        Case(
            name="a tag that lies there unpaid is one finding",
            kind="hit",
            events=[read(t, "SOAP", "T1") for t in range(0, 60, 3)],
            expect=[unpaid("SOAP", epc="T1")],
        ),
        Case(
            name="a tag that comes back much later is another visit",
            kind="hit",
            events=[read(0, "SOAP", "T1"), sale(1, "SOAP"), heartbeat(400), read(700, "SOAP", "T1")],
            expect=[unpaid("SOAP", epc="T1")],
        ),
        Case(
            name="tags without a serial are counted one by one",
            kind="hit",
            events=[read(0, "SOAP"), read(1, "SOAP"), sale(0, "SOAP")],
            expect=[unpaid("SOAP")],
        ),
        Case(
            name="a serial alone says what it is",
            kind="hit",
            events=[read(0, None, epc(7)), read(0, None, epc(8).lower()), sale(0.5, "SOAP")],
            expect=[unpaid("SOAP")],
        ),
        Case(
            name="a serial nobody knows",
            kind="near miss",
            events=[read(0, None, epc(4_000))],
            counts={"ITEM_PAIRING.unknown_tag": 1},
        ),
        Case(
            name="a shelf is not the scan area",
            kind="near miss",
            events=[read(0, "RAZOR", "T1", location="SHELF_4")],
        ),
        Case(
            name="heartbeats mean nothing",
            kind="near miss",
            events=heartbeats(0, 40, 4),
        ),
        Case(
            name="a missed tag is not taken for a switch when the camera saw the article",
            kind="hit",
            events=[
                read(0, "RAZOR", "T1"),
                view(0, "RAZOR"),
                view(1, "SOAP"),
                sale(1, "SOAP", "C2"),
            ],
            expect=[unpaid("RAZOR", camera_confidence=0.9)],
        ),
        Case(
            name="the camera is unsure: still a switch",
            kind="hit",
            events=[read(0, "RAZOR", "T1"), view(0, "RAZOR", 0.12), sale(1, "SOAP")],
            expect=[switched("RAZOR", "SOAP", camera_confidence=0.12)],
        ),
        Case(
            name="the camera sees something else than the tag: the tag is right",
            kind="near miss",
            events=[read(0, "SOAP"), view(0, "RAZOR", 0.99), sale(0.5, "SOAP")],
        ),
        Case(
            name="stations are apart",
            kind="hit",
            events=[read(0, "SOAP"), sale(0, "SOAP", station="SCC2")],
            expect=[unpaid("SOAP")],
        ),
        Case(
            name="a sale delivered twice pays once",
            kind="duplicate",
            events=[
                read(0, "SOAP", "T1"),
                read(0.5, "SOAP", "T2"),
                sale(0, "SOAP", id="s1"),
                sale(0, "SOAP", id="s1"),
            ],
            expect=[unpaid("SOAP")],
            counts={"ITEM_PAIRING.duplicates": 1},
        ),
        Case(
            name="a read delivered twice is one item",
            kind="duplicate",
            events=[read(0, "SOAP", id="r1"), sale(0, "SOAP"), read(0, "SOAP", id="r1")],
        ),
        Case(
            name="the sale first, the camera last",
            kind="out of order",
            events=[
                sale(4, "SOAP"),
                read(1, "SOAP", "T1"),
                sale(2, "GUM"),
                read(1, "RAZOR"),
                view(1, "RAZOR"),
            ],
            expect=[switched("RAZOR", "GUM", camera_confidence=0.9)],
        ),
        Case(
            name="a tag read twice, the second read first",
            kind="out of order",
            events=[sale(0, "SOAP"), read(5.5, "SOAP", "T1"), read(4.5, "SOAP", "T1")],
        ),
        *(
            Case(
                name=f"of two sales just as near, always the same is taken ({first} first)",
                kind="out of order",
                events=[read(0, "RAZOR", "T1"), sale(0, first, who), sale(0, second, other)],
                expect=[switched("RAZOR", "GUM", customer_id="C1")],
            )
            for first, who, second, other in (("GUM", "C1", "SOAP", "C2"), ("SOAP", "C2", "GUM", "C1"))
        ),
        Case(
            name="the read comes long after its sale",
            kind="late",
            events=[sale(0, "SOAP"), heartbeat(60), read(1, "SOAP", "T1")],
            counts={"late": 1},
        ),
        Case(
            name="late, before anything was decided",
            kind="late",
            events=[sale(0, "SOAP"), read(9, "GUM", "T2"), sale(9, "GUM"), read(1, "RAZOR", "T1")],
            expect=[switched("RAZOR", "SOAP")],
            counts={"late": 1},
        ),
    ],
    PAIRING,
)
