"""STAFFING_NEED by example: on queues, waits and crashes."""

from guardian.testing import Case, Finding, crash, heartbeat, queue
from guardian.testing.play import SITE
from tests.unit.detectors.shop import Table, long_queue, need

ID = "STAFFING_NEED"

CRASH = Finding("SYSTEM_CRASH", "SCC2", "high")

TABLE = Table(
    ID,
    [
        Case(
            name="a queue for a minute",
            kind="hit",
            events=[queue(t, 6) for t in (0, 20, 40, 60)],
            expect=[
                long_queue(),
                Finding(
                    ID,
                    SITE,
                    "low",
                    {"station_id": "SCC1", "stations_under_pressure": 1, "staff_type": "Cashier"},
                    when=60,
                ),
            ],
        ),
        Case(
            name="a wait for a minute",
            kind="hit",
            events=[queue(t, 1, 130) for t in (0, 25, 50, 75)],
            expect=[Finding("LONG_WAIT", "SCC1", "medium"), need("SCC1", 1)],
        ),
        Case(
            name="not quite a minute",
            kind="near miss",
            events=[queue(t, 6) for t in (0, 20, 40, 59.999)],
            expect=[long_queue()],
        ),
        Case(
            name="queues at two stations",
            kind="hit",
            events=[queue(0, 6), queue(10, 7, station="SCC2")],
            expect=[long_queue(), long_queue("SCC2"), need("SCC2", 2)],
        ),
        Case(
            name="queue and wait at one station are one station",
            kind="near miss",
            events=[queue(0, 6, 150)],
            expect=[long_queue(), Finding("LONG_WAIT", "SCC1", "medium")],
        ),
        Case(
            name="two stations, one after the other",
            kind="near miss",
            events=[queue(0, 6), heartbeat(40), queue(41, 6, station="SCC2")],
            expect=[long_queue(), long_queue("SCC2")],
        ),
        Case(
            name="two stations, the second just when the first is over",
            kind="near miss",
            events=[queue(0, 6), queue(34, 6, station="SCC2"), heartbeat(36)],
            expect=[long_queue(), long_queue("SCC2")],
        ),
        Case(
            name="a station crashes and another has a queue",
            kind="hit",
            events=[crash(0, station="SCC2"), queue(5, 6), crash(8, station="SCC2")],
            expect=[CRASH, long_queue(), need("SCC1", 1)],
        ),
        Case(
            name="a station that crashed has its queue: no cashier helps",
            kind="near miss",
            events=[crash(0, station="SCC2"), queue(5, 6, station="SCC2")],
            expect=[CRASH, long_queue("SCC2")],
        ),
        Case(
            name="a crash without a queue",
            kind="near miss",
            events=[crash(0, station="SCC2"), queue(5, 3)],
            expect=[CRASH],
        ),
        Case(
            name="needs ten minutes apart are two",
            kind="hit",
            events=[
                *(queue(t, 6) for t in (0, 30, 60)),
                *(heartbeat(t) for t in (300, 600)),
                *(queue(t, 6) for t in (700, 730, 760)),
            ],
            expect=[long_queue(), long_queue(), need("SCC1"), need("SCC1")],
        ),
        Case(
            name="needs within ten minutes are one",
            kind="hit",
            events=[
                *(queue(t, 6) for t in (0, 30, 60)),
                *(heartbeat(t) for t in (200, 400)),
                *(queue(t, 6) for t in (500, 530, 560)),
            ],
            expect=[long_queue(), long_queue(), need("SCC1")],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[
                queue(0, 6, id="a"),
                queue(30, 6, id="b"),
                queue(30, 6, id="b"),
                queue(0, 6, id="a"),
                queue(59, 6, id="c"),
                queue(59, 6, id="c"),
            ],
            expect=[long_queue()],
        ),
        Case(
            name="the second station first",
            kind="out of order",
            events=[queue(4, 7, station="SCC2"), queue(0, 6), queue(2, 0, station="SCC3")],
            expect=[long_queue(), long_queue("SCC2"), need(stations=2)],
        ),
        Case(
            name="a late sample makes two short queues one that lasts",
            kind="late",
            events=[queue(0, 6), queue(30, 6), queue(60.5, 6), heartbeat(64), queue(50, 6)],
            expect=[long_queue(), need("SCC1", 1)],
            counts={"late": 1},
        ),
    ],
    frozenset({"LONG_QUEUE", "LONG_WAIT", "SYSTEM_CRASH"}),
)
