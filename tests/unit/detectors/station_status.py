"""STATION_STATUS by example: what is published last of each station."""

from typing import Any

from guardian.events.topics import POS, QUEUE, RECOGNITION
from guardian.testing import (
    Case,
    at,
    crash,
    event,
    heartbeat,
    heartbeats,
    queue,
    read,
    read_error,
    sale,
    view,
)
from guardian.testing.play import SITE
from tests.unit.detectors.shop import Table

ID = "STATION_STATUS"


def station(name: str = "SCC1", **shown: Any) -> dict[str, Any]:
    """Fields of the latest row of a station."""
    return {"station_id": name, "site": SITE, **shown}


TABLE = Table(
    ID,
    [
        Case(
            name="everything that is known of a station",
            kind="hit",
            events=[queue(0, 3, 41.5), read(1, "SOAP", "T1"), sale(2, "SOAP"), view(3, "SOAP")],
            history=[
                station(
                    status="active",
                    queue=3,
                    average_dwell_s=41.5,
                    last_sale=at(2),
                    last_rfid=at(1),
                    crashed_since=None,
                    updated_at=at(2),
                )
            ],
        ),
        Case(
            name="each station for itself",
            kind="hit",
            events=[queue(0, 3), queue(1, 4, station="SCC2"), sale(30, "SOAP", station="SCC2")],
            history=[
                station(queue=3, last_sale=None, updated_at=at(0)),
                station("SCC2", queue=4, last_sale=at(30), updated_at=at(30)),
            ],
        ),
        Case(
            name="down, since the first report of any of its devices",
            kind="hit",
            # A wake-up lets the crash end when the input ends, so the case ends with another one.
            events=[
                queue(0, 3),
                crash(20, topic=RECOGNITION),
                crash(35, topic=QUEUE),
                crash(50, topic=POS),
            ],
            settings={ID: {"quiet_s": 86_400.0}},
            history=[station(status="active", updated_at=at(50 + 86_400))],
        ),
        Case(
            name="up again when no device has reported a crash for a while",
            kind="hit",
            events=[crash(0), crash(15), *heartbeats(16, 60, 2), sale(70, "SOAP")],
            history=[station(status="active", crashed_since=None, last_sale=at(70), updated_at=at(70))],
        ),
        Case(
            name="a reader that could not read is soon well again",
            kind="hit",
            events=[read_error(0), *heartbeats(2, 40, 2)],
            history=[station(status="active", updated_at=at(20))],
        ),
        Case(
            name="heartbeats and camera views open no station",
            kind="near miss",
            events=[*heartbeats(0, 20), view(21, "SOAP")],
            history=[],
        ),
        Case(
            name="what a device says of itself that nobody knows does not matter",
            kind="near miss",
            events=[
                queue(0, 3),
                event(QUEUE, 20, {"station_id": "SCC1", "status": "Maintenance", "data": {}}),
            ],
            history=[station(status="active", queue=3, updated_at=at(0))],
        ),
        Case(
            name="the same queue again changes nothing",
            kind="near miss",
            events=[queue(0, 3, 10.0), queue(30, 3, 10.0), queue(60, 3, 10.0)],
            history=[station(queue=3, updated_at=at(0))],
        ),
        Case(
            name="what is held back is published in the end",
            kind="hit",
            events=[queue(0, 1), queue(2, 2), queue(4, 3), sale(5, "SOAP")],
            history=[station(queue=3, last_sale=at(5), updated_at=at(5))],
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                queue(0, 3, id="q1"),
                queue(0, 3, id="q1"),
                sale(3, "SOAP", id="s1"),
                crash(20, id="c1"),
                crash(20, id="c1"),
                sale(3, "SOAP", id="s1"),
            ],
            history=[station(status="active", queue=3, last_sale=at(3), updated_at=at(40))],
        ),
        Case(
            name="a report of a crash that is over comes again",
            kind="duplicate",
            events=[
                crash(0, id="c1"),
                *heartbeats(1, 60, 2),
                queue(61, 2),
                crash(0, id="c1"),
                queue(62, 2),
            ],
            history=[station(status="active", queue=2, updated_at=at(61))],
        ),
        Case(
            name="the older of two samples does not win, nor that of two sales",
            kind="out of order",
            events=[queue(4, 5), queue(0, 1), sale(4, "SOAP"), sale(2, "SOAP")],
            history=[station(queue=5, last_sale=at(4), updated_at=at(4))],
            counts={"late": 0},
        ),
        Case(
            name="a late sample of before is too old",
            kind="late",
            events=[queue(0, 1), queue(20, 2), heartbeat(40), queue(10, 9)],
            history=[station(queue=2, updated_at=at(20))],
            counts={"late": 1},
        ),
        Case(
            name="a late report of a crash is over at once",
            kind="late",
            events=[queue(0, 1), *heartbeats(2, 60, 2), crash(10)],
            history=[station(status="active", queue=1, updated_at=at(30))],
            counts={"late": 1},
        ),
        Case(
            name="without holding anything back",
            kind="hit",
            settings={ID: {"hold_s": 0.0}},
            events=[queue(0, 1), queue(1, 2)],
            history=[station(queue=2, updated_at=at(1))],
        ),
    ],
)
