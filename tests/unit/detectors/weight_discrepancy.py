"""WEIGHT_DISCREPANCY by example. The catalogue says: apples 200 g, seeds 8 g, gum nothing."""

from guardian.testing import Case, Finding, heartbeat, sale
from tests.unit.detectors.shop import Table

ID = "WEIGHT_DISCREPANCY"

TABLE = Table(
    ID,
    [
        Case(
            name="a little too heavy",
            kind="hit",
            events=[sale(0, "APPLE", "C7", weight=211.0)],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "low",
                    {
                        "station_id": "SCC1",
                        "customer_id": "C7",
                        "sku": "APPLE",
                        "product_sku": "APPLE",
                        "expected_weight_g": 200.0,
                        "actual_weight_g": 211.0,
                    },
                    when=0,
                    count=1,
                )
            ],
        ),
        Case(
            name="far too heavy, and far too light",
            kind="hit",
            events=[sale(0, "APPLE", weight=400.0), sale(5, "APPLE", weight=100.0)],
            expect=[
                Finding(ID, "SCC1", "high", {"actual_weight_g": 400.0}, when=0),
                Finding(ID, "SCC1", "high", {"actual_weight_g": 100.0}, when=5),
            ],
        ),
        Case(
            name="exactly 5 % off",
            kind="near miss",
            events=[sale(0, "APPLE", weight=210.0), sale(5, "APPLE", weight=190.0)],
        ),
        Case(
            name="exactly 5 % off, in tenths of a gram",
            kind="near miss",
            events=[sale(0, "SEEDS", weight=8.4), sale(5, "SEEDS", weight=7.6)],
        ),
        Case(
            name="exactly 15 % off is not yet serious",
            kind="near miss",
            events=[sale(0, "APPLE", weight=230.0)],
            expect=[Finding(ID, "SCC1", "low")],
        ),
        Case(
            name="nothing to compare",
            kind="near miss",
            events=[
                sale(0, "GUM", weight=900.0),
                sale(1, "NEW", weight=900.0),
                sale(2, "APPLE", weight=None),
            ],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[sale(0, "APPLE", weight=400.0, id="s1"), sale(0, "APPLE", weight=400.0, id="s1")],
            expect=[Finding(ID, "SCC1", "high", {"event_ids": ["s1"]}, count=1)],
            counts={"WEIGHT_DISCREPANCY.duplicates": 1},
        ),
        Case(
            name="the till sends it twice, without an id",
            kind="duplicate",
            events=[sale(0, "APPLE", weight=400.0), sale(0, "APPLE", weight=400.0)],
            expect=[Finding(ID, "SCC1", "high", count=1)],
        ),
        Case(
            name="two customers, the later first",
            kind="out of order",
            events=[sale(4, "APPLE", "C2", weight=215.0), sale(0, "APPLE", "C1", weight=400.0)],
            expect=[
                Finding(ID, "SCC1", "high", {"customer_id": "C1"}, when=0),
                Finding(ID, "SCC1", "low", {"customer_id": "C2"}, when=4),
            ],
        ),
        Case(
            name="late is as wrong as in time",
            kind="late",
            events=[heartbeat(0), heartbeat(300), sale(10, "APPLE", weight=400.0)],
            expect=[Finding(ID, "SCC1", "high", when=10)],
            counts={"late": 1},
        ),
        Case(
            name="a shop with better scales",
            kind="hit",
            settings={ID: {"low": 0.01, "high": 0.02}},
            events=[sale(0, "APPLE", weight=203.0), sale(1, "APPLE", weight=205.0)],
            expect=[Finding(ID, "SCC1", "low"), Finding(ID, "SCC1", "high")],
        ),
    ],
)
