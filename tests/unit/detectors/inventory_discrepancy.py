"""INVENTORY_DISCREPANCY by example. Snapshots come every minute; a sale without a read is no alert."""

from typing import Any

from guardian.testing import Case, Finding, heartbeat, heartbeats, read, sale, snapshot
from tests.unit.detectors.shop import PAIRING, Table, switched, unpaid

ID = "INVENTORY_DISCREPANCY"
WEEK = 7 * 86_400
LONGER = WEEK * 9 // 8


def missing(units: int, severity: str = "low", sku: str = "SOAP", **rest: Any) -> Finding:
    """A discrepancy of so many units; `rest` is evidence."""
    return Finding(
        ID, sku, severity, {"sku": sku, "product_sku": sku, "unexplained": units, **rest}, count=units
    )


TABLE = Table(
    ID,
    [
        Case(
            name="one unit is gone",
            kind="hit",
            events=[snapshot(0, SOAP=10), sale(20, "SOAP"), snapshot(60, SOAP=8)],
            expect=[
                Finding(
                    ID,
                    "SOAP",
                    "low",
                    {
                        "sku": "SOAP",
                        "snapshot_time": "2025-08-13T16:01:00+00:00",
                        "expected": 9,
                        "actual": 8,
                        "explained": 0,
                        "unexplained": 1,
                        "explained_by": [],
                    },
                    when=60,
                    started=0,
                    ended=60,
                    count=1,
                )
            ],
        ),
        Case(
            name="severity grows with what is missing",
            kind="hit",
            events=[
                snapshot(0, SOAP=50),
                snapshot(60, SOAP=48),
                snapshot(120, SOAP=45),
                snapshot(180, SOAP=40),
                snapshot(240, SOAP=34),
            ],
            expect=[missing(2), missing(3, "medium"), missing(5, "medium"), missing(6, "high")],
        ),
        Case(
            name="everything that left was paid",
            kind="near miss",
            events=[snapshot(0, SOAP=10), *(sale(t, "SOAP") for t in (10, 20, 30)), snapshot(60, SOAP=7)],
        ),
        Case(
            name="the first snapshot has nothing to compare with",
            kind="near miss",
            events=[sale(0, "SOAP"), snapshot(60, SOAP=1)],
        ),
        Case(
            name="a sale at the instant of a snapshot is in it",
            kind="near miss",
            events=[
                sale(0, "SOAP"),
                snapshot(0, SOAP=10),
                snapshot(60, SOAP=9),
                sale(60, "SOAP"),
                sale(60, "GUM"),
                snapshot(120, SOAP=9),
            ],
        ),
        Case(
            name="an unpaid item is explained",
            kind="near miss",
            events=[snapshot(0, SOAP=10), read(20, "SOAP", "T1"), snapshot(60, SOAP=9)],
            expect=[unpaid("SOAP")],
        ),
        Case(
            name="an unpaid item explains one unit of two",
            kind="hit",
            events=[snapshot(0, SOAP=10), read(20, "SOAP", "T1"), snapshot(60, SOAP=8)],
            expect=[unpaid("SOAP"), missing(1, expected=10, actual=8, explained=1)],
        ),
        Case(
            name="several unpaid items just before the snapshot, then quiet",
            kind="near miss",
            events=[
                snapshot(0, SOAP=10),
                read(57, "SOAP", "T1"),
                read(58, "SOAP", "T2"),
                read(59, "SOAP", "T3"),
                snapshot(60, SOAP=7),
                heartbeat(200),
            ],
            expect=[unpaid("SOAP"), unpaid("SOAP"), unpaid("SOAP")],
        ),
        Case(
            name="a switch explains both articles",
            kind="near miss",
            events=[
                snapshot(0, RAZOR=5, GUM=10),
                read(20, "RAZOR", "T1"),
                sale(20, "GUM"),
                snapshot(60, RAZOR=4, GUM=10),
            ],
            expect=[switched("RAZOR", "GUM")],
        ),
        Case(
            name="a switch does not explain what is missing besides, of either",
            kind="hit",
            events=[
                snapshot(0, RAZOR=5, GUM=10),
                read(20, "RAZOR", "T1"),
                sale(20, "GUM"),
                snapshot(60, RAZOR=3, GUM=9),
            ],
            expect=[
                switched("RAZOR", "GUM"),
                missing(1, sku="RAZOR", expected=5, actual=3, explained=1),
                missing(1, sku="GUM", expected=9, actual=9, explained=-1),
            ],
        ),
        Case(
            name="a delivery is silent",
            kind="near miss",
            events=[snapshot(0, SOAP=2), snapshot(60, SOAP=50), sale(70, "SOAP"), snapshot(120, SOAP=49)],
        ),
        Case(
            name="the till is ahead: the snapshot has a sale of two seconds later",
            kind="near miss",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=9), sale(62, "SOAP"), snapshot(120, SOAP=9)],
        ),
        Case(
            name="the till is behind: the snapshot lacks a sale of a second ago",
            kind="near miss",
            events=[snapshot(0, SOAP=10), sale(59, "SOAP"), snapshot(60, SOAP=10), snapshot(120, SOAP=9)],
        ),
        Case(
            name="skew puts a theft off by one snapshot, and does not hide it",
            kind="hit",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=9), sale(61, "SOAP"), snapshot(120, SOAP=8)],
            expect=[missing(1, expected=8, actual=8, snapshot_time="2025-08-13T16:02:00+00:00")],
        ),
        Case(
            name="a sale just beyond the skew is no excuse",
            kind="near miss",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=9), sale(62.001, "SOAP"), snapshot(120, SOAP=9)],
            expect=[missing(1, snapshot_time="2025-08-13T16:01:00+00:00")],
        ),
        Case(
            name="skew excuses one unit, not two",
            kind="hit",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=8), sale(61, "SOAP")],
            expect=[missing(2)],
        ),
        Case(
            name="an article that a snapshot leaves out is judged at the next",
            kind="hit",
            events=[
                snapshot(0, SOAP=10, GUM=5),
                sale(20, "SOAP"),
                snapshot(60, GUM=5),
                sale(80, "SOAP"),
                snapshot(120, SOAP=7, GUM=5),
            ],
            expect=[Finding(ID, "SOAP", "low", {"expected": 8, "actual": 7}, started=0, ended=120)],
        ),
        Case(
            name="what is not known for longer than a week is not compared",
            kind="near miss",
            events=[
                snapshot(0, SOAP=10),
                snapshot(60, SOAP=10),
                *[heartbeat(LONGER + 3_600)] * 3,
                snapshot(LONGER + 3_610, SOAP=5),
            ],
        ),
        Case(
            name="snapshots and sales delivered twice",
            kind="duplicate",
            events=[
                snapshot(0, SOAP=10, id="n0"),
                sale(20, "SOAP", id="s1"),
                sale(20, "SOAP", id="s1"),
                snapshot(0, SOAP=10, id="n0"),
                snapshot(60, SOAP=8, id="n1"),
                snapshot(60, SOAP=8, id="n1"),
            ],
            expect=[missing(1, expected=9, actual=8)],
        ),
        Case(
            name="the snapshot before the sales that are in it",
            kind="out of order",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=8), sale(59, "SOAP"), sale(56, "SOAP")],
            counts={"late": 0},
        ),
        Case(
            name="a late sale still counts while the snapshot settles",
            kind="late",
            events=[snapshot(0, SOAP=10), snapshot(60, SOAP=9), heartbeat(85), sale(30, "SOAP")],
            counts={"late": 1},
        ),
        Case(
            name="a sale after the verdict does not change it, nor the next",
            kind="late",
            events=[
                snapshot(0, SOAP=10),
                snapshot(60, SOAP=9),
                *heartbeats(100, 110),
                sale(30, "SOAP"),
                snapshot(120, SOAP=9),
            ],
            expect=[missing(1, snapshot_time="2025-08-13T16:01:00+00:00")],
            counts={"late": 1},
        ),
        Case(
            name="a snapshot after the verdict on a newer one is counted and left",
            kind="late",
            events=[snapshot(0, SOAP=10), snapshot(120, SOAP=10), heartbeat(200), snapshot(60, SOAP=3)],
            counts={"late": 1, "INVENTORY_DISCREPANCY.snapshot_too_late": 1},
        ),
        Case(
            name="an alert that is cleared explains nothing any more",
            kind="late",
            events=[
                snapshot(0, SOAP=10),
                read(20, "SOAP", "T1"),
                heartbeat(50),
                sale(21, "SOAP"),
                snapshot(60, SOAP=8),
            ],
            expect=[unpaid("SOAP", status="cleared"), missing(1, expected=9, actual=8, explained=0)],
            counts={"late": 1},
        ),
    ],
    PAIRING,
)
