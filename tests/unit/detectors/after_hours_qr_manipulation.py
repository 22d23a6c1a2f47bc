"""AFTER_HOURS_QR_MANIPULATION by example. The site closes at 22:00, six hours after the start."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, activity, heartbeat, regenerated
from tests.unit.detectors.shop import Table

ID = "AFTER_HOURS_QR_MANIPULATION"
CLOSING = 6 * 3_600
NIGHT = 7 * 3_600


def acts(
    times: Iterable[float], action: str = "inventory_update", by: str = "E1", flag: bool | None = None
) -> list[Event]:
    return [activity(time, action, by, after_hours=flag) for time in times]


def printed(times: Iterable[float], by: str = "E1") -> list[Event]:
    return [regenerated(time, f"P{number}", by) for number, time in enumerate(times)]


def manipulated(by: str = "E1", **rest: Any) -> Finding:
    """A finding; `rest` is evidence."""
    ends = {name: rest.pop(name) for name in ("started", "ended", "count") if name in rest}
    return Finding(ID, by, "high", {"employee_id": by, **rest}, **ends)


def by_time(*parts: Iterable[Event]) -> list[Event]:
    return sorted((one for part in parts for one in part), key=lambda one: one.time)


def minutes(number: int, begin: float = NIGHT) -> list[float]:
    return [begin + 60 * turn for turn in range(number)]


TABLE = Table(
    ID,
    [
        Case(
            name="six acts in five minutes at night",
            kind="hit",
            events=[
                activity(time, "inventory_update" if number else "access_qr_system", id=f"a{number}")
                for number, time in enumerate(minutes(6))
            ],
            expect=[
                manipulated(
                    acts_in_window=6,
                    actions=["access_qr_system", "inventory_update"],
                    window_s=900.0,
                    event_ids=[f"a{number}" for number in range(6)],
                    started=NIGHT,
                    ended=NIGHT + 300,
                    count=6,
                )
            ],
        ),
        Case(name="five acts", kind="near miss", events=acts(minutes(5))),
        Case(
            name="six in just the window",
            kind="hit",
            events=acts([NIGHT + 180 * turn for turn in range(6)]),
            expect=[manipulated()],
        ),
        Case(
            name="six in a little more than the window",
            kind="near miss",
            events=acts([NIGHT + 180.1 * turn for turn in range(6)]),
        ),
        Case(name="by day", kind="near miss", events=acts(minutes(20, 0))),
        Case(
            name="only those after closing count",
            kind="near miss",
            events=acts(minutes(12, CLOSING - 7 * 60)),
        ),
        Case(
            name="other acts do not count",
            kind="near miss",
            events=[*acts(minutes(9), "login", flag=True), *acts(minutes(5, NIGHT + 600), flag=True)],
        ),
        Case(
            name="two people",
            kind="near miss",
            events=by_time(acts(minutes(5)), acts(minutes(5), by="E2")),
        ),
        Case(
            name="a rostered night shift",
            kind="near miss",
            events=acts(minutes(20), flag=False),
        ),
        Case(
            name="by day, but nobody should be there",
            kind="hit",
            events=acts(minutes(6, 0), flag=True),
            expect=[manipulated(started=0)],
        ),
        Case(
            name="codes printed, as both systems tell it",
            kind="near miss",
            events=by_time(acts(minutes(5), "qr_regenerated"), printed(time + 2 for time in minutes(5))),
        ),
        Case(
            name="six codes printed, as both systems tell it",
            kind="hit",
            events=by_time(acts(minutes(6), "qr_regenerated"), printed(time + 2 for time in minutes(6))),
            expect=[manipulated(acts_in_window=6, actions=["qr_regenerated"], started=NIGHT)],
        ),
        Case(
            name="codes printed, told by the printer only",
            kind="hit",
            events=printed(minutes(6)),
            expect=[manipulated(acts_in_window=6, actions=["qr_regenerated"], count=6)],
        ),
        Case(
            name="of both systems the one that tells more counts",
            kind="hit",
            events=by_time(
                acts(minutes(2), "qr_regenerated"), printed(minutes(4)), acts([NIGHT + 7, NIGHT + 9])
            ),
            expect=[manipulated(acts_in_window=6, actions=["qr_regenerated", "inventory_update"])],
        ),
        Case(
            name="printed on a rostered night shift",
            kind="near miss",
            events=[activity(CLOSING, "login", after_hours=False), *printed(minutes(9))],
        ),
        Case(
            name="the word of yesterday's shift is worth nothing",
            kind="hit",
            events=[
                activity(NIGHT - 8 * 3_600 - 60, "login", after_hours=False),
                *(heartbeat(NIGHT - hour * 3_600) for hour in range(8, 0, -1)),
                *printed(minutes(9)),
            ],
            expect=[manipulated()],
        ),
        Case(
            name="the latest word holds",
            kind="hit",
            events=[
                activity(NIGHT - 3_600, "login", after_hours=False),
                activity(NIGHT - 60, "door_opened", after_hours=True),
                *printed(minutes(6)),
            ],
            expect=[manipulated()],
        ),
        Case(
            name="printed by day by somebody who should not be there",
            kind="hit",
            events=[activity(0, "login", after_hours=True), *printed(minutes(6, 60))],
            expect=[manipulated(started=60)],
        ),
        Case(
            name="the word comes on a clock that is behind",
            kind="near miss",
            events=[
                *printed(minutes(1)),
                activity(NIGHT + 3, "login", after_hours=False),
                *printed(minutes(9)),
            ],
        ),
        Case(
            name="it goes on, and grows",
            kind="hit",
            events=acts(minutes(30)),
            expect=[manipulated(acts_in_window=16, started=NIGHT, ended=NIGHT + 29 * 60, count=30)],
        ),
        Case(
            name="again hours later is another finding",
            kind="hit",
            events=[
                *acts(minutes(6)),
                heartbeat(NIGHT + 3_600),
                *acts(minutes(6, NIGHT + 7_200), "access_qr_system"),
            ],
            expect=[
                manipulated(started=NIGHT, actions=["inventory_update"]),
                manipulated(started=NIGHT + 7_200, actions=["access_qr_system"]),
            ],
        ),
        Case(
            name="five acts, each delivered twice",
            kind="duplicate",
            events=[
                activity(NIGHT + turn, "inventory_update", id=f"a{number}")
                for turn, number in enumerate([*range(5), *range(5)])
            ],
            counts={f"{ID}.duplicates": 5},
        ),
        Case(
            name="backwards",
            kind="out of order",
            events=acts([NIGHT + 5 - turn for turn in range(6)]),
            expect=[manipulated(started=NIGHT, ended=NIGHT + 5)],
        ),
        Case(
            name="the word arrives after the codes",
            kind="out of order",
            events=[
                *printed([NIGHT + 2 + 0.3 * turn for turn in range(8)]),
                activity(NIGHT, "login", after_hours=False),
                heartbeat(NIGHT + 60),
            ],
        ),
        Case(
            name="half of them come late",
            kind="late",
            events=[*acts(minutes(3)), heartbeat(NIGHT + 600), *acts(minutes(3, NIGHT + 200))],
            expect=[manipulated(started=NIGHT, ended=NIGHT + 320, count=6)],
            counts={"late": 3},
        ),
        Case(
            name="codes that come late",
            kind="late",
            events=[*acts(minutes(3)), heartbeat(NIGHT + 600), *printed(minutes(3, NIGHT + 200))],
            expect=[manipulated(count=6)],
        ),
    ],
)
