"""QR_CODE_CLONED by example."""

from __future__ import annotations

from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, heartbeat, scan
from tests.unit.detectors.labels import altered, label
from tests.unit.detectors.shop import Table

ID = "QR_CODE_CLONED"
A1, A2, DOCK, ELSEWHERE = "WH1/A-01", "WH1/A-02", "WH1/DOCK-1", "WH2/A-01"
TV1 = label("TV", "TV-1")


def seen(seconds: float, place: str = A1, **rest: Any) -> Event:
    return scan(seconds, "TV", place, code=TV1, **rest)


def used(seconds: float, place: str = DOCK, **rest: Any) -> Event:
    return seen(seconds, place, action="qr_consumed", by="E1", **rest)


def cloned(reason: str, **rest: Any) -> Finding:
    """A finding; `rest` is evidence."""
    ends = {name: rest.pop(name) for name in ("when", "started", "ended", "count") if name in rest}
    return Finding(ID, "TV-1", "critical", {"reason": reason, "qr_id": "TV-1", **rest}, **ends)


TABLE = Table(
    ID,
    [
        Case(
            name="two shelves in seconds",
            kind="hit",
            events=[seen(0, id="a"), seen(8, A2, id="b")],
            expect=[
                cloned(
                    "too_fast",
                    product_id="TV",
                    location=A2,
                    other_location=A1,
                    seconds_apart=8.0,
                    scanner_id="SC1",
                    event_ids=["a", "b"],
                    started=0,
                    ended=8,
                    count=2,
                )
            ],
        ),
        Case(
            name="in less than it takes",
            kind="hit",
            events=[seen(0), seen(15, A2)],
            expect=[cloned("too_fast")],
        ),
        Case(name="in the time it takes", kind="near miss", events=[seen(0), seen(15.001, A2)]),
        Case(name="one place, again and again", kind="near miss", events=[seen(turn) for turn in range(12)]),
        Case(
            name="two sites in ten minutes",
            kind="hit",
            events=[seen(0), seen(600, ELSEWHERE)],
            expect=[cloned("too_fast", seconds_apart=600.0)],
        ),
        Case(name="two sites in 15 minutes", kind="near miss", events=[seen(0), seen(900, ELSEWHERE)]),
        Case(
            name="places of no site in a minute",
            kind="hit",
            events=[seen(0, "A-01"), seen(60, "B-07")],
            expect=[cloned("too_fast")],
        ),
        Case(
            name="places of no site in two minutes",
            kind="near miss",
            events=[seen(0, "A-01"), seen(120, "B-07")],
        ),
        Case(
            name="a place of no site, and one of a site",
            kind="hit",
            events=[seen(0, "A-01"), seen(60, "WH1/A-01")],
            expect=[cloned("too_fast")],
        ),
        Case(
            name="told by number only",
            kind="hit",
            events=[scan(0, "TV", A1, qr_id="TV-1"), scan(5, "TV", A2, qr_id="TV-1")],
            expect=[cloned("too_fast")],
        ),
        Case(
            name="a forged copy is no sighting",
            kind="near miss",
            events=[seen(0), scan(5, "TV", A2, code=altered(TV1))],
        ),
        Case(
            name="two codes of one article",
            kind="near miss",
            events=[seen(0), scan(5, "TV", A2, code=label("TV", "TV-2"))],
        ),
        Case(
            name="other travel times",
            kind="near miss",
            events=[seen(0), seen(8, A2)],
            settings={"CODE_REGISTRY": {"within_site_s": 10.0}},
        ),
        Case(
            name="to and fro is one finding",
            kind="hit",
            events=[seen(6 * turn, (A1, A2)[turn % 2]) for turn in range(10)],
            expect=[cloned("too_fast", started=0, ended=54, count=10)],
        ),
        Case(
            name="hours later it is another finding",
            kind="hit",
            events=[seen(0), seen(8, A2), seen(5_000), seen(5_008, A2)],
            expect=[cloned("too_fast", ended=8, count=2), cloned("too_fast", started=5_000, count=2)],
        ),
        Case(
            name="scanned after it was used up",
            kind="hit",
            events=[used(0, id="a"), seen(3_600, id="b")],
            expect=[
                cloned(
                    "used_up",
                    location=A1,
                    other_location=DOCK,
                    consumed_at="2025-08-13T16:00:00+00:00",
                    event_ids=["b"],
                    when=3_600,
                    started=3_600,
                    count=1,
                )
            ],
        ),
        Case(
            name="days after it was used up",
            kind="hit",
            events=[used(0), *(heartbeat(3_000 * turn) for turn in range(100)), seen(300_000)],
            expect=[cloned("used_up")],
        ),
        Case(
            name="carried over the dock after it was used up",
            kind="near miss",
            events=[used(0), seen(60, DOCK), seen(120, "WH1/DOCK-2"), seen(3_600, "WH1/STAGING")],
        ),
        Case(name="used up twice: read twice", kind="near miss", events=[used(0, A1), used(200, A1)]),
        Case(
            name="used up again much later",
            kind="hit",
            events=[used(0, A1), used(301, A1)],
            expect=[cloned("used_up")],
        ),
        Case(
            name="used up in two places",
            kind="hit",
            events=[used(0, A1), used(100, A2)],
            expect=[cloned("used_up")],
        ),
        Case(
            name="scanned as it is used up, by a fast clock",
            kind="near miss",
            events=[used(10, A1), seen(14.9)],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[seen(0, id="a"), seen(8, A2, id="b"), seen(0, id="a"), seen(8, A2, id="b")],
            expect=[cloned("too_fast", count=2, event_ids=["a", "b"])],
        ),
        Case(
            name="one scan delivered twice is no second scan",
            kind="duplicate",
            events=[seen(0, id="a"), seen(60, A2, id="b"), seen(0, id="a")],
        ),
        Case(
            name="the later scan arrives first",
            kind="out of order",
            events=[seen(4, A2), seen(0)],
            expect=[cloned("too_fast", location=A2, other_location=A1, started=0, ended=4)],
        ),
        Case(
            name="the use arrives after the scan",
            kind="out of order",
            events=[seen(20), used(14.9)],
            expect=[cloned("too_fast", reasons=["too_fast"])],
        ),
        Case(
            name="the use at the same place arrives after the scan",
            kind="out of order",
            events=[seen(20), used(14.9, A1)],
            expect=[cloned("used_up", when=20)],
        ),
        Case(
            name="the earlier scan comes late",
            kind="late",
            events=[seen(300, A2), heartbeat(600), seen(292)],
            expect=[cloned("too_fast", started=292, ended=300)],
        ),
        Case(
            name="the use comes late",
            kind="late",
            events=[seen(300), heartbeat(600), used(60)],
            expect=[cloned("used_up", when=300)],
        ),
    ],
    frozenset({"CODE_REGISTRY"}),
)
