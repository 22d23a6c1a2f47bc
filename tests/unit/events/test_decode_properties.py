"""Decoding under generated input: valid rows of every stream, and everything that can go wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.topics import INVENTORY_DIGITAL, SHIPPING, SNAPSHOTS, TOPICS
from tests.unit.events.rows import EXAMPLES, ROWS, Row, any_row, parser

TIME_FIELD = {INVENTORY_DIGITAL: "updated_at", SHIPPING: "departure_time"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
topics = st.sampled_from(sorted(TOPICS))

# Shared: what a decoder remembers of earlier values must not matter to later ones.
DECODER = Decoder(parser())


def reference_ms(written: str | int | float) -> int:
    if isinstance(written, str) and not written.isdigit():
        since = datetime.fromisoformat(written).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return int(written)


def paths(row: Any, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every field of a row, outer ones first."""
    steps = row.items() if isinstance(row, dict) else enumerate(row) if isinstance(row, list) else ()
    return [path for step, inner in steps for path in ((*prefix, step), *paths(inner, (*prefix, step)))]


def with_value(row: Row, path: tuple[str | int, ...], value: object) -> Row:
    copy: Any = json.loads(json.dumps(row))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(copy)


def as_text(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


def check(outcome: Event | Rejected | None, topic: str, raw: bytes) -> None:
    """What holds of every outcome, good or bad."""
    assert outcome is not None
    assert (outcome.topic, outcome.source, outcome.position, outcome.raw) == (topic, "f", 3, raw)
    if isinstance(outcome, Rejected):
        assert outcome.reason
        assert len(outcome.reason) < 400
        assert outcome.field is None or outcome.reason.startswith(f"{outcome.field}: ")
    else:
        assert type(outcome.value) is TOPICS[topic].contract
        msgspec.json.encode(outcome.value)


@given(any_row)
def test_valid_rows_decode_and_survive_a_round_trip(given_row: tuple[str, Row]) -> None:
    topic, row = given_row
    raw = json.dumps(row).encode()
    event = DECODER.decode_value(topic, raw, "f", 3)
    assert isinstance(event, Event), event
    check(event, topic, raw)
    assert event.id == row.get("event_id")
    assert event.time == reference_ms(row[TIME_FIELD.get(topic, "timestamp")])

    again = DECODER.decode_value(topic, msgspec.json.encode(event.value), "f", 3)
    assert isinstance(again, Event), again
    assert (again.value, again.time) == (event.value, event.time)

    # What the row says and the contract knows is what the value says, but for items spelt short.
    read = json.loads(msgspec.json.encode(event.value))
    for path in paths(row):
        if path[0] != "manifest" and not isinstance(value := look_up(row, path), dict) and value is not None:
            assert look_up(read, path) == value


def look_up(row: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        row = row[step]
    return row


@given(st.lists(any_row, max_size=8), st.data())
def test_every_way_in_gives_the_same_events(rows: list[tuple[str, Row]], data: st.DataObject) -> None:
    records = [json.dumps({"topic": topic, "value": row}).encode() for topic, row in rows]
    one_by_one = [DECODER.decode_record(line, "f", 1 + i) for i, line in enumerate(records)]
    assert DECODER.decode_records(records, "f", 1) == one_by_one
    topic = data.draw(topics)
    lines = [json.dumps(row).encode() for row in data.draw(st.lists(ROWS[topic], max_size=8))]
    singly = [DECODER.decode_value(topic, line, "f", 1 + i) for i, line in enumerate(lines)]
    assert DECODER.decode_lines(topic, lines, "f", 1) == singly


@given(
    topics, st.binary(max_size=200) | st.text().map(str.encode) | json_values.map(json.dumps).map(str.encode)
)
def test_any_bytes_give_an_event_or_a_rejection(topic: str, raw: bytes) -> None:
    check(DECODER.decode_value(topic, raw, "f", 3), topic, raw)
    in_bulk = DECODER.decode_lines(topic, [raw], "f", 3)
    assert len(in_bulk) == (1 if raw.strip() else 0)
    for outcome in (
        *in_bulk,
        DECODER.decode_record(raw, "f", 3),
        *DECODER.decode_records([raw], "f", 3),
        DECODER.decode_frame(raw, "f"),
    ):
        assert outcome is None or isinstance(outcome, Event | Rejected)


@given(any_row, st.data())
def test_any_value_in_any_field_gives_an_event_or_a_rejection(
    given_row: tuple[str, Row], data: st.DataObject
) -> None:
    topic, row = given_row
    raw = json.dumps(with_value(row, data.draw(st.sampled_from(paths(row))), data.draw(json_values))).encode()
    check(DECODER.decode_value(topic, raw, "f", 3), topic, raw)


@given(any_row, st.data())
def test_damaged_bytes_give_an_event_or_a_rejection(given_row: tuple[str, Row], data: st.DataObject) -> None:
    topic, row = given_row
    whole = json.dumps(row, ensure_ascii=False).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    for raw in (whole[:at], whole[at:], whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :]):
        check(DECODER.decode_value(topic, raw, "f", 3), topic, raw)


# --- Every field of every stream, spoilt one at a time ------------------------------------------------

FIELDS = [(topic, path) for topic, row in EXAMPLES.items() for path in paths(row)]


@pytest.mark.parametrize("topic", sorted(EXAMPLES))
def test_every_truncation_is_rejected(topic: str) -> None:
    whole = json.dumps(EXAMPLES[topic]).encode()
    for end in range(len(whole)):
        outcome = DECODER.decode_value(topic, whole[:end], "f", 3)
        assert isinstance(outcome, Rejected)
        check(outcome, topic, whole[:end])


@pytest.mark.parametrize(("topic", "path"), FIELDS, ids=lambda part: part if isinstance(part, str) else None)
def test_a_wrong_type_in_any_field_is_named(topic: str, path: tuple[str | int, ...]) -> None:
    value = look_up(EXAMPLES[topic], path)
    wrong: list[object] = [[{}]] if path == ("manifest",) else [[], [1]]
    if not isinstance(value, dict):
        wrong.append({"x": 1})
    if not isinstance(value, bool):
        wrong.append(True)
    if not isinstance(value, str) and path != ("sentiment",):
        wrong.append("twelve")
    for bad in wrong:
        if path == ("manifest", 0) and bad == "twelve":
            continue  # a plain product id
        raw = json.dumps(with_value(EXAMPLES[topic], path, bad)).encode()
        outcome = DECODER.decode_value(topic, raw, "f", 3)
        assert isinstance(outcome, Rejected), outcome
        check(outcome, topic, raw)
        assert (outcome.field or "").startswith(as_text(path))


@pytest.mark.parametrize(("topic", "path"), FIELDS, ids=lambda part: part if isinstance(part, str) else None)
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400, "1e309"]
)
def test_no_field_takes_a_number_that_is_none(topic: str, path: tuple[str | int, ...], number: str) -> None:
    raw = json.dumps(with_value(EXAMPLES[topic], path, "@")).replace('"@"', number).encode()
    outcome = DECODER.decode_value(topic, raw, "f", 3)
    assert isinstance(outcome, Rejected), outcome
    check(outcome, topic, raw)
    assert (outcome.field or "").startswith(as_text(path))


