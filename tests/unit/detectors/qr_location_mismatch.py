"""QR_LOCATION_MISMATCH by example."""

from __future__ import annotations

from typing import Any

from guardian.events.model import Event
from guardian.testing import Case, Finding, booked, heartbeat, scan
from tests.unit.detectors.labels import altered, label, old_label
from tests.unit.detectors.shop import Table

ID = "QR_LOCATION_MISMATCH"
A1, A2, A3 = "WH1/A-01", "WH1/A-02", "WH1/A-03"
TV1 = label("TV", "TV-1")
DAY = 86_400


def seen(seconds: float, place: str = A2, **rest: Any) -> Event:
    return scan(seconds, "TV", place, code=TV1, **rest)


def misplaced(place: str = A2, code: str = "TV-1", **rest: Any) -> Finding:
    """A finding; `rest` is evidence."""
    ends = {name: rest.pop(name) for name in ("when", "started", "ended", "count") if name in rest}
    return Finding(ID, code, "low", {"qr_id": code, "location": place, **rest}, **ends)


def days(number: int) -> list[Event]:
    return [heartbeat(3_500 * turn) for turn in range(number * DAY // 3_500)]


TABLE = Table(
    ID,
    [
        Case(
            name="on a shelf that nobody knows of",
            kind="hit",
            events=[booked(0, "TV", 5, A1), seen(10, id="a")],
            expect=[
                misplaced(
                    product_id="TV",
                    recorded_location=A1,
                    scanner_id="SC1",
                    event_ids=["a"],
                    when=10,
                    count=1,
                )
            ],
        ),
        Case(name="where its label says", kind="near miss", events=[seen(0, A1)]),
        Case(name="on its way", kind="near miss", events=[seen(0, "WH1/PACK-1"), seen(60, "WH1/DOCK-2")]),
        Case(name="where the books say", kind="near miss", events=[booked(0, "TV", 5, A2), seen(9_000)]),
        Case(
            name="where the books soon say",
            kind="near miss",
            events=[seen(0), booked(120, "TV", 5, A2), heartbeat(200)],
        ),
        Case(
            name="the books say it too late",
            kind="hit",
            events=[seen(0), booked(120.1, "TV", 5, A2), heartbeat(200)],
            expect=[misplaced()],
        ),
        Case(
            name="the books of another article",
            kind="hit",
            events=[booked(0, "PHONE", 5, A2), seen(10)],
            expect=[misplaced()],
        ),
        Case(
            name="the books said so 29 days ago, and nothing since",
            kind="near miss",
            events=[booked(0, "TV", 5, A2), *days(29), seen(29 * DAY)],
        ),
        Case(
            name="the books said so 31 days ago",
            kind="hit",
            events=[booked(0, "TV", 5, A2), booked(DAY, "TV", 5, A1), *days(31), seen(31 * DAY)],
            expect=[misplaced()],
        ),
        Case(
            name="again and again at one place is one finding",
            kind="hit",
            events=[seen(60 * turn) for turn in range(25)],
            expect=[misplaced(started=0, ended=24 * 60, count=25)],
        ),
        Case(
            name="two places are two findings, two codes as well",
            kind="hit",
            events=[seen(0), seen(600, A3), scan(700, "TV", A2, code=label("TV", "TV-2"))],
            expect=[misplaced(), misplaced(A3), misplaced(code="TV-2")],
        ),
        Case(
            name="told by number, of a code known",
            kind="hit",
            events=[seen(0, A1), scan(600, "TV", A2, qr_id="TV-1")],
            expect=[misplaced()],
        ),
        Case(
            name="told by number, of a code never verified",
            kind="near miss",
            events=[scan(0, "TV", A1, qr_id="TV-1"), scan(600, "TV", A2, qr_id="TV-1")],
        ),
        Case(
            name="the older kind",
            kind="hit",
            events=[scan(0, "TV", A2, code=old_label("TV", "TV-1"))],
            expect=[misplaced(recorded_location=A1)],
        ),
        Case(name="a forged code", kind="near miss", events=[scan(0, "TV", A2, code=altered(TV1))]),
        Case(
            name="on another article: that is worse, and told as such",
            kind="near miss",
            events=[scan(0, "PHONE", A2, code=TV1)],
        ),
        Case(
            name="printed anew for the new place",
            kind="near miss",
            events=[
                scan(0, "TV", A2, code=label("TV", "TV-1", A2, issued=-60), action="qr_regenerated", by="E1"),
                scan(60, "TV", A2, code=label("TV", "TV-1", A2, issued=-60)),
                scan(600, "TV", A2, qr_id="TV-1"),
            ],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[seen(0, id="a"), seen(60, id="b"), seen(0, id="a"), seen(60, id="b")],
            expect=[misplaced(count=2, event_ids=["a", "b"])],
        ),
        Case(
            name="the booking arrives before the scan",
            kind="out of order",
            events=[booked(120, "TV", 5, A2), seen(119), seen(118), heartbeat(900)],
        ),
        Case(
            name="the booking arrives first, and is too late all the same",
            kind="out of order",
            events=[seen(0), heartbeat(117), booked(122, "TV", 5, A2), heartbeat(119), heartbeat(900)],
            expect=[misplaced(count=1, when=0)],
        ),
        Case(
            name="the scan comes late",
            kind="late",
            events=[booked(0, "TV", 5, A1), heartbeat(900), seen(60)],
            expect=[misplaced(when=60)],
        ),
    ],
    frozenset({"CODE_REGISTRY"}),
)
