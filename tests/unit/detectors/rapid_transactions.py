"""RAPID_TRANSACTIONS by example, and the checkout sessions it keeps."""

from guardian.alerts.model import alert_id
from guardian.testing import Case, Finding, at, heartbeat, sale
from guardian.testing.play import SITE
from tests.unit.detectors.shop import Table

ID = "RAPID_TRANSACTIONS"
TOO_HEAVY = alert_id(SITE, "WEIGHT_DISCREPANCY", "SCC1", f"{at(10)}|C1|APPLE|400.0")
FOUR = ("SOAP", "APPLE", "GUM", "SEEDS")

TABLE = Table(
    ID,
    [
        Case(
            name="four in less than five seconds",
            kind="hit",
            events=[
                sale(0, "SOAP", price=1.0),
                sale(1.5, "APPLE", price=2.0),
                sale(3, "GUM", price=0.5),
                sale(4.999, "SEEDS", price=3.0),
                sale(20, "SOAP", price=1.0),
            ],
            expect=[
                Finding(
                    ID,
                    "C1",
                    "medium",
                    {
                        "station_id": "SCC1",
                        "customer_id": "C1",
                        "scans_in_window": 4,
                        "window_s": 5.0,
                        "session_items": 4,
                        "session_value": 6.5,
                    },
                    when=0,
                    started=0,
                    ended=4.999,
                    count=4,
                )
            ],
        ),
        Case(
            name="four in exactly five seconds",
            kind="near miss",
            events=[sale(t, sku) for t, sku in zip((0, 1.5, 3, 5), FOUR, strict=True)],
        ),
        Case(
            name="three at once",
            kind="near miss",
            events=[sale(0, sku) for sku in FOUR[:3]],
        ),
        Case(
            name="a number keyed in: many of one article at one instant",
            kind="near miss",
            events=[sale(0, "SOAP") for _ in range(12)],
        ),
        Case(
            name="different articles at one instant",
            kind="hit",
            events=[sale(0, sku) for sku in FOUR],
            expect=[Finding(ID, "C1", "medium", {"scans_in_window": 4}, count=4)],
        ),
        Case(
            name="one article again and again",
            kind="hit",
            events=[sale(t, "SOAP") for t in (0, 1, 2, 3)],
            expect=[Finding(ID, "C1", "medium")],
        ),
        Case(
            name="two customers share the pace",
            kind="near miss",
            events=[sale(t, "SOAP", f"C{t % 2}") for t in range(6)],
        ),
        Case(
            name="nobody known by name",
            kind="near miss",
            events=[sale(t, "SOAP", None) for t in (0, 1, 2, 3)],
        ),
        Case(
            name="two bursts of one session are one finding",
            kind="hit",
            events=[
                *(sale(t, "SOAP") for t in (0, 1, 2, 3)),
                *(sale(t, "GUM") for t in (60, 61, 62, 63, 64)),
            ],
            expect=[Finding(ID, "C1", "medium", {"scans_in_window": 5}, started=0, ended=64)],
            history=[{"count": 9, "started_at": at(0), "ended_at": at(64)}],
        ),
        Case(
            name="bursts of two sessions are two findings",
            kind="hit",
            events=[
                *(sale(t, "SOAP") for t in (0, 1, 2, 3)),
                *(sale(t, "GUM") for t in (400, 401, 402, 403)),
            ],
            expect=[Finding(ID, "C1", "medium", started=0), Finding(ID, "C1", "medium", started=400)],
            history=[{"count": 4, "started_at": at(0)}, {"count": 4, "started_at": at(400)}],
        ),
        Case(
            name="a session is kept with its items, value and alerts",
            kind="hit",
            events=[
                sale(0, "SOAP", "C1", price=1.25),
                sale(10, "APPLE", "C1", price=2.5, weight=400.0),
                sale(12, "GUM", "C2", price=0.5),
            ],
            expect=[Finding("WEIGHT_DISCREPANCY", "SCC1", "high")],
            history=[
                {
                    "station_id": "SCC1",
                    "customer_id": "C1",
                    "started_at": at(0),
                    "ended_at": at(10),
                    "count": 2,
                    "value": 3.75,
                    "items": [[at(0), "SOAP"], [at(10), "APPLE"]],
                    "alerts": [TOO_HEAVY],
                },
                {"customer_id": "C2", "count": 1, "value": 0.5, "alerts": []},
            ],
        ),
        Case(
            name="five minutes of silence do not end a session",
            kind="near miss",
            events=[sale(0, "SOAP"), heartbeat(299), sale(300, "SOAP")],
            history=[{"count": 2}],
        ),
        Case(
            name="more than five minutes do",
            kind="near miss",
            events=[sale(0, "SOAP"), heartbeat(299), sale(300.001, "SOAP")],
            history=[{"started_at": at(0), "count": 1}, {"started_at": at(300.001), "count": 1}],
        ),
        Case(
            name="two stations are two sessions",
            kind="near miss",
            events=[*(sale(t, "SOAP") for t in (0, 2)), *(sale(t, "GUM", station="SCC2") for t in (1, 3))],
            history=[{"station_id": "SCC1", "count": 2}, {"station_id": "SCC2", "count": 2}],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[
                *(sale(t, "SOAP", id=f"s{t}") for t in (0, 1, 2)),
                *(sale(t, "SOAP", id=f"s{t}") for t in (0, 1, 2)),
            ],
            history=[{"count": 3}],
            counts={"RAPID_TRANSACTIONS.duplicates": 3},
        ),
        Case(
            name="backwards",
            kind="out of order",
            events=[sale(t, "SOAP") for t in (4, 3, 2, 1)],
            expect=[Finding(ID, "C1", "medium", when=1, started=1, ended=4)],
            history=[{"started_at": at(1), "ended_at": at(4)}],
        ),
        Case(
            name="a sale on its way keeps two bursts one session",
            kind="out of order",
            events=[
                *(sale(t, "SOAP") for t in (0, 1, 2, 3)),
                *(sale(t, "GUM") for t in (304, 302, 305, 306, 307)),
            ],
            expect=[Finding(ID, "C1", "medium", started=0, ended=307)],
            history=[{"count": 9}],
            counts={"late": 0},
        ),
        Case(
            name="half of the scans come late",
            kind="late",
            events=[sale(0, "SOAP"), sale(1, "APPLE"), heartbeat(30), sale(2, "GUM"), sale(3, "SEEDS")],
            expect=[Finding(ID, "C1", "medium", started=0, ended=3)],
            history=[{"count": 4}],
            counts={"late": 2},
        ),
    ],
    frozenset({"WEIGHT_DISCREPANCY"}),
)
