"""THREAT_SCORES by example: what is published last of each key. A wrong weight is the alert it is made of."""

from typing import Any

from guardian.alerts.model import alert_id
from guardian.testing import Case, Finding, at, heartbeats, read, sale
from guardian.testing.play import SITE
from guardian.testing.warehouse import post
from tests.unit.detectors.shop import PAIRING, Table, unpaid

ID = "THREAT_SCORES"
DAY = 86_400
BREAK_IN = "Anybody else see the break-in next door?"


def off(severity: str) -> Finding:
    """A sale that weighed something else."""
    return Finding("WEIGHT_DISCREPANCY", "SCC1", severity)


def scored(key: str, score: float, **rest: Any) -> dict[str, Any]:
    """The latest score of a key; `rest` is other fields of the row."""
    kind, _, identifier = key.partition(":")
    return {"kind": kind, "id": identifier, "score": score, **rest}


TABLE = Table(
    ID,
    [
        Case(
            name="an alert counts for its product and its station",
            kind="hit",
            events=[sale(0, "APPLE", weight=400.0)],
            expect=[off("high")],
            history=[
                scored(
                    "product:APPLE",
                    35.0,
                    as_of=at(0),
                    half_life_s=86_400.0,
                    factors=[
                        {
                            "what": "WEIGHT_DISCREPANCY",
                            "ref": alert_id(SITE, "WEIGHT_DISCREPANCY", "SCC1", f"{at(0)}|C1|APPLE|400.0"),
                            "severity": "high",
                            "status": "confirmed",
                            "weight": 0.35,
                            "at": at(0),
                        }
                    ],
                ),
                scored("location:SCC1", 35.0),
            ],
        ),
        Case(
            name="several alerts add up, yet not to more than a hundred",
            kind="hit",
            events=[sale(t, "APPLE", weight=400.0 + t) for t in range(0, 60, 10)],
            expect=[off("high")] * 6,
            history=[
                scored("product:APPLE", round(100 * (1 - 0.65**6), 1)),
                scored("location:SCC1", round(100 * (1 - 0.65**6), 1)),
            ],
        ),
        Case(
            name="a day later an alert counts half",
            kind="hit",
            events=[
                sale(0, "APPLE", weight=400.0),
                *heartbeats(3_600, DAY, 3_600),
                sale(DAY, "APPLE", weight=212.0),
            ],
            expect=[off("high"), off("low")],
            history=[
                scored("product:APPLE", round(100 * (1 - 0.825 * 0.95), 1), as_of=at(DAY)),
                scored("location:SCC1", round(100 * (1 - 0.825 * 0.95), 1)),
            ],
        ),
        Case(
            name="posts about crime: the place and its site, a little",
            kind="hit",
            events=[
                post(0, BREAK_IN, sentiment=0.0, location="WH1/DOCK-1"),
                post(60, "Never again", sentiment="negative", location="WH1/DOCK-1"),
            ],
            history=[scored("location:WH1/DOCK-1", 5.9), scored("location:WH1", 5.9)],
        ),
        Case(
            name="many posts come to fifteen at most",
            kind="hit",
            events=[post(t, BREAK_IN) for t in range(30)],
            history=[scored("location:WH1", 15.0)],
        ),
        Case(
            name="people who are content, and people who wait, are no threat",
            kind="near miss",
            events=[
                post(0, "The new phones arrived", sentiment=0.8),
                post(1, "A queue again", sentiment=-0.3),
            ],
            history=[],
        ),
        Case(
            name="a cleared alert counts nothing any more",
            kind="late",
            events=[read(20, "SOAP", "T1"), *heartbeats(40, 50, 2), sale(21, "SOAP")],
            expect=[unpaid("SOAP", status="cleared")],
            history=[scored("product:SOAP", 0.0, factors=[]), scored("location:SCC1", 0.0, factors=[])],
            counts={"late": 1},
        ),
        Case(
            name="everything twice",
            kind="duplicate",
            events=[
                sale(0, "APPLE", weight=400.0, id="s1"),
                sale(0, "APPLE", weight=400.0, id="s1"),
                post(1, BREAK_IN, id="p1"),
                post(1, BREAK_IN, id="p1"),
            ],
            expect=[off("high")],
            history=[
                scored("product:APPLE", 35.0),
                scored("location:SCC1", 35.0),
                scored("location:WH1", 3.0),
            ],
        ),
        Case(
            name="the newer first",
            kind="out of order",
            events=[sale(4, "APPLE", weight=212.0), sale(0, "APPLE", weight=400.0)],
            expect=[off("high"), off("low")],
            history=[
                scored("product:APPLE", 38.2, as_of=at(4)),
                scored("location:SCC1", 38.2, as_of=at(4)),
            ],
            counts={"late": 0},
        ),
    ],
    PAIRING | {"WEIGHT_DISCREPANCY"},
)
