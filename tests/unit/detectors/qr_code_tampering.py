"""QR_CODE_TAMPERING by example."""

from __future__ import annotations

from typing import Any

from guardian.testing import Case, Finding, heartbeat, scan
from tests.unit.detectors.labels import altered, foreign, label, old_label, revoked_key, unsigned
from tests.unit.detectors.shop import Table

ID = "QR_CODE_TAMPERING"
SHELF, OTHER, DOCK = "WH1/A-01", "WH1/A-02", "WH1/DOCK-1"
TV1 = label("TV", "TV-1")


def forged(reason: str, code: str = "TV-1", **rest: Any) -> Finding:
    """A finding; `rest` is evidence."""
    ends = {name: rest.pop(name) for name in ("when", "started", "ended", "count") if name in rest}
    return Finding(ID, code, "critical", {"reason": reason, **rest}, **ends)


def revoked(seconds: float) -> Any:
    return scan(seconds, "TV", qr_id="TV-1", action="qr_revoked", by="E1")


TABLE = Table(
    ID,
    [
        Case(name="a genuine code", kind="near miss", events=[scan(0, "TV", code=TV1)]),
        Case(name="a number alone", kind="near miss", events=[scan(0, "TV", qr_id="TV-1")]),
        Case(name="the older kind", kind="near miss", events=[scan(0, "TV", code=old_label("TV", "TV-1"))]),
        Case(
            name="another place on it than was signed",
            kind="hit",
            events=[scan(5, "TV", DOCK, code=altered(TV1), id="a")],
            expect=[
                forged(
                    "bad_signature",
                    qr_id="TV-1",
                    product_id="TV",
                    location=DOCK,
                    scanner_id="SC1",
                    reasons=["bad_signature"],
                    event_ids=["a"],
                    when=5,
                    started=5,
                    ended=5,
                    count=1,
                )
            ],
        ),
        Case(
            name="no signature",
            kind="hit",
            events=[scan(0, "TV", code=unsigned(TV1))],
            expect=[forged("unsigned")],
        ),
        Case(
            name="a key that is not ours",
            kind="hit",
            events=[scan(0, "TV", code=foreign("TV", "TV-1"))],
            expect=[forged("unknown_key")],
        ),
        Case(
            name="a key that was revoked",
            kind="hit",
            events=[scan(0, "TV", code=revoked_key("TV", "TV-1"))],
            expect=[forged("revoked_key")],
        ),
        Case(
            name="the older kind, altered",
            kind="hit",
            events=[scan(0, "PHONE", code=old_label("TV", "TV-1").replace('"TV"', '"PHONE"'))],
            expect=[forged("bad_signature", product_id="PHONE")],
        ),
        Case(
            name="something else altogether",
            kind="hit",
            events=[scan(0, "TV", code="https://example.com/winner")],
            expect=[forged("not_a_code", "TV", qr_id=None, product_id="TV")],
        ),
        Case(
            name="something else altogether, under the number of a code",
            kind="hit",
            events=[scan(0, "TV", code="WINNER", qr_id="TV-1")],
            expect=[forged("not_a_code", qr_id="TV-1")],
        ),
        Case(
            name="a genuine label on another article",
            kind="hit",
            events=[scan(0, "TV", code=TV1), scan(60, "PHONE", code=TV1)],
            expect=[forged("wrong_product", product_id="PHONE", code_product_id="TV", when=60)],
        ),
        Case(
            name="on another article, and only its number is told",
            kind="hit",
            events=[scan(0, "PHONE", qr_id="TV-1"), scan(60, "TV", code=TV1)],
            expect=[forged("wrong_product", product_id="PHONE", code_product_id="TV", when=0)],
        ),
        Case(
            name="used as consumed on another article",
            kind="hit",
            events=[scan(0, "PHONE", DOCK, code=TV1, action="qr_consumed", by="E1")],
            expect=[forged("wrong_product")],
        ),
        Case(
            name="a revoked code",
            kind="hit",
            events=[scan(0, "TV", code=TV1), revoked(60), scan(600, "TV", code=TV1)],
            expect=[forged("revoked_code", when=600, count=1)],
        ),
        Case(
            name="scanned by a slow clock as it is revoked",
            kind="near miss",
            events=[revoked(60), scan(64, "TV", code=TV1)],
        ),
        Case(
            name="labels that are issued are not judged",
            kind="near miss",
            events=[scan(0, "TV", code=foreign("TV", "TV-1"), action="qr_issued", by="E1")],
        ),
        Case(
            name="the same forgery again and again is one finding",
            kind="hit",
            events=[scan(60 * turn, "TV", code=altered(TV1)) for turn in range(25)],
            expect=[forged("bad_signature", started=0, ended=24 * 60, count=25)],
        ),
        Case(
            name="several things wrong with one code",
            kind="hit",
            events=[scan(0, "TV", code=altered(TV1)), scan(60, "PHONE", code=TV1)],
            expect=[forged("bad_signature", reasons=["bad_signature", "wrong_product"], count=2)],
        ),
        Case(
            name="hours later it is another finding",
            kind="hit",
            events=[scan(0, "TV", code=altered(TV1)), scan(4_000, "PHONE", code=TV1)],
            expect=[
                forged("bad_signature", reasons=["bad_signature"], started=0, ended=0),
                forged("wrong_product", reasons=["wrong_product"], started=4_000),
            ],
        ),
        Case(
            name="forgeries of two codes",
            kind="hit",
            events=[scan(0, "TV", code=altered(TV1)), scan(1, "TV", code=altered(label("TV", "TV-2")))],
            expect=[forged("bad_signature"), forged("bad_signature", "TV-2")],
        ),
        Case(
            name="delivered twice",
            kind="duplicate",
            events=[
                scan(0, "TV", code=altered(TV1), id="a"),
                scan(9, "PHONE", code=TV1, id="b"),
                scan(0, "TV", code=altered(TV1), id="a"),
                scan(9, "PHONE", code=TV1, id="b"),
            ],
            expect=[forged("bad_signature", count=2, event_ids=["a", "b"])],
        ),
        Case(
            name="the revocation arrives after the scan",
            kind="out of order",
            events=[scan(10, "TV", code=TV1), scan(10.5, "TV", qr_id="TV-1"), revoked(4.9)],
            expect=[forged("revoked_code", count=2)],
        ),
        Case(
            name="the revocation comes late",
            kind="late",
            events=[scan(30, "TV", code=TV1), heartbeat(120), revoked(0)],
            expect=[forged("revoked_code", when=30)],
        ),
        Case(
            name="a forgery is reported late",
            kind="late",
            events=[heartbeat(600), scan(0, "TV", code=altered(TV1))],
            expect=[forged("bad_signature", when=0)],
        ),
    ],
    frozenset({"CODE_REGISTRY"}),
)
