"""Alerts that come in: what was published is the very same alert, and nothing that arrives raises."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.adapters.google.pubsub_message import Message
from guardian.alerts.document import LARGEST
from guardian.alerts.incoming import alert_event
from guardian.alerts.render import alert_document
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.times import TimeParser
from guardian.events.topics import FRAUD_ALERTS
from guardian.ports import outbox_id
from guardian.runtime.alert_message import alert_message
from tests.unit.alerts.alerts import AT, EXAMPLE, alert

INDIA = timezone(timedelta(hours=5, minutes=30))
LATEST = AT + 86_400_000


def taken(raw: bytes) -> Event | Rejected:
    return alert_event(raw, TimeParser(UTC, LATEST), "fraud-alerts", 0, "row")


def changed(**changes: Any) -> bytes:
    return msgspec.json.encode(alert_document(EXAMPLE, UTC) | changes)


@pytest.mark.parametrize("zone", [UTC, INDIA])
def test_what_was_published_is_the_same_alert(zone: Any) -> None:
    row = outbox_id(EXAMPLE.alert_id, msgspec.json.encode(EXAMPLE))
    data, attributes = alert_message(row, EXAMPLE, zone)
    message = Message(data=data, attributes=attributes, message_id="7", topic=FRAUD_ALERTS)
    event = message.event(Decoder(TimeParser(UTC, LATEST)))
    assert isinstance(event, Event)
    assert event.value == EXAMPLE
    assert (event.topic, event.time, event.id) == (FRAUD_ALERTS, EXAMPLE.event_time, row)
    assert event.raw == data


def test_a_later_content_is_another_event() -> None:
    messages = [
        Message(data=data, attributes=attributes, message_id="7", topic=FRAUD_ALERTS)
        for content in (EXAMPLE, alert(count=4))
        for data, attributes in [
            alert_message(outbox_id(content.alert_id, msgspec.json.encode(content)), content, UTC)
        ]
    ]
    assert len({message.identity for message in messages}) == 2


def test_without_a_row_the_message_is_the_event() -> None:
    message = Message(
        data=b"", attributes={}, message_id="7", subscription="projects/p/subscriptions/fraud-alerts-x"
    )
    assert (message.stream, message.identity) == (FRAUD_ALERTS, "7")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", None),
        (b"[1]", None),
        (b" " * (LARGEST + 1), None),
        (b'{"evidence":' * 50_000, None),
        (changed(severity="secret-9"), "severity"),
        (changed(subject={"kind": "station", "id": 7}), "subject.id"),
        (changed(detector={"id": "LONG_QUEUE", "version": "x"}), "detector.version"),
        (changed(event_time="secret-9"), "event_time"),
        (changed(ended_at="1999-01-01T00:00:00Z"), "ended_at"),
        (changed(detected_at="2099-01-01T00:00:00Z"), "detected_at"),
    ],
)
def test_what_is_no_alert_is_rejected(raw: bytes, field: str | None) -> None:
    record = taken(raw)
    assert isinstance(record, Rejected)
    assert (record.topic, record.field, record.raw) == (FRAUD_ALERTS, field, raw)
    assert record.reason


@given(st.binary(max_size=200) | st.text(max_size=50).map(msgspec.json.encode))
def test_nothing_raises(raw: bytes) -> None:
    assert isinstance(taken(raw), Rejected)


def test_no_recording_holds_alerts() -> None:
    record = Decoder(TimeParser(UTC, LATEST)).decode_record(
        msgspec.json.encode({"topic": FRAUD_ALERTS, "value": alert_document(EXAMPLE, UTC)}), "f", 1
    )
    assert isinstance(record, Rejected)
