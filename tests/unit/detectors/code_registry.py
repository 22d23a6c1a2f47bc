"""CODE_REGISTRY by example: the register it keeps. What does not fit is in the tables of who tells it."""

from __future__ import annotations

from typing import Any

from guardian.testing import Case, at, heartbeat, regenerated, scan
from tests.unit.detectors.labels import altered, label, old_label
from tests.unit.detectors.shop import Table

SHELF, OTHER, DOCK = "WH1/A-01", "WH1/A-02", "WH1/DOCK-1"
TV1 = label("TV", "TV-1")


def row(stage: str, **rest: Any) -> dict[str, Any]:
    """A row of the register, as kept for history."""
    return {"qr_id": "TV-1", "product_id": "TV", "stage": stage, "location": SHELF, **rest}


TABLE = Table(
    "CODE_REGISTRY",
    [
        Case(
            name="a genuine code registers itself",
            kind="hit",
            events=[scan(1, "TV", DOCK, code=TV1)],
            history=[
                row(
                    "active",
                    scans=1,
                    first_scan=[at(1), DOCK],
                    last_scan=[at(1), DOCK],
                    changed_at=at(1),
                )
            ],
        ),
        Case(
            name="issued, scanned, consumed",
            kind="hit",
            events=[
                scan(0, "TV", code=TV1, action="qr_issued", by="E1"),
                scan(60, "TV", code=TV1),
                scan(600, "TV", code=TV1),
                scan(1_200, "TV", DOCK, code=TV1, action="qr_consumed", by="E1"),
            ],
            history=[
                row(
                    "consumed",
                    scans=3,
                    first_scan=[at(60), SHELF],
                    last_scan=[at(1_200), DOCK],
                    changed_at=at(1_200),
                )
            ],
        ),
        Case(
            name="issued only",
            kind="hit",
            events=[scan(0, "TV", code=TV1, action="qr_issued", by="E1")],
            history=[row("issued", scans=0, first_scan=None, last_scan=None)],
        ),
        Case(
            name="revoked, whatever comes after",
            kind="hit",
            events=[
                scan(0, "TV", code=TV1),
                scan(60, "TV", qr_id="TV-1", action="qr_revoked", by="E1"),
                scan(120, "TV", DOCK, code=TV1, action="qr_consumed", by="E1"),
            ],
            history=[row("revoked", scans=1, changed_at=at(60))],
        ),
        Case(
            name="scans that change nothing are not written down",
            kind="near miss",
            events=[scan(60 * turn, "TV", code=TV1) for turn in range(9)],
            history=[row("active", scans=1, changed_at=at(0))],
        ),
        Case(
            name="printed anew for another place",
            kind="hit",
            events=[
                scan(0, "TV", code=TV1),
                regenerated(600, "TV", code=label("TV", "TV-1", OTHER, issued=590)),
                scan(700, "TV", OTHER, code=label("TV", "TV-1", OTHER, issued=590)),
            ],
            history=[row("active", location=OTHER, scans=1, changed_at=at(600))],
        ),
        Case(
            name="a label printed anew of which nothing is told",
            kind="near miss",
            events=[regenerated(0, "TV")],
            history=[],
        ),
        Case(
            name="the older kind",
            kind="hit",
            events=[scan(1, "TV", code=old_label("TV", "TV-1"))],
            history=[row("active", scans=1)],
        ),
        Case(
            name="a number alone",
            kind="hit",
            events=[scan(1, "TV", qr_id="TV-1")],
            history=[row("active", location="")],
        ),
        Case(
            name="a forged code is not registered",
            kind="near miss",
            events=[
                scan(0, "TV", code=altered(TV1)),
                scan(10, "TV", code="https://example.com/"),
                scan(20, "TV", code=altered(TV1), action="qr_issued", by="E1"),
            ],
            history=[],
            counts={"CODE_REGISTRY.unverified_issue": 1},
        ),
        Case(
            name="each delivered twice",
            kind="duplicate",
            events=[
                *(scan(turn, "TV", code=TV1, id=f"s{turn}") for turn in (0, 1, 2)),
                *(scan(turn, "TV", code=TV1, id=f"s{turn}") for turn in (0, 1, 2)),
                scan(9, "TV", DOCK, code=TV1, action="qr_consumed", by="E1", id="c"),
                scan(9, "TV", DOCK, code=TV1, action="qr_consumed", by="E1", id="c"),
            ],
            history=[row("consumed", scans=4)],
        ),
        Case(
            name="backwards",
            kind="out of order",
            events=[
                scan(4, "TV", DOCK, code=TV1, action="qr_consumed", by="E1"),
                scan(2, "TV", DOCK, code=TV1),
                scan(0, "TV", code=TV1, action="qr_issued", by="E1"),
            ],
            history=[row("consumed", scans=1, first_scan=[at(4), DOCK])],
        ),
        Case(
            name="its issue comes late",
            kind="late",
            events=[
                scan(60, "TV", qr_id="TV-1"),
                heartbeat(300),
                scan(0, "TV", code=TV1, action="qr_issued", by="E1"),
            ],
            history=[row("active", scans=1, changed_at=at(0))],
        ),
    ],
)
