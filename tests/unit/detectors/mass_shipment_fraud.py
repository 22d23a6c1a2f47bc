"""MASS_SHIPMENT_FRAUD by example: a warehouse marked as shipped, and loading that only looks so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, activity, booked, departure, regenerated, shelf
from tests.unit.detectors.shop import Table

NIGHT = 7 * 3_600  # 23:00, after hours
BESIDE = frozenset({"SHIPMENT_TRACKING", "MARKER_CONDUCT", "SHIPPED_BUT_PRESENT"})


def place(number: int) -> str:
    return f"WH1/A-{number:03}"


def marked(
    begin: float,
    articles: Iterable[int],
    shipment: str | None = "S1",
    *,
    step: float = 2.0,
    by: str = "E1",
    status: str = "shipped",
) -> list[Event]:
    """Ten units of each article are marked as shipped, one article every `step` seconds."""
    return [
        booked(begin + step * turn, f"P{number}", 10, place(number), status=status, shipment=shipment, by=by)
        for turn, number in enumerate(articles)
    ]


def goods(articles: Iterable[int]) -> list[str]:
    return [f"P{number}" for number in articles]


def fraud(status: str, **rest: Any) -> Finding:
    """A MASS_SHIPMENT_FRAUD at WH1; `rest` is evidence."""
    evidence = {name: value for name, value in rest.items() if name not in {"started", "ended", "count"}}
    ends = {name: rest[name] for name in ("started", "ended", "count") if name in rest}
    return Finding("MASS_SHIPMENT_FRAUD", "WH1", "critical", evidence, status=status, **ends)


def later(events: list[Event], seconds: float) -> list[Event]:
    """With something at the end that lets time pass."""
    return [*events, activity(seconds, "login", "E99", after_hours=False)]


def by_time(*parts: Iterable[Event]) -> list[Event]:
    return sorted((one for part in parts for one in part), key=lambda one: one.time)


TABLE = Table(
    "MASS_SHIPMENT_FRAUD",
    [
        Case(
            name="25 articles, nothing else wrong, no truck",
            kind="hit",
            events=later(marked(0, range(25)), 3_000),
            expect=[
                fraud(
                    "confirmed",
                    products=25,
                    employee_id="E1",
                    shipment_ids=["S1"],
                    location="WH1",
                    corroboration={},
                    started=0,
                    ended=48,
                    count=25,
                )
            ],
        ),
        Case(
            name="20 articles are not too many",
            kind="near miss",
            events=later([*marked(0, range(20)), *marked(41, range(20))], 3_000),
        ),
        Case(
            name="one article more, 10 min after the first, is another window",
            kind="near miss",
            events=later([*marked(0, range(20), step=30), *marked(600, [20])], 3_000),
        ),
        Case(
            name="one article more, just within 10 min of the first",
            kind="hit",
            events=later([*marked(0, range(20), step=30), *marked(599, [20])], 3_000),
            expect=[fraud("confirmed", products=21)],
        ),
        Case(
            name="200 articles loaded in 15 min, the truck leaves 10 min later",
            kind="near miss",
            events=later(
                [
                    *marked(0, range(200), step=4.5),
                    departure(200 * 4.5 + 590, "S1", goods(range(200))),
                ],
                6_000,
            ),
        ),
        Case(
            name="200 articles booked after their truck has left",
            kind="near miss",
            events=later([departure(0, "S1"), *marked(590, range(200), step=4.5)], 6_000),
        ),
        Case(
            name="three trucks, loaded at the same time",
            kind="near miss",
            events=later(
                by_time(
                    marked(0, range(0, 60), "S1", step=10),
                    marked(3, range(60, 120), "S2", step=10, by="E2"),
                    marked(6, range(120, 180), "S3", step=10, by="E3"),
                    [
                        departure(400, "S2", goods(range(60, 120))),
                        departure(700, "S1"),
                        departure(1_190, "S3", goods(range(120, 180))),
                    ],
                ),
                6_000,
            ),
        ),
        Case(
            name="no truck for one of three",
            kind="hit",
            events=later(
                by_time(
                    marked(0, range(0, 60), "S1", step=10),
                    marked(3, range(60, 120), "S2", step=10, by="E2"),
                    marked(6, range(120, 180), "S3", step=10, by="E3"),
                    [departure(700, "S1"), departure(1_190, "S3")],
                ),
                6_000,
            ),
            expect=[fraud("confirmed", products=60, employee_id="E2", shipment_ids=["S2"])],
        ),
        Case(
            name="the truck leaves too late",
            kind="hit",
            events=later([*marked(0, range(25)), departure(48 + 601, "S1")], 3_000),
            expect=[fraud("confirmed")],
        ),
        Case(
            name="the truck leaves at the very last moment",
            kind="near miss",
            events=later([*marked(0, range(25)), departure(48 + 600, "S1")], 3_000),
        ),
        Case(
            name="after hours: suspected at the 21st article, confirmed without a truck",
            kind="hit",
            events=later(
                [activity(NIGHT - 300, "login", "E1", after_hours=True), *marked(NIGHT, range(30))],
                NIGHT + 3_000,
            ),
            expect=[fraud("confirmed", products=30, corroboration={"after_hours": ["E1"]})],
        ),
        Case(
            name="after hours by the clock alone, and the truck does leave",
            kind="near miss",
            events=later([*marked(NIGHT, range(30)), departure(NIGHT + 300, "S1")], NIGHT + 3_000),
            expect=[fraud("cleared", products=21)],
        ),
        Case(
            name="a night shift on the roster",
            kind="near miss",
            events=later(
                [
                    activity(NIGHT - 300, "login", "E1", after_hours=False),
                    *marked(NIGHT, range(30)),
                    departure(NIGHT + 300, "S1"),
                ],
                NIGHT + 3_000,
            ),
        ),
        Case(
            name="codes printed anew by the same person",
            kind="hit",
            events=later(
                [
                    *(regenerated(number, f"P{number}", "E1") for number in range(10)),
                    *marked(600, range(30)),
                ],
                4_000,
            ),
            expect=[fraud("confirmed", corroboration={"regenerated_codes": ["E1"]})],
        ),
        Case(
            name="codes printed anew by somebody else are no reason",
            kind="near miss",
            events=later(
                [
                    *(regenerated(number, f"P{number}", "E5") for number in range(10)),
                    *marked(600, range(30)),
                    departure(700, "S1"),
                ],
                4_000,
            ),
        ),
        Case(
            name="goods still on their shelves, then no truck",
            kind="hit",
            events=later(
                [
                    *marked(0, range(25)),
                    *(shelf(60 + number, f"P{number}", 10, place(number)) for number in range(5)),
                ],
                4_000,
            ),
            expect=[
                fraud("confirmed", corroboration={"still_seen": 5}),
                *(
                    Finding("SHIPPED_BUT_PRESENT", f"P{number}", "high", {"location": place(number)})
                    for number in range(5)
                ),
            ],
        ),
        Case(
            name="spread over four people without a shipment id",
            kind="hit",
            events=later(
                by_time(
                    *(
                        marked(turn, range(turn * 10, turn * 10 + 10), None, step=40, by=f"E{turn}")
                        for turn in range(4)
                    )
                ),
                4_000,
            ),
            expect=[
                fraud(
                    "confirmed",
                    products=40,
                    employee_id=None,
                    employee_ids=["E0", "E1", "E2", "E3"],
                    shipment_ids=[],
                )
            ],
        ),
        Case(
            name="a forged departure that lists none of the goods",
            kind="hit",
            events=later([*marked(0, range(30)), departure(300, "S1", ["P900", "P901"])], 4_000),
            expect=[fraud("confirmed", products=30)],
        ),
        Case(
            name="a manifest that lists all but twenty",
            kind="near miss",
            events=later([*marked(0, range(45)), departure(300, "S1", goods(range(20, 45)))], 4_000),
        ),
        Case(
            name="a manifest that lists all but twenty-one",
            kind="hit",
            events=later([*marked(0, range(45)), departure(300, "S1", goods(range(21, 45)))], 4_000),
            expect=[fraud("confirmed", products=21)],
        ),
        Case(
            name="the shipment id of a truck that left half an hour ago",
            kind="hit",
            events=later(
                [*marked(0, range(5), "S1"), departure(60, "S1"), *marked(1_860, range(10, 40), "S1")],
                6_000,
            ),
            expect=[fraud("confirmed", products=30, shipment_ids=["S1"])],
        ),
        Case(
            name="25 an hour stay below the threshold",
            kind="near miss",
            events=later(marked(0, range(50), None, step=144), 20_000),
        ),
        Case(
            name="two attacks an hour apart are two alerts",
            kind="hit",
            events=later([*marked(0, range(25), "S1"), *marked(3_600, range(30, 60), "S2")], 9_000),
            expect=[fraud("confirmed", products=25), fraud("confirmed", products=30)],
        ),
        Case(
            name="the same article in many records",
            kind="near miss",
            events=later(marked(0, [number % 20 for number in range(60)]), 3_000),
        ),
        Case(
            name="in transit and delivered are not marked again",
            kind="near miss",
            events=later(
                [
                    *marked(0, range(25)),
                    departure(100, "S1"),
                    *marked(7_200, range(25), status="in_transit"),
                    *marked(14_400, range(25), status="delivered"),
                ],
                20_000,
            ),
        ),
        Case(
            name="every record twice",
            kind="duplicate",
            events=later(
                [
                    booked(
                        2 * turn, f"P{turn}", 10, place(turn), status="shipped", shipment="S1", id=f"m{turn}"
                    )
                    for turn in range(21)
                    for _ in range(2)
                ],
                3_000,
            ),
            expect=[fraud("confirmed", products=21)],
        ),
        Case(
            name="the truck's record arrives late, before anything was certain",
            kind="late",
            events=later([*marked(0, range(25)), *later([], 400), departure(100, "S1")], 3_000),
        ),
        Case(
            name="the truck's record arrives after the alert was confirmed",
            kind="late",
            events=later([*marked(0, range(25)), *later([], 900), departure(100, "S1")], 3_000),
            expect=[fraud("cleared", products=25)],
        ),
        Case(
            name="truck, marks and regenerations out of order",
            kind="out of order",
            events=later(
                [
                    *reversed(marked(0, range(15), step=0.3)),
                    *reversed(marked(5, range(15, 30), step=0.3)),
                    departure(8, "S2"),
                    *reversed(marked(6, range(40, 70), "S2", step=0.1)),
                ],
                3_000,
            ),
            expect=[fraud("confirmed", products=30, shipment_ids=["S1"])],
        ),
    ],
    beside=BESIDE,
)
