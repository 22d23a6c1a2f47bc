"""MARKER_CONDUCT by example, seen through what MASS_SHIPMENT_FRAUD makes of it."""

from __future__ import annotations

from guardian.testing import Case, activity, departure, regenerated
from tests.unit.detectors.mass_shipment_fraud import BESIDE, NIGHT, fraud, later, marked
from tests.unit.detectors.shop import Table

TABLE = Table(
    "MARKER_CONDUCT",
    [
        Case(
            name="flagged only after the goods were marked",
            kind="hit",
            events=later(
                [
                    *marked(0, range(25)),
                    activity(120, "door_opened", "E1", after_hours=True),
                    departure(500, "S1"),
                ],
                3_000,
            ),
            expect=[fraud("cleared", corroboration={"after_hours": ["E1"]})],
        ),
        Case(
            name="codes printed anew only after the goods were marked",
            kind="hit",
            events=later(
                [
                    *marked(0, range(25)),
                    *(regenerated(100 + number, f"P{number}", "E1") for number in range(3)),
                    departure(500, "S1"),
                ],
                3_000,
            ),
            expect=[fraud("cleared", corroboration={"regenerated_codes": ["E1"]})],
        ),
        Case(
            name="two codes printed anew are everyday work",
            kind="near miss",
            events=later(
                [
                    *(regenerated(number, f"P{number}", "E1") for number in (0, 1, 1, 1)),
                    *marked(100, range(25)),
                    departure(500, "S1"),
                ],
                3_000,
            ),
        ),
        Case(
            name="printed two hours before",
            kind="near miss",
            events=later(
                [
                    *(regenerated(number, f"P{number}", "E1") for number in range(10)),
                    *marked(7_300, range(25)),
                    departure(7_800, "S1"),
                ],
                10_000,
            ),
        ),
        Case(
            name="a flag of yesterday does not count: the clock does",
            kind="hit",
            events=later(
                [
                    activity(NIGHT - 9 * 3_600, "login", "E1", after_hours=False),
                    *marked(NIGHT, range(25)),
                    departure(NIGHT + 500, "S1"),
                ],
                NIGHT + 3_000,
            ),
            expect=[fraud("cleared", corroboration={"after_hours": ["E1"]})],
        ),
        Case(
            name="the same flag twice",
            kind="duplicate",
            events=later(
                [
                    activity(0, "login", "E1", after_hours=True, id="a"),
                    activity(0, "login", "E1", after_hours=True, id="a"),
                    *marked(10, range(25)),
                    departure(500, "S1"),
                ],
                3_000,
            ),
            expect=[fraud("cleared")],
        ),
        Case(
            name="an older flag that comes late does not overrule",
            kind="late",
            events=later(
                [
                    activity(100, "login", "E1", after_hours=False),
                    activity(0, "login", "E1", after_hours=True),
                    *marked(4_000, range(25)),
                    departure(4_500, "S1"),
                ],
                8_000,
            ),
        ),
        Case(
            name="marks and flag in any order",
            kind="out of order",
            events=later(
                [
                    *reversed(marked(0, range(25), step=0.1)),
                    activity(1, "login", "E1", after_hours=True),
                    departure(60, "S1"),
                ],
                3_000,
            ),
            expect=[fraud("cleared")],
        ),
    ],
    beside=BESIDE | {"MASS_SHIPMENT_FRAUD"},
)
