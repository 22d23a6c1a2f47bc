"""READ_ERRORS by example."""

from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID
from guardian.testing import Case, Finding, crash, heartbeat, read_error
from tests.unit.detectors.shop import Table

ID = "READ_ERRORS"

TABLE = Table(
    ID,
    [
        Case(
            name="three in five minutes",
            kind="hit",
            events=[read_error(0), read_error(100), read_error(200)],
            expect=[
                Finding(
                    ID,
                    "SCC1",
                    "low",
                    {"station_id": "SCC1", "errors_in_window": 3, "window_s": 300.0},
                    when=0,
                    started=0,
                    ended=200,
                    count=3,
                )
            ],
        ),
        Case(
            name="in exactly five minutes",
            kind="hit",
            events=[read_error(0), read_error(100), read_error(300)],
            expect=[Finding(ID, "SCC1", "low", started=0, ended=300, count=3)],
        ),
        Case(
            name="all devices of a station together",
            kind="hit",
            events=[
                read_error(0, topic=POS),
                read_error(1, topic=QUEUE),
                read_error(2, topic=RECOGNITION),
                read_error(3, topic=RFID),
            ],
            expect=[Finding(ID, "SCC1", "low", {"errors_in_window": 4}, started=0, ended=3, count=4)],
        ),
        Case(
            name="spread thinner than five minutes",
            kind="near miss",
            events=[read_error(0), read_error(150), read_error(300.001), read_error(450.002)],
        ),
        Case(
            name="two are bearable, and crashes are something else",
            kind="near miss",
            events=[read_error(0), read_error(10), crash(20), crash(21)],
        ),
        Case(
            name="three stations with one each",
            kind="near miss",
            events=[read_error(0), read_error(1, station="SCC2"), read_error(2, station="SCC3")],
        ),
        Case(
            name="two bursts apart",
            kind="hit",
            events=[*(read_error(t) for t in (0, 1, 2)), *(read_error(t) for t in (400, 401, 402, 403))],
            expect=[
                Finding(ID, "SCC1", "low", started=0, ended=2, count=3),
                Finding(ID, "SCC1", "low", started=400, ended=403, count=4),
            ],
        ),
        Case(
            name="a second burst just when the first is over",
            kind="hit",
            events=[*(read_error(t) for t in (0, 1, 2)), *(read_error(t) for t in (303, 304, 305))],
            expect=[
                Finding(ID, "SCC1", "low", started=0, ended=2, count=3),
                Finding(ID, "SCC1", "low", when=303, started=303, ended=305, count=3),
            ],
        ),
        Case(
            name="two errors, one delivered twice",
            kind="duplicate",
            events=[read_error(0, id="e1"), read_error(10, id="e2"), read_error(10, id="e2")],
            counts={"READ_ERRORS.duplicates": 1},
        ),
        Case(
            name="latest first",
            kind="out of order",
            events=[read_error(4), read_error(1), read_error(0)],
            expect=[Finding(ID, "SCC1", "low", when=0, started=0, ended=4, count=3)],
        ),
        Case(
            name="the one in the middle comes late",
            kind="late",
            events=[read_error(0), read_error(100), heartbeat(200), read_error(50)],
            expect=[Finding(ID, "SCC1", "low", started=0, ended=100, count=3)],
            counts={"late": 1},
        ),
    ],
)
