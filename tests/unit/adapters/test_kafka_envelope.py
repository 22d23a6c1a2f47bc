"""Records as messages: what arrives can be told from the attributes, and no limit of Pub/Sub is broken."""

from __future__ import annotations

import base64
import hashlib
import json

from hypothesis import given, strategies as st

from guardian.adapters.kafka.envelope import (
    MAX_NAME_BYTES,
    MAX_REQUEST_BYTES,
    MAX_VALUE_BYTES,
    PART_BYTES,
    Message,
    message,
    quarantined,
)
from guardian.adapters.kafka.records import KafkaRecord

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
RECORDS = st.builds(
    KafkaRecord,
    st.just("pos-transactions"),
    st.integers(0, 99),
    st.integers(0, 2**62),
    st.none() | st.binary(max_size=2_000),
    st.none() | st.binary(max_size=200),
    st.none() | st.integers(-1, 2**63 - 1),
    st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=1_500)), max_size=90).map(tuple),
)


def assert_within_limits(made: Message) -> None:
    assert made.data
    assert len(made.attributes) <= 100
    for name, value in made.attributes.items():
        assert 0 < len(name.encode()) <= MAX_NAME_BYTES
        assert not name.startswith("goog")
        assert len(value.encode()) <= MAX_VALUE_BYTES
        assert name.isprintable()
        assert value.isprintable(), "it may have to stand in an HTTP header"
    assert made.size > len(made.data)


@given(RECORDS, st.binary(min_size=1, max_size=100) | st.just(b'{"event_id": "x"}'))
def test_any_record_is_within_limits(record: KafkaRecord, value: bytes) -> None:
    made = message(record, value)
    assert_within_limits(made)
    names = made.attributes
    assert f"{names['kafka-topic']}/{names['kafka-partition']}/{names['kafka-offset']}" == names["ce-id"]
    if record.key is not None and len(record.key) <= 700:
        binary = names.get("kafka-binary-key")
        kept = names["kafka-key"].encode() if binary is None else base64.b64decode(binary)
        assert kept == record.key
    shown = sum(name.startswith(("kafka-header-", "kafka-binary-header-")) for name in names)
    assert shown + int(names.get("kafka-headers-left-out", "0")) == len(record.headers)


@given(RECORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=3_000))
def test_any_quarantined_record_is_within_limits(record: KafkaRecord, reason: str) -> None:
    (made,) = quarantined(record, reason)
    assert_within_limits(made)
    assert made.data == (record.value or b"\0")
    assert made.attributes["quarantine-length"] == str(len(record.value or b""))


def test_an_original_that_is_too_large_is_kept_in_parts() -> None:
    value = bytes(range(256)) * (PART_BYTES // 100)
    parts = list(quarantined(KafkaRecord("t", 0, 7, value=value), "too large"))
    assert b"".join(part.data for part in parts) == value
    assert len(parts) == 3
    assert all(part.size <= MAX_REQUEST_BYTES for part in parts)
    assert len({part.attributes["ce-id"] for part in parts}) == 3
    assert {part.attributes["quarantine-sha256"] for part in parts} == {hashlib.sha256(value).hexdigest()}


def test_names_of_a_whole_record() -> None:
    headers = (
        ("traceparent", TRACE.encode()),
        ("till", b"4"),
        ("till", b"5"),
        ("odd", b"\n"),
        ("none", None),
    )
    record = KafkaRecord("rfid-readings", 2, 40, b"S1", b"{}", 1_748_944_800_123, headers)
    made = message(record, json.dumps({"event_id": "e-1", "timestamp": "…"}).encode())
    assert made.attributes == {
        "kafka-topic": "rfid-readings",
        "kafka-partition": "2",
        "kafka-offset": "40",
        "kafka-key": "S1",
        "kafka-timestamp": "1748944800123",
        "kafka-header-traceparent": TRACE,
        "kafka-header-till": "5",
        "kafka-header-none": "",
        "kafka-binary-header-odd": base64.b64encode(b"\n").decode(),
        "kafka-headers-left-out": "1",
        "traceparent": TRACE,
        "ce-specversion": "1.0",
        "ce-id": "rfid-readings/2/40",
        "ce-source": "/kafka/rfid-readings",
        "ce-type": "guardian.event",
        "ce-time": "2025-06-03T10:00:00.123Z",
        "event-id": "e-1",
        "content-type": "application/json",
    }


def test_a_broken_trace_is_not_passed_on_as_one() -> None:
    record = KafkaRecord("t", 0, 0, headers=(("traceparent", b"00-nothing"),))
    assert "traceparent" not in message(record, b"{}").attributes


def test_a_key_that_is_too_long_leaves_its_digest() -> None:
    names = message(KafkaRecord("t", 0, 0, key=b"k" * 2_000), b"{}").attributes
    assert "kafka-key" not in names
    assert names["kafka-key-length"] == "2000"
    assert names["kafka-key-sha256"] == hashlib.sha256(b"k" * 2_000).hexdigest()
