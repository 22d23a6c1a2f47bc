"""What the register of codes does where keys are missing or change, and whatever the order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from guardian.alerts.model import Alert
from guardian.detectors.registry import Site, build
from guardian.detectors.warehouse.code_registry import CodeRegistry, CodeState
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.qr.verify import Verifier
from guardian.testing import MemoryStates, Outcome, at, booked, play, scan
from guardian.testing.play import LATENESS_MS, SITE
from tests.unit.detectors.labels import (
    OURS,
    PUBLIC_ONLY,
    VERIFIER,
    altered,
    keys_with,
    label,
    old_label,
    unsigned,
)

A1, A2, DOCK = "WH1/A-01", "WH1/A-02", "WH1/DOCK-1"
TV1 = label("TV", "TV-1")
ABOUT_CODES = frozenset({"CODE_REGISTRY", "QR_CODE_TAMPERING", "QR_CODE_CLONED", "QR_LOCATION_MISMATCH"})


def found_in(events: Sequence[Event], codes: Verifier | None = VERIFIER) -> Outcome:
    """What all detectors of codes make of it, all episodes over."""
    site = Site(Catalogue.empty(), LATENESS_MS, codes=codes)
    outcome = play(events, lambda: build(site, only=ABOUT_CODES))
    assert not outcome.failures
    return outcome


def kinds(outcome: Outcome) -> set[tuple[str, str]]:
    """Type and subject of the alerts."""
    return {(alert.type, alert.subject.id) for alert in outcome.alerts.values()}


# --- Keys that are missing, or change ----------------------------------------------------------------


@pytest.mark.parametrize("text", [altered(TV1), unsigned(TV1), "https://example.com/", "{", TV1])
def test_without_keys_no_text_is_judged(text: str) -> None:
    outcome = found_in([scan(0, "TV", A2, code=text)], None)

    assert not outcome.alerts
    assert outcome.counters["CODE_REGISTRY.unverifiable"] == 1


def test_without_keys_contradictions_are_found_all_the_same() -> None:
    events = [
        scan(0, "TV", A1, code=TV1),
        scan(5, "TV", A2, code=TV1),
        scan(60, "PHONE", A2, code=label("TV", "TV-2")),
        scan(70, "TV", A2, code=label("TV", "TV-2")),
        scan(80, "TV", qr_id="TV-3", action="qr_revoked", by="E1"),
        scan(90, "TV", A2, code=label("TV", "TV-3")),
    ]

    assert kinds(found_in(events, None)) == {
        ("QR_CODE_CLONED", "TV-1"),
        ("QR_CODE_TAMPERING", "TV-2"),
        ("QR_CODE_TAMPERING", "TV-3"),
    }


def test_texts_that_name_no_code_are_no_code_that_travels() -> None:
    events = [scan(0, "TV", A1, code="WINNER"), scan(1, "TV", A2, code="LOSER")]

    assert not found_in(events, None).alerts


def test_codes_of_the_older_kind_are_not_judged_without_their_secret() -> None:
    forged = old_label("TV", "TV-1", secret=b"guessed")
    outcome = found_in([scan(0, "TV", code=forged)], PUBLIC_ONLY)

    assert not outcome.alerts
    assert outcome.counters["CODE_REGISTRY.unverifiable"] == 1
    assert kinds(found_in([scan(0, "TV", code=forged)])) == {("QR_CODE_TAMPERING", "TV-1")}


def test_what_a_code_of_the_older_kind_says_must_fit_even_so() -> None:
    text = old_label("TV", "TV-1")

    assert kinds(found_in([scan(0, "PHONE", code=text)], PUBLIC_ONLY)) == {("QR_CODE_TAMPERING", "TV-1")}
    assert kinds(found_in([scan(0, "TV", A2, code=text)], PUBLIC_ONLY)) == {("QR_LOCATION_MISMATCH", "TV-1")}


def test_a_code_verified_once_is_not_verified_again() -> None:
    counting = Counting()
    found_in([scan(60 * turn, "TV", code=TV1) for turn in range(20)], counting)

    assert counting.checked == 1


class Counting(Verifier):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(keys_with())
        self.checked = 0

    def check(self, text: str):  # type: ignore[no-untyped-def]
        self.checked += 1
        return super().check(text)


def test_a_key_that_is_revoked_voids_codes_verified_before() -> None:
    states = MemoryStates()
    alerts: dict[str, Alert] = {}
    for seconds, keys in ((0, keys_with()), (60, keys_with(revoked=OURS.key_id))):
        site = Site(Catalogue.empty(), LATENESS_MS, codes=Verifier(keys))
        engine = Engine(build(site, only=ABOUT_CODES), site=SITE, lateness_ms=LATENESS_MS)
        plan = engine.process(Batch([scan(seconds, "TV", code=TV1, id=f"s{seconds}")]), states)
        states.commit(plan)
        alerts |= plan.alerts

    (alert,) = alerts.values()
    assert alert.evidence["reason"] == "revoked_key"
    assert alert.event_time == at(60)


def test_what_is_redelivered_raises_nothing_again() -> None:
    site = Site(Catalogue.empty(), LATENESS_MS, codes=VERIFIER)
    engine = Engine(build(site, only=ABOUT_CODES), site=SITE, lateness_ms=LATENESS_MS)
    states = MemoryStates()
    events = [
        scan(0, "TV", A2, code=TV1, id="a"),
        scan(3, "TV", A1, code=TV1, id="b"),
        scan(6, "PHONE", A1, code=TV1, id="c"),
        scan(9, "TV", A1, code=altered(TV1), id="d"),
        scan(12, "TV", A1, qr_id="TV-1", action="qr_revoked", by="E1", id="e"),
        scan(300, "TV", A1, code=TV1, id="f"),
    ]
    first = engine.process(Batch(events), states)
    states.commit(first)
    again = engine.process(Batch(events), states)

    assert {alert.type for alert in first.alerts.values()} == ABOUT_CODES - {"CODE_REGISTRY"}
    assert not again.alerts
    assert not again.history


def test_what_is_remembered_of_a_code_is_bounded_and_small() -> None:
    registry = CodeRegistry(codes=VERIFIER, lateness_ms=LATENESS_MS)
    states = MemoryStates()
    engine = Engine([registry], site=SITE, lateness_ms=LATENESS_MS)
    events = [scan(turn, "TV", f"WH1/A-{turn:03}", code=TV1, id=f"{turn:036}") for turn in range(500)]
    (write,) = engine.process(Batch(events), states).states

    assert len(write.data) < 1_024
    assert msgspec.msgpack.decode(write.data[1:], type=CodeState).scans == 500


# --- Whatever the order ------------------------------------------------------------------------------

Row = tuple[int, str, str, str]
"""When, what, where, on which product."""

PLACES = (A1, A2, DOCK)


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """What happens to one code, in an order of arrival that keeps within the lateness."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 60),
                st.sampled_from(("text", "text", "number", "used", "revoked", "issued")),
                st.sampled_from(PLACES),
                st.sampled_from(("TV", "TV", "TV", "PHONE")),
                st.integers(0, LATENESS_MS // 1000),
            ),
            max_size=8,
        )
    )
    by_arrival = sorted((row[0] + row[4], *row[:4]) for row in rows)
    return [(time, what, place, product) for _, time, what, place, product in by_arrival]


