"""GRADUAL_THEFT by example. Shelves tell when their count changes; a lasting change is ten minutes old."""

from typing import Any

from guardian.events.model import Event
from guardian.events.warehouse import IN_TRANSIT, SHIPPED
from guardian.testing import Case, Finding, heartbeat, heartbeats
from guardian.testing.warehouse import SHELF, booked, shelf
from tests.unit.detectors.shop import Table

ID = "GRADUAL_THEFT"
HOUR = 3_600
DAY = 24 * HOUR


def theft(missing: int, drops: int, **rest: Any) -> Finding:
    """Units of P1 missing after so many drops; `rest` is as in `Finding`."""
    evidence = {"product_id": "P1", "location": SHELF, "missing": missing, **rest.pop("evidence", {})}
    return Finding(ID, "P1", "high", evidence, count=drops, **rest)


def counted(*counts: tuple[float, int]) -> list[Event]:
    """The shelf counts so many units of P1 at such times."""
    return [shelf(at, "P1", units) for at, units in counts]


START = [booked(0, "P1", 100), shelf(5, "P1", 100)]

TABLE = Table(
    ID,
    [
        Case(
            name="three drops, five units",
            kind="hit",
            events=[*START, *counted((HOUR, 98), (2 * HOUR, 96), (3 * HOUR, 95), (3 * HOUR + 700, 95))],
            expect=[
                theft(
                    5,
                    3,
                    evidence={
                        "expected": 100,
                        "actual": 95,
                        "drops": [
                            {"time": "2025-08-13T17:00:00+00:00", "units": 2},
                            {"time": "2025-08-13T18:00:00+00:00", "units": 2},
                            {"time": "2025-08-13T19:00:00+00:00", "units": 1},
                        ],
                    },
                    when=HOUR,
                    started=HOUR,
                    ended=3 * HOUR,
                )
            ],
        ),
        Case(
            name="the last drop is followed by silence",
            kind="hit",
            events=[*START, *counted((HOUR, 98), (2 * HOUR, 96), (3 * HOUR, 92))],
            expect=[theft(8, 3)],
        ),
        Case(
            name="it grows",
            kind="hit",
            events=[*START, *counted(*((n * HOUR, 100 - 2 * n) for n in range(1, 7)))],
            expect=[theft(12, 6, started=HOUR, ended=6 * HOUR)],
        ),
        Case(
            name="among honest shipments",
            kind="hit",
            events=[
                *START,
                *counted((HOUR, 98)),
                booked(5_000, "P1", 20, status=SHIPPED, shipment="S1"),
                *counted((5_050, 78)),
                booked(5_055, "P1", 80),
                *counted((2 * HOUR, 76), (9_000, 66)),
                booked(9_110, "P1", 10, status=SHIPPED, shipment="S2"),
                *counted((3 * HOUR, 65)),
                booked(4 * HOUR, "P1", 10, status=IN_TRANSIT, shipment="S2"),
            ],
            expect=[theft(5, 3, evidence={"actual": 65, "expected": 70})],
        ),
        Case(
            name="counting anew and correcting the books brings nothing back",
            kind="hit",
            events=[
                *START,
                *counted((HOUR, 98)),
                booked(1.5 * HOUR, "P1", 98),
                *counted((2 * HOUR, 96)),
                booked(2.5 * HOUR, "P1", 96),
                *counted((3 * HOUR, 95)),
            ],
            expect=[theft(5, 3)],
        ),
        Case(
            name="two drops",
            kind="near miss",
            events=[*START, *counted((HOUR, 97), (2 * HOUR, 94), (3 * HOUR, 94))],
        ),
        Case(
            name="three drops, four units",
            kind="near miss",
            events=[*START, *counted((HOUR, 98), (2 * HOUR, 97), (3 * HOUR, 96))],
        ),
        Case(
            name="a large drop is none of them",
            kind="near miss",
            events=[*START, *counted((HOUR, 94), (2 * HOUR, 92), (3 * HOUR, 90))],
        ),
        Case(
            name="more than seven days apart",
            kind="near miss",
            events=[
                *START,
                *counted((HOUR, 98), (2 * HOUR, 96)),
                *heartbeats(3 * HOUR, 7 * DAY + 2 * HOUR, HOUR),
                *counted((7 * DAY + 2 * HOUR, 94)),
            ],
        ),
        Case(
            name="glitches that do not stay for ten minutes",
            kind="near miss",
            events=[
                *START,
                *counted(*((t, 100 - 3 * (t // 590 % 2)) for t in range(590, 20 * 590, 590))),
            ],
        ),
        Case(
            name="found again",
            kind="near miss",
            events=[*START, *counted((HOUR, 98), (2 * HOUR, 96), (3 * HOUR, 99), (4 * HOUR, 97))],
        ),
        Case(
            name="marked as gone after all",
            kind="near miss",
            events=[
                *START,
                *counted((HOUR, 98), (2 * HOUR, 96)),
                booked(2.5 * HOUR, "P1", 4, status=SHIPPED),
                *counted((3 * HOUR, 94)),
            ],
        ),
        Case(
            name="booked long before the shelf is read again",
            kind="near miss",
            events=[
                *START,
                *(
                    one
                    for day in range(1, 6)
                    for one in (
                        *heartbeats((day - 1) * DAY + HOUR, day * DAY - HOUR, HOUR),
                        booked(day * DAY, "P1", 100 - 3 * day),
                        shelf(day * DAY + HOUR, "P1", 100 - 3 * day),
                    )
                ),
            ],
        ),
        Case(
            name="miscounted again and again",
            kind="near miss",
            events=[
                *START,
                *(booked(n * HOUR, "P1", 100 + (n % 3 - 1)) for n in range(1, 30)),
            ],
        ),
        Case(
            name="stock corrected within a minute",
            kind="near miss",
            events=[
                *START,
                *(
                    one
                    for n in range(1, 8)
                    for one in (shelf(n * HOUR, "P1", 100 - 4 * n), booked(n * HOUR + 60, "P1", 100 - 4 * n))
                ),
            ],
        ),
        Case(
            name="the books start unknown: what went before them is no drop",
            kind="near miss",
            events=[
                *counted((0, 100), (HOUR, 98), (2 * HOUR, 96)),
                booked(3 * HOUR, "P1", 100),
                *counted((4 * HOUR, 95), (5 * HOUR, 92)),
            ],
        ),
        Case(
            name="goods come and go at a dock",
            kind="near miss",
            events=[
                booked(0, "P1", 100, "WH1/DOCK-1"),
                *(shelf(n * HOUR, "P1", 100 - 2 * n, "WH1/DOCK-1") for n in range(8)),
            ],
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                one
                for event in (
                    booked(0, "P1", 100, id="b0"),
                    shelf(5, "P1", 100, id="s0"),
                    shelf(HOUR, "P1", 97, id="s1"),
                    booked(5_000, "P1", 3, status=SHIPPED, id="b1"),
                    shelf(5_020, "P1", 94, id="s2"),
                    shelf(2 * HOUR, "P1", 93, id="s3"),
                    shelf(3 * HOUR, "P1", 92, id="s4"),
                )
                for one in (event, event)
            ],
            expect=[theft(5, 3)],
        ),
        Case(
            name="a mark that comes late still explains the drop",
            kind="late",
            events=[
                *START,
                *counted((HOUR, 98), (2 * HOUR, 96), (3 * HOUR, 94)),
                heartbeat(3 * HOUR + 300),
                booked(3 * HOUR - 30, "P1", 2, status=SHIPPED),
            ],
            counts={"late": 1},
        ),
        Case(
            name="the shelf a moment before the mark that explains it",
            kind="out of order",
            events=[
                *START,
                *(
                    one
                    for n in range(1, 6)
                    for one in (
                        shelf(n * HOUR + 3, "P1", 100 - 2 * n),
                        booked(n * HOUR, "P1", 2, status=SHIPPED, shipment=f"S{n}"),
                    )
                ),
            ],
            counts={"late": 0},
        ),
    ],
)
