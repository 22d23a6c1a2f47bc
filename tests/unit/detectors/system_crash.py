"""SYSTEM_CRASH by example."""

from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID
from guardian.testing import Case, Finding, crash, heartbeat, queue, read, read_error, sale
from tests.unit.detectors.shop import Table

ID = "SYSTEM_CRASH"

TABLE = Table(
    ID,
    [
        Case(
            name="as long as it is reported",
            kind="hit",
            events=[sale(0, "SOAP"), crash(5), crash(12), crash(20.5), sale(30, "SOAP")],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "high",
                    {"station_id": "SCC1", "duration_s": 15.5, "ongoing": False},
                    when=5,
                    started=5,
                    ended=20.5,
                    count=3,
                )
            ],
        ),
        Case(
            name="all streams of a station tell of one crash",
            kind="hit",
            events=[
                crash(0, topic=QUEUE),
                crash(3, topic=POS),
                crash(3, topic=RFID),
                crash(8, topic=RECOGNITION),
            ],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 8.0}, started=0, ended=8, count=4)],
        ),
        Case(
            name="two crashes",
            kind="hit",
            events=[crash(0), crash(5), read(20, "SOAP"), crash(40), crash(44)],
            expect=[
                Finding(ID, "SCC1", "high", {"duration_s": 5.0}, started=0, ended=5),
                Finding(ID, "SCC1", "high", {"duration_s": 4.0}, started=40, ended=44),
            ],
        ),
        Case(
            name="two stations",
            kind="hit",
            events=[crash(0), crash(1, station="SCC2"), crash(6), crash(9, station="SCC2")],
            expect=[
                Finding(ID, "SCC1", "high", {"duration_s": 6.0}),
                Finding(ID, "SCC2", "high", {"duration_s": 8.0}),
            ],
        ),
        Case(
            name="twenty seconds of quiet do not end it",
            kind="near miss",
            events=[crash(0), crash(20)],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 20.0}, count=2)],
        ),
        Case(
            name="more than twenty seconds do",
            kind="near miss",
            events=[crash(0), crash(20.001)],
            expect=[
                Finding(ID, "SCC1", "high", {"duration_s": 0.0}, when=0),
                Finding(ID, "SCC1", "high", {"duration_s": 0.0}, when=20.001),
            ],
        ),
        Case(
            name="a read error is no crash",
            kind="near miss",
            events=[read_error(0), read_error(1, topic=POS), queue(2, 1), heartbeat(3)],
        ),
        Case(
            name="a report delivered twice counts once",
            kind="duplicate",
            events=[crash(0, id="c1"), crash(4, id="c2"), crash(0, id="c1")],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 4.0, "event_ids": ["c1", "c2"]}, count=2)],
            counts={"SYSTEM_CRASH.duplicates": 1},
        ),
        Case(
            name="the end before the start",
            kind="out of order",
            events=[crash(8), crash(4, topic=RFID), crash(6), crash(3)],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 5.0}, when=3, started=3, ended=8, count=4)],
        ),
        Case(
            name="late, but the crash is not over",
            kind="late",
            events=[crash(0), heartbeat(18), crash(10)],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 10.0}, count=2)],
            counts={"late": 1},
        ),
        Case(
            name="late, and nothing was known of it",
            kind="late",
            events=[heartbeat(0), heartbeat(90), crash(0), crash(7)],
            expect=[Finding(ID, "SCC1", "high", {"duration_s": 0.0}, when=0)],
            counts={"late": 2},
        ),
    ],
)
