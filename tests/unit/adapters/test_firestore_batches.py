"""How a plan is cut into requests, and what a document may hold. No Firestore is needed for it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.adapters.google import firestore_batches
from guardian.adapters.google.firestore_batches import Kind, Unit, Write, batches, units
from guardian.adapters.google.firestore_documents import digest, document_id, rejected_fields, size_of
from guardian.adapters.google.state_journal import Change, Entry, Held, entry_size
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.engine.plan import Failure, HistoryRow, Plan, StateWrite
from guardian.events.model import Rejected


def unit(size: int, count: int = 1) -> Unit:
    return tuple(Write(Kind.PUT, "c", "i", {"data": b"x" * size}) for _ in range(count))


UNITS = st.builds(unit, st.integers(0, 5_000), st.integers(1, 2))
ENTRIES = st.builds(
    lambda size: Entry(1, 1, True, "c", "w", [Change("d", "k", Held(b"x" * size, 1, 1, 1))], {}, {}, b""),
    st.integers(0, 5_000),
)
MOST_WRITES, MOST_BYTES = 5, 15_000


@given(st.lists(UNITS, max_size=20), st.lists(ENTRIES, min_size=1, max_size=6))
def test_batches_keep_order_units_and_limits_and_the_journal_last(
    told: list[Unit], entries: list[Entry]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(firestore_batches, "MOST_WRITES", MOST_WRITES)
        patched.setattr(firestore_batches, "MOST_BYTES", MOST_BYTES)
        made = batches(told, entries)
    written = [write for writes, _ in made for write in writes]
    assert list(map(id, written)) == [id(write) for unit in told for write in unit]
    assert [id(entry) for _, pieces in made for entry in pieces] == list(map(id, entries))
    batch_of = {id(write): number for number, (writes, _) in enumerate(made) for write in writes}
    for unit in told:
        assert len({batch_of[id(write)] for write in unit}) == 1
    for writes, pieces in made:
        assert 0 < len(writes) + len(pieces) <= MOST_WRITES
        assert sum(write.size for write in writes) + sum(map(entry_size, pieces)) <= MOST_BYTES
    # What the journal says holds from its last entry on, so nothing but more of it may come after.
    first = next(number for number, (_, pieces) in enumerate(made) if pieces)
    assert all(not writes for writes, _ in made[first + 1 :])
    if len(written) + len(entries) <= MOST_WRITES:
        if sum(write.size for write in written) + sum(map(entry_size, entries)) <= MOST_BYTES:
            assert len(made) == 1


def alert(name: str, detector: str) -> Alert:
    return Alert(
        alert_id=name,
        type=detector,
        severity=Severity.LOW,
        status=Status.SUSPECTED,
        site="s",
        subject=Subject("sku", "x"),
        event_time=1,
        started_at=1,
        ended_at=1,
        detected_at=1,
        evidence={},
        detector=DetectorRef(detector, 1),
    )


def test_what_is_told_besides_the_journal_and_in_which_order() -> None:
    plan = Plan(
        states=[StateWrite("d", "k", b"", 1, 1, 0)],
        alerts={name: alert(name, "d") for name in ("a1", "a2")},
        history=[HistoryRow("session", "s", 1, {})],
        rejected=[Rejected(None, None, "no", "feed", 1, b"")],
        failures=[Failure("d", "k", "e", "boom")],
    )
    told = units(plan, "now")
    assert [[write.collection for write in unit] for unit in told] == [
        ["history"],
        ["alerts", "outbox"],
        ["alerts", "outbox"],
        ["quarantine"],
        ["failures"],
    ]
    assert [unit[0].fields.get("alert_id") for unit in told[1:3]] == ["a1", "a2"]
    assert {write.kind for unit in told for write in unit if write.collection == "alerts"} == {Kind.ALERT}


TEXTS = st.text(st.characters(), max_size=30)  # lone surrogates included


@given(TEXTS)
def test_any_text_names_a_document(text: str) -> None:
    identifier = document_id(text)
    assert "/" not in identifier
    assert identifier not in ("", ".", "..")
    assert not (identifier.startswith("__") and identifier.endswith("__"))
    assert identifier.isascii()
    assert (identifier == text) == (not identifier.startswith("~"))


@given(st.lists(st.lists(TEXTS, max_size=3), min_size=2, max_size=2))
def test_other_texts_have_another_digest(texts: list[list[str]]) -> None:
    one, other = texts
    assert (digest(*one) == digest(*other)) == (one == other)


@given(TEXTS, TEXTS, st.sampled_from([1, 4095, 4097, 400_000]), st.binary(max_size=20))
def test_whatever_is_wrong_with_a_record_it_fits(field: str, reason: str, times: int, raw: bytes) -> None:
    record = Rejected(None, field * times, reason * times, "feed", 2**62, raw * times * 5)
    fields = rejected_fields(record)
    assert size_of(fields) < 1_000_000
    assert fields["length"] == len(record.raw)
    assert record.raw.startswith(fields["raw"])
    for value in fields.values():
        if isinstance(value, str):
            value.encode()
