"""LONG_WAIT by example."""

from guardian.testing import Case, Finding, heartbeat, queue
from tests.unit.detectors.shop import Table

ID = "LONG_WAIT"

TABLE = Table(
    ID,
    [
        Case(
            name="one sample is enough",
            kind="hit",
            events=[queue(0, 1, 90), queue(10, 1, 130.5), queue(20, 1, 60)],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "medium",
                    {"station_id": "SCC1", "wait_time_s": 130.5},
                    when=10,
                    ended=10,
                    count=1,
                )
            ],
        ),
        Case(
            name="exactly at the limit",
            kind="near miss",
            events=[queue(0, 1, 120.0), queue(10, 3, 120.0)],
        ),
        Case(
            name="a monitor that cannot read is not believed",
            kind="near miss",
            events=[queue(0, 1, 500, status="Read Error")],
        ),
        Case(
            name="two waits apart are two alerts",
            kind="hit",
            events=[queue(0, 1, 150), queue(20, 1, 200), queue(51, 1, 140)],
            expect=[
                Finding(ID, "SCC1", "medium", {"wait_time_s": 200.0}, started=0, ended=20, count=2),
                Finding(ID, "SCC1", "medium", {"wait_time_s": 140.0}, started=51, ended=51, count=1),
            ],
        ),
        Case(
            name="a sample delivered twice counts once",
            kind="duplicate",
            events=[queue(0, 1, 150, id="q1"), queue(0, 1, 150, id="q1")],
            expect=[Finding(ID, "SCC1", "medium", count=1)],
            counts={"LONG_WAIT.duplicates": 1},
        ),
        Case(
            name="a sample on its way bridges two waits into one",
            kind="out of order",
            events=[queue(0, 1, 150), queue(33, 1, 150), queue(28, 1, 180)],
            expect=[Finding(ID, "SCC1", "medium", {"wait_time_s": 180.0}, started=0, ended=33, count=3)],
        ),
        Case(
            name="late, but the wait is still on",
            kind="late",
            events=[queue(0, 1, 150), heartbeat(25), queue(10, 1, 160)],
            expect=[Finding(ID, "SCC1", "medium", {"wait_time_s": 160.0}, ended=10, count=2)],
            counts={"late": 1},
        ),
    ],
)
