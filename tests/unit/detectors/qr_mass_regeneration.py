"""QR_MASS_REGENERATION by example."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, heartbeat, regenerated
from tests.unit.detectors.shop import Table

ID = "QR_MASS_REGENERATION"


def printed(times: Iterable[float], by: str = "E1", first: int = 1) -> list[Event]:
    """A code a product, of product number `first` and following."""
    return [regenerated(time, f"P{number:02}", by) for number, time in enumerate(times, first)]


def mass(by: str = "E1", **rest: Any) -> Finding:
    """A finding; `rest` is evidence."""
    ends = {name: rest.pop(name) for name in ("started", "ended", "count") if name in rest}
    return Finding(ID, by, "high", {"employee_id": by, **rest}, **ends)


TEN = [60.0 * turn for turn in range(10)]

TABLE = Table(
    ID,
    [
        Case(
            name="ten products in nine minutes",
            kind="hit",
            events=[
                regenerated(time, f"P{number:02}", id=f"r{number}") for number, time in enumerate(TEN, 1)
            ],
            expect=[
                mass(
                    products=10,
                    product_ids=[f"P{number:02}" for number in range(1, 11)],
                    window_s=900.0,
                    event_ids=[f"r{number}" for number in range(1, 11)],
                    ongoing=False,
                    started=0,
                    ended=540,
                    count=10,
                )
            ],
        ),
        Case(
            name="ten in just the window",
            kind="hit",
            events=printed([100 * turn for turn in range(10)]),
            expect=[mass(started=0, ended=900)],
        ),
        Case(
            name="ten in a little more than the window",
            kind="near miss",
            events=printed([100.2 * turn for turn in range(10)]),
        ),
        Case(name="nine products", kind="near miss", events=printed(TEN[:9])),
        Case(
            name="nine products, again and again",
            kind="near miss",
            events=[event for turn in range(20) for event in printed([turn * 20 + n for n in range(9)])],
        ),
        Case(
            name="two people share the work",
            kind="near miss",
            events=[*printed(TEN[:9]), *printed(TEN[:9], "E2", first=10)],
        ),
        Case(
            name="eight a quarter of an hour, for hours",
            kind="near miss",
            events=printed([turn * 120 for turn in range(80)]),
        ),
        Case(
            name="it goes on, and grows",
            kind="hit",
            events=printed([turn * 10 for turn in range(40)]),
            expect=[mass(products=40, started=0, ended=390, count=40)],
        ),
        Case(
            name="again after a pause is the same episode",
            kind="hit",
            events=[*printed(TEN), *printed([3_000 + time for time in TEN], first=30)],
            expect=[mass(products=10, started=0, ended=3_540, count=20)],
        ),
        Case(
            name="again after hours is another",
            kind="hit",
            events=[*printed(TEN), *printed([9_000 + time for time in TEN], first=30)],
            expect=[
                mass(started=0, product_ids=[f"P{number:02}" for number in range(1, 11)]),
                mass(started=9_000, product_ids=[f"P{number}" for number in range(30, 40)]),
            ],
        ),
        Case(
            name="a stricter threshold",
            kind="hit",
            events=printed(TEN[:3]),
            expect=[mass(products=3)],
            settings={ID: {"min_products": 3}},
        ),
        Case(
            name="more than are listed",
            kind="hit",
            events=printed([turn * 0.5 for turn in range(250)]),
            expect=[mass(products=250, product_ids=[f"P{number:02}" for number in range(1, 201)], count=250)],
        ),
        Case(
            name="each delivered twice",
            kind="duplicate",
            events=[
                regenerated(turn, f"P{number}", id=f"r{number}")
                for turn, number in enumerate([*range(9), *range(9)])
            ],
            counts={f"{ID}.duplicates": 9},
        ),
        Case(
            name="backwards",
            kind="out of order",
            events=printed([4 - 0.4 * turn for turn in range(10)]),
            expect=[mass(started=0.4, ended=4, count=10)],
        ),
        Case(
            name="the last one joins two bursts",
            kind="out of order",
            events=printed([0, 1, 2, 3, 4, 896, 897, 898, 899, 895]),
            expect=[mass(started=0, ended=899)],
        ),
        Case(
            name="half of them come late",
            kind="late",
            events=[*printed(TEN[:5]), heartbeat(600), *printed(TEN[5:], first=6)],
            expect=[mass(started=0, ended=540, count=10)],
            counts={"late": 5},
        ),
    ],
)
