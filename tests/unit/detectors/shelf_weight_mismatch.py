"""SHELF_WEIGHT_MISMATCH by example. Soap weighs 100 g by the catalogue; P1 is not listed and weighs 250 g."""

from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, heartbeats
from guardian.testing.warehouse import SHELF, shelf
from tests.unit.detectors.shop import Table

ID = "SHELF_WEIGHT_MISMATCH"


def off(product: str = "SOAP", **rest: Any) -> Finding:
    """A shelf that weighs something else; `rest` is as in `Finding`."""
    evidence = {"product_id": product, "location": SHELF, **rest.pop("evidence", {})}
    return Finding(ID, product, "medium", evidence, **rest)


def weighed(seconds: float, kg: float, units: int = 10, **rest: Any) -> Event:
    """P1 is weighed."""
    return shelf(seconds, "P1", units, weight=kg, **rest)


LEARNT = [weighed(n * 10, 2.5) for n in range(5)]

TABLE = Table(
    ID,
    [
        Case(
            name="lighter than the catalogue says",
            kind="hit",
            events=[shelf(0, "SOAP", 20, weight=2.0), shelf(90, "SOAP", 20, weight=1.5)],
            expect=[
                off(
                    evidence={
                        "expected_weight_g": 2000.0,
                        "actual_weight_g": 1500.0,
                        "physical_quantity": 20,
                        "weight_source": "catalogue",
                        "ongoing": False,
                    },
                    when=90,
                    count=1,
                )
            ],
        ),
        Case(
            name="heavier, and the worst is shown",
            kind="hit",
            events=[
                shelf(0, "SOAP", 20, weight=2.3),
                shelf(90, "SOAP", 20, weight=2.6),
                shelf(180, "SOAP", 10, weight=1.2),
            ],
            expect=[off(evidence={"actual_weight_g": 2600.0}, started=0, ended=180, count=3)],
        ),
        Case(
            name="exactly ten percent",
            kind="near miss",
            events=[shelf(0, "SOAP", 20, weight=2.2), shelf(90, "SOAP", 20, weight=1.8)],
        ),
        Case(
            name="an empty shelf, and one without a scale",
            kind="near miss",
            events=[shelf(0, "SOAP", 0, weight=1.0), shelf(90, "SOAP", 20)],
        ),
        Case(
            name="half an hour of quiet ends the episode",
            kind="hit",
            events=[
                shelf(0, "SOAP", 20, weight=1.5),
                shelf(1_800, "SOAP", 20, weight=1.5),
                shelf(3_601, "SOAP", 20, weight=1.5),
            ],
            expect=[off(started=0, ended=1_800, count=2), off(started=3_601, ended=3_601)],
        ),
        Case(
            name="learnt from five readings",
            kind="hit",
            events=[*LEARNT, weighed(60, 2.3), weighed(120, 2.2)],
            expect=[
                off(
                    "P1",
                    evidence={
                        "expected_weight_g": 2500.0,
                        "actual_weight_g": 2200.0,
                        "weight_source": "learnt",
                    },
                    when=120,
                    count=1,
                )
            ],
        ),
        Case(
            name="four readings teach nothing yet",
            kind="near miss",
            events=[*LEARNT[:4], weighed(60, 1.0)],
        ),
        Case(
            name="five that do not agree teach nothing",
            kind="near miss",
            events=[weighed(n * 10, kg) for n, kg in enumerate((1.0, 2.0, 3.0, 4.0, 5.0, 1.0))],
        ),
        Case(
            name="one that is off among the first does not count",
            kind="hit",
            events=[weighed(0, 1.0), *(weighed(60 + n * 10, 2.5) for n in range(5)), weighed(300, 1.0)],
            expect=[off("P1", evidence={"expected_weight_g": 2500.0}, when=300)],
        ),
        Case(
            name="nothing is learnt from readings that are off",
            kind="hit",
            events=[*LEARNT, *(weighed(100 + n * 10, 2.0) for n in range(60)), weighed(800, 2.5)],
            expect=[off("P1", evidence={"expected_weight_g": 2500.0}, count=60)],
        ),
        Case(
            name="what is learnt does not creep for ever",
            kind="hit",
            events=[*(weighed(n * 10, 2.5 - n * 0.002) for n in range(31 + 150))],
            expect=[off("P1", started=1_390)],
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                one
                for event in (
                    *(weighed(n * 10, 2.5, id=f"w{n}") for n in range(5)),
                    weighed(60, 1.0, id="w5"),
                    weighed(70, 1.0, id="w6"),
                    shelf(80, "SOAP", 20, weight=1.0, id="w7"),
                )
                for one in (event, event)
            ],
            expect=[off("P1", count=2), off("SOAP", count=1)],
        ),
        Case(
            name="a reading that comes late is judged by itself",
            kind="late",
            events=[*LEARNT, *heartbeats(50, 120, 10), weighed(60, 1.0), shelf(61, "SOAP", 20, weight=1.0)],
            expect=[off("P1", when=60), off("SOAP", when=61)],
            counts={"late": 2},
        ),
        Case(
            name="the fifth good reading after the bad one",
            kind="out of order",
            events=[*LEARNT[:4], weighed(44, 1.0), weighed(40, 2.5), weighed(41, 2.5)],
            expect=[off("P1", when=44)],
            counts={"late": 0},
        ),
    ],
)
