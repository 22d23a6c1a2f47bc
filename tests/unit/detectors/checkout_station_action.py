"""CHECKOUT_STATION_ACTION by example. Queue monitors report every minute unless something happens."""

from guardian.events.model import Event
from guardian.testing import Case, Finding, heartbeat, queue
from guardian.testing.play import SITE
from tests.unit.detectors.shop import Table, long_queue, need

ID = "CHECKOUT_STATION_ACTION"


def action(what: str, station: str | None, when: float | None = None) -> Finding:
    return Finding(ID, SITE, "low", {"action": what, "station_id": station}, when=when)


def idle(station: str, until: int, since: int = 0) -> list[Event]:
    """A station that reports every minute that nobody is there."""
    return [queue(t, 0, station=station) for t in range(since, until + 1, 60)]


def by_time(*runs: list[Event]) -> list[Event]:
    return sorted((event for run in runs for event in run), key=lambda event: event.time)


RUSH = [queue(t, 6) for t in (600, 625, 650, 660)]
"""A queue at SCC1 that lasts a minute."""

TABLE = Table(
    ID,
    [
        Case(
            name="of two idle stations one may close",
            kind="hit",
            events=by_time(idle("SCC1", 1_020), idle("SCC2", 1_020)),
            expect=[action("Close", "SCC1", 960)],
        ),
        Case(
            name="the one that was busy last stays open",
            kind="hit",
            events=by_time(idle("SCC1", 1_200), idle("SCC2", 1_200), [queue(90, 2)]),
            expect=[action("Close", "SCC2", 1_020)],
        ),
        Case(
            name="a station that closed may be used again, and close again",
            kind="hit",
            events=by_time(
                idle("SCC1", 2_400), idle("SCC2", 2_400), [queue(1_000, 1)], [queue(2_000, 1, station="SCC2")]
            ),
            # At 960 both are idle since 0; at 1920 SCC1 is idle since 1000 and SCC2 still since 0.
            expect=[action("Close", "SCC1", 960), action("Close", "SCC2", 1_920)],
        ),
        Case(
            name="exactly a quarter of an hour",
            kind="near miss",
            events=by_time(idle("SCC1", 840), idle("SCC2", 840)),
        ),
        Case(
            name="a customer comes at the very minute",
            kind="near miss",
            events=by_time(idle("SCC1", 900), idle("SCC2", 960), [queue(960, 1)]),
        ),
        Case(
            name="the only idle station stays open",
            kind="near miss",
            events=by_time(idle("SCC1", 1_200), [queue(t, 2, station="SCC2") for t in range(0, 1_201, 60)]),
        ),
        Case(
            name="a station that says nothing is closed already",
            kind="near miss",
            events=by_time(
                idle("SCC1", 600), idle("SCC2", 1_200), [queue(t, 1, station="SCC3") for t in (0, 610)]
            ),
        ),
        Case(
            name="customers wait: open the station that is closed",
            kind="hit",
            events=by_time(idle("SCC2", 300), RUSH),
            expect=[long_queue(), need("SCC1"), action("Open", "SCC2", 660)],
        ),
        Case(
            name="customers wait: open the station that stands idle",
            kind="hit",
            events=by_time(idle("SCC2", 660), RUSH),
            expect=[long_queue(), need("SCC1"), action("Open", "SCC2", 660)],
        ),
        Case(
            name="customers wait: the station they wait at is open already",
            kind="near miss",
            events=RUSH,
            expect=[long_queue(), need("SCC1"), action("Open", None, 660)],
        ),
        Case(
            name="customers wait everywhere: one more station",
            kind="hit",
            events=by_time(RUSH, [queue(t, 3, station="SCC2") for t in (600, 630, 655)]),
            expect=[long_queue(), need("SCC1"), action("Open", None, 660)],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[queue(t, 6, id=f"q{t}") for t in (600, 625, 650, 660) for _ in range(2)],
            expect=[long_queue(), need("SCC1"), action("Open", None, 660)],
        ),
        Case(
            name="minutes apart, but some reports overtake others",
            kind="out of order",
            events=[
                *by_time(idle("SCC1", 840), idle("SCC2", 840)),
                queue(904, 0),
                queue(902, 0, station="SCC2"),
                queue(899, 1, station="SCC2"),
                queue(960, 0),
                queue(958, 0, station="SCC2"),
            ],
        ),
        Case(
            name="a late report of a customer keeps a station open",
            kind="late",
            events=[
                *by_time(idle("SCC1", 900), idle("SCC2", 900)),
                heartbeat(920),
                queue(905, 1),
                *by_time(idle("SCC1", 1_020, 960), idle("SCC2", 1_020, 960)),
            ],
            counts={"late": 1},
        ),
    ],
    frozenset({"LONG_QUEUE", "LONG_WAIT", "SYSTEM_CRASH", "STAFFING_NEED"}),
)