def events_of(rows: Sequence[Row]) -> list[Event]:
    events = []
    for time, what, place, product in rows:
        match what:
            case "text":
                events.append(scan(time, product, place, code=TV1))
            case "number":
                events.append(scan(time, product, place, qr_id="TV-1"))
            case "used":
                events.append(scan(time, product, place, qr_id="TV-1", action="qr_consumed", by="E1"))
            case "revoked":
                events.append(scan(time, "TV", place, qr_id="TV-1", action="qr_revoked", by="E1"))
            case "issued":
                events.append(scan(time, "TV", A1, code=TV1, action="qr_issued", by="E1"))
    return events


def is_cloned(rows: Sequence[Row]) -> bool:
    scans = [row for row in rows if row[1] in {"text", "number", "used"}]
    for time, _, place, _ in scans:
        if any(place != there and abs(time - other) + 5 <= 20 for other, _, there, _ in scans):
            return True
    uses = [(time, place) for time, what, place, _ in scans if what == "used"]
    if not uses:
        return False
    first = min(time for time, _ in uses)
    at_first = {place for time, place in uses if time == first}  # more than one: cloned, see above
    return any(
        time > first + 5 and place != DOCK and not (what == "used" and place in at_first)
        for time, what, place, _ in scans
    )


def is_forged(rows: Sequence[Row]) -> bool:
    scans = [row for row in rows if row[1] in {"text", "number", "used"}]
    named = {"TV"} if any(row[1] in {"text", "issued"} for row in rows) else set()
    if len({row[3] for row in scans} | named) > 1:
        return True
    revoked = [row[0] for row in rows if row[1] == "revoked"]
    return bool(revoked) and any(row[0] > min(revoked) + 5 for row in scans)


def stage(rows: Sequence[Row]) -> str | None:
    words = {row[1] for row in rows}
    for word, named in (
        ("revoked", "revoked"),
        ("used", "consumed"),
        ("text", "active"),
        ("number", "active"),
    ):
        if word in words:
            return named
    return "issued" if words else None


@settings(max_examples=400, deadline=None)
@given(histories())
def test_what_contradicts_itself_is_found_whatever_the_order(rows: list[Row]) -> None:
    outcome = found_in(events_of(rows))
    found = {type_ for type_, _ in kinds(outcome)}

    assert ("QR_CODE_CLONED" in found) == is_cloned(rows)
    assert ("QR_CODE_TAMPERING" in found) == is_forged(rows)
    kept = [row.row["stage"] for row in outcome.history.values()]
    assert kept == ([stage(rows)] if rows else [])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.sampled_from(("scan", "scan", "books")),
            st.sampled_from((A1, A2, "WH1/A-03", DOCK)),
            st.integers(0, LATENESS_MS // 1000),
        ),
        max_size=10,
    )
)
def test_scans_that_neither_label_nor_books_explain_are_found_whatever_the_order(
    rows: list[tuple[int, str, str, int]],
) -> None:
    by_arrival = sorted(rows, key=lambda row: (row[0] + row[3], row[0]))
    events = [
        scan(time, "TV", place, code=TV1) if what == "scan" else booked(time, "TV", 5, place)
        for time, what, place, _ in by_arrival
    ]
    books: dict[str, int] = {}
    for time, what, place, _ in rows:
        if what == "books":
            books[place] = min(time, books.get(place, time))
    expected = {
        place
        for time, what, place, _ in rows
        if what == "scan" and place not in {A1, DOCK} and time + 120 < books.get(place, 10**9)
    }

    strays = [
        alert.evidence["location"]
        for alert in found_in(events).alerts.values()
        if alert.type == "QR_LOCATION_MISMATCH"
    ]

    assert sorted(strays) == sorted(expected)
