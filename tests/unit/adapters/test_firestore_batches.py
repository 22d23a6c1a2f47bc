"""How a plan is cut into requests, and what a document may hold. No Firestore is needed for it."""

from __future__ import annotations

import msgspec
from hypothesis import given, strategies as st

from guardian.adapters.google.firestore_batches import Kind, Unit, Write, batches, groups
from guardian.adapters.google.firestore_documents import digest, document_id, rejected_fields, size_of
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.engine.plan import HistoryRow, Plan, StateWrite
from guardian.events.model import Rejected


def unit(size: int, count: int = 1) -> Unit:
    return tuple(Write(Kind.PUT, "c", "i", {"data": b"x" * size}) for _ in range(count))


UNITS = st.builds(unit, st.integers(0, 5_000), st.integers(1, 2))
MOST_WRITES, MOST_BYTES = 5, 15_000


@given(st.lists(st.lists(UNITS, min_size=1, max_size=9), max_size=6))
def test_batches_keep_order_units_and_limits(given_groups: list[list[Unit]]) -> None:
    made = batches(given_groups, most_writes=MOST_WRITES, most_bytes=MOST_BYTES)
    written = [write for batch in made for write in batch]
    wanted = [write for group in given_groups for unit in group for write in unit]
    assert list(map(id, written)) == list(map(id, wanted))
    batch_of = {id(write): number for number, batch in enumerate(made) for write in batch}
    for batch in made:
        assert 0 < len(batch) <= MOST_WRITES
        assert sum(write.size for write in batch) <= MOST_BYTES
    for group in given_groups:
        for unit in group:
            assert len({batch_of[id(write)] for write in unit}) == 1
        together = [write for unit in group for write in unit]
        if len(together) <= MOST_WRITES and sum(write.size for write in together) <= MOST_BYTES:
            assert len({batch_of[id(write)] for write in together}) == 1
    # Each batch but the last is followed by something that did not fit into it as well.
    total = sum(write.size for write in wanted)
    if len(wanted) <= MOST_WRITES and total <= MOST_BYTES:
        assert len(made) <= 1


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


def test_alerts_come_before_the_states_they_come_from_and_consumers_before_emitters() -> None:
    plan = Plan(
        states=[
            StateWrite(detector, key, b"", 1, 1, 0) for detector in ("emits", "consumes") for key in "ab"
        ],
        unchanged=[("consumes", "c", 3), ("looks", "d", 0)],
        alerts={name: alert(name, name[1:]) for name in ("1emits", "2consumes", "3silent")},
        history=[HistoryRow("session", "s", 1, {})],
        rejected=[Rejected(None, None, "no", "feed", 1, b"")],
    )
    encoded = {name: msgspec.json.encode(one) for name, one in plan.alerts.items()}
    found = [
        [(write.kind.name, write.collection, write.fields.get("alert_id") or write.key) for write in unit]
        for group in groups(plan, "now", encoded)
        for unit in group
    ]
    none = ("", "")

    def raised(name: str) -> list[tuple[str, str, object]]:
        return [("ALERT", "alerts", name), ("PUT", "outbox", none)]

    assert found == [
        [("PUT", "history", none)],
        raised("3silent"),
        [("SAME", "states", ("looks", "d"))],
        raised("2consumes"),
        [("SAME", "states", ("consumes", "c"))],
        [("STATE", "states", ("consumes", "a"))],
        [("STATE", "states", ("consumes", "b"))],
        raised("1emits"),
        [("STATE", "states", ("emits", "a"))],
        [("STATE", "states", ("emits", "b"))],
        [("PUT", "quarantine", none)],
    ]


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