@pytest.mark.parametrize("topic", sorted(EXAMPLES))
@pytest.mark.parametrize(
    "written",
    [
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999Z",
        "2999-01-01T00:00:00Z",
        "0000-01-01T00:00:00",
        "2026-03-14",
        "2026-13-01T00:00:00",
        "",
        "now",
        0,
        -1,
        1_773_489_600,
        1_773_489_600.5,
        1_773_489_600_000_000,
        10**30,
    ],
)
def test_a_time_that_cannot_be_is_rejected_in_every_stream(topic: str, written: object) -> None:
    field = TIME_FIELD.get(topic, "timestamp")
    raw = json.dumps(EXAMPLES[topic] | {field: written}).encode()
    outcome = DECODER.decode_value(topic, raw, "f", 3)
    assert isinstance(outcome, Rejected)
    check(outcome, topic, raw)
    assert outcome.field == field


@pytest.mark.parametrize("topic", sorted(EXAMPLES))
def test_invalid_text_and_oversize_are_rejected_in_every_stream(topic: str) -> None:
    whole = json.dumps(EXAMPLES[topic]).encode()
    for raw in (
        whole[:-1] + b', "note": "\xc3\x28"}',
        whole[:-1] + b', "\xff": 1}',
        whole[:-1] + b', "note": "' + b"x" * 10_000_000 + b'"}',
        whole[:-1] + b', "note": ' + b'{"":' * 100_000,
    ):
        single, (bulk,) = DECODER.decode_value(topic, raw, "f", 3), DECODER.decode_lines(topic, [raw], "f", 3)
        assert isinstance(single, Rejected)
        assert single == bulk
        check(single, topic, raw)


def test_the_culprit_in_a_large_snapshot_is_found() -> None:
    stock: dict[str, object] = {f"SKU-{n:05}": n for n in range(40_000)}
    stock["SKU-31000"] = "many"
    raw = json.dumps({"timestamp": 1_773_489_600_000, "data": stock}).encode()
    outcome = DECODER.decode_value(SNAPSHOTS, raw, "f", 3)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == 'data.SKU-31000: expected integer, found string "many"'
