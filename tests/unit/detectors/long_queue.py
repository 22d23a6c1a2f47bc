"""LONG_QUEUE by example."""

from guardian.events.topics import QUEUE
from guardian.testing import Case, Finding, event, heartbeat, queue
from tests.unit.detectors.shop import Table

ID = "LONG_QUEUE"
NIGHT = 10 * 3_600

TABLE = Table(
    ID,
    [
        Case(
            name="one sample is enough",
            kind="hit",
            events=[queue(0, 4), queue(10, 6), queue(20, 5)],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "medium",
                    {"station_id": "SCC1", "num_of_customers": 6, "ongoing": False},
                    when=10,
                    started=10,
                    ended=10,
                    count=1,
                )
            ],
        ),
        Case(
            name="a queue that lasts is one alert, with its worst",
            kind="hit",
            events=[queue(0, 6), queue(15, 9), queue(30, 7), queue(45, 3)],
            expect=[
                Finding(ID, "SCC1", "medium", {"num_of_customers": 9}, when=0, started=0, ended=30, count=3)
            ],
        ),
        Case(
            name="exactly at the limit",
            kind="near miss",
            events=[queue(0, 5), queue(10, 5), queue(20, 5)],
        ),
        Case(
            name="a monitor that cannot read is not believed",
            kind="near miss",
            events=[queue(0, 9, status="Read Error"), queue(10, 9, status="System Crash")],
        ),
        Case(
            name="a sample without a count",
            kind="near miss",
            events=[event(QUEUE, 0, {"station_id": "SCC1", "status": "Active"})],
        ),
        Case(
            name="stations do not add up",
            kind="near miss",
            events=[queue(0, 3), queue(0, 3, station="SCC2"), queue(1, 4, station="SCC3")],
        ),
        Case(
            name="each station has its own queue",
            kind="hit",
            events=[queue(0, 6), queue(1, 7, station="SCC2")],
            expect=[
                Finding(ID, "SCC1", "medium", {"num_of_customers": 6}, count=1),
                Finding(ID, "SCC2", "medium", {"num_of_customers": 7}, count=1),
            ],
        ),
        Case(
            name="thirty seconds apart are one queue",
            kind="near miss",
            events=[queue(0, 6), queue(30, 6)],
            expect=[Finding(ID, "SCC1", "medium", started=0, ended=30, count=2)],
        ),
        Case(
            name="more than thirty seconds apart are two queues",
            kind="hit",
            events=[queue(0, 6), queue(10, 8), queue(40.001, 7)],
            expect=[
                Finding(ID, "SCC1", "medium", {"num_of_customers": 8}, started=0, ended=10, count=2),
                Finding(ID, "SCC1", "medium", {"num_of_customers": 7}, started=40.001, ended=40.001, count=1),
            ],
        ),
        Case(
            name="a sample delivered twice counts once",
            kind="duplicate",
            events=[queue(0, 6, id="q1"), queue(5, 7, id="q2"), queue(0, 6, id="q1"), queue(5, 7, id="q2")],
            expect=[
                Finding(ID, "SCC1", "medium", {"num_of_customers": 7, "event_ids": ["q1", "q2"]}, count=2)
            ],
            counts={"LONG_QUEUE.duplicates": 2},
        ),
        Case(
            name="the first samples after a closed night come twice",
            kind="duplicate",
            events=[
                queue(0, 6),
                queue(NIGHT, 7, id="q1"),
                queue(NIGHT + 1, 8, id="q2"),
                heartbeat(NIGHT + 2),
                queue(NIGHT, 7, id="q1"),
                queue(NIGHT + 1, 8, id="q2"),
            ],
            expect=[
                Finding(ID, "SCC1", "medium", started=0, ended=0, count=1),
                Finding(ID, "SCC1", "medium", {"event_ids": ["q1", "q2"]}, started=NIGHT, count=2),
            ],
            counts={"LONG_QUEUE.duplicates": 2},
        ),
        Case(
            name="a record with a wrong clock, delivered three times, does not make time jump",
            kind="duplicate",
            events=[
                queue(0, 6),
                *[queue(NIGHT, 1, station="SCC9", id="wrong")] * 3,
                queue(20, 7),
            ],
            expect=[Finding(ID, "SCC1", "medium", started=0, ended=20, count=2)],
            counts={"late": 0},
        ),
        Case(
            name="a sample on its way bridges two queues into one",
            kind="out of order",
            events=[queue(0, 6), queue(34, 7), queue(29, 6)],
            expect=[Finding(ID, "SCC1", "medium", {"num_of_customers": 7}, started=0, ended=34, count=3)],
            counts={"late": 0},
        ),
        Case(
            name="the start comes after the end",
            kind="out of order",
            events=[queue(4, 6), queue(0, 8), queue(2, 5)],
            expect=[Finding(ID, "SCC1", "medium", {"num_of_customers": 8}, when=0, started=0, ended=4)],
        ),
        Case(
            name="late, but the queue is still on",
            kind="late",
            events=[queue(0, 6), heartbeat(25), queue(15, 9)],
            expect=[Finding(ID, "SCC1", "medium", {"num_of_customers": 9}, started=0, ended=15, count=2)],
            counts={"late": 1},
        ),
        Case(
            name="late, between two queues long over: they stay two",
            kind="late",
            events=[queue(0, 6), queue(40, 7), heartbeat(120), queue(20, 9)],
            expect=[
                Finding(ID, "SCC1", "medium", {"num_of_customers": 6}, started=0, ended=0),
                Finding(ID, "SCC1", "medium", {"num_of_customers": 7}, started=40, ended=40),
            ],
            counts={"late": 1},
        ),
        Case(
            name="late, and nothing was known of it",
            kind="late",
            events=[heartbeat(0), heartbeat(60), queue(10, 6)],
            expect=[Finding(ID, "SCC1", "medium", {"ongoing": False}, when=10)],
            counts={"late": 1},
        ),
        Case(
            name="a small shop is less patient",
            kind="hit",
            settings={ID: {"max_customers": 2}},
            events=[queue(0, 2), queue(1, 3)],
            expect=[Finding(ID, "SCC1", "medium", {"num_of_customers": 3}, count=1)],
        ),
    ],
)
