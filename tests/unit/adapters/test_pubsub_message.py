"""Pushed messages: the same comes out of every shape, and nothing else of what is not a message."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.adapters.google import pubsub_message
from guardian.adapters.google.pubsub_message import (
    MAX_ATTRIBUTES,
    MAX_BODY_BYTES,
    MAX_NAME_BYTES,
    MAX_VALUE_BYTES,
    PUBSUB_EVENT,
    Message,
    PushError,
    decode_push,
)
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.times import TimeParser

Request = tuple[dict[str, str], bytes]
Shape = Callable[[Message], Request]


def wrapped_document(message: Message) -> dict[str, Any]:
    inner: dict[str, Any] = {"messageId": message.message_id, "message_id": message.message_id}
    if message.data:
        inner["data"] = base64.b64encode(message.data).decode()
    if message.attributes:
        inner["attributes"] = message.attributes
    if message.publish_time is not None:
        inner["publishTime"] = inner["publish_time"] = message.publish_time
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    document: dict[str, Any] = {"message": inner}
    if message.subscription is not None:
        document["subscription"] = message.subscription
    if message.delivery_attempt is not None:
        document["deliveryAttempt"] = message.delivery_attempt
    return document


def wrapped(message: Message) -> Request:
    return {"Content-Type": "application/json"}, json.dumps(wrapped_document(message)).encode()


def eventarc(message: Message) -> Request:
    headers, body = wrapped(message)
    headers |= {
        "Ce-Id": message.message_id,
        "Ce-Source": f"//pubsub.googleapis.com/projects/p/topics/{message.topic}",
        "Ce-Specversion": "1.0",
        "Ce-Type": PUBSUB_EVENT,
    }
    return headers, body


def cloud_event(message: Message) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message.message_id,
        "source": f"//pubsub.googleapis.com/projects/p/topics/{message.topic}",
        "type": PUBSUB_EVENT,
        "datacontenttype": "application/json",
    }


STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}


def structured(message: Message) -> Request:
    return STRUCTURED, json.dumps(cloud_event(message) | {"data": wrapped_document(message)}).encode()


def structured_base64(message: Message) -> Request:
    inside = base64.b64encode(json.dumps(wrapped_document(message)).encode()).decode()
    return STRUCTURED, json.dumps(cloud_event(message) | {"data_base64": inside}).encode()


def unwrapped(message: Message) -> Request:
    """As a server hands it over: header bytes read as Latin-1."""
    headers = {"x-goog-pubsub-message-id": message.message_id, "authorization": "Bearer secret", "host": "me"}
    for name, value in (
        ("publish-time", message.publish_time),
        ("subscription-name", message.subscription),
        ("ordering-key", message.ordering_key or None),
        ("delivery-attempt", message.delivery_attempt),
    ):
        if value is not None:
            headers[f"X-Goog-Pubsub-{name}"] = str(value).encode().decode("latin-1")
    headers |= {name: value.encode().decode("latin-1") for name, value in message.attributes.items()}
    return headers, message.data


printable = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
names = st.sampled_from(
    [
        "kafka-topic",
        "kafka-key",
        "kafka-partition",
        "kafka-offset",
        "kafka-header-x",
        "event-id",
        "traceparent",
    ]
)
messages = st.builds(
    Message,
    data=st.binary(max_size=300),
    attributes=st.dictionaries(names, printable, max_size=6),
    message_id=st.from_regex(r"[0-9A-Za-z_-]{1,40}", fullmatch=True),
    publish_time=st.none() | st.just("2026-11-21T10:00:00.123Z"),
    ordering_key=st.just("") | printable,
    topic=st.sampled_from(["rfid-readings", "pos-transactions", "other.topic~1"]),
    subscription=st.none() | st.just("projects/p/subscriptions/rfid-readings-correlator"),
    delivery_attempt=st.none() | st.integers(1, 100),
)


@given(messages, st.sampled_from([eventarc, structured, structured_base64]))
def test_what_eventarc_sends_comes_back_whole(message: Message, shape: Shape) -> None:
    assert decode_push(*shape(message)) == message


@given(messages, st.sampled_from([wrapped, unwrapped]))
def test_what_pubsub_pushes_comes_back_whole(message: Message, shape: Shape) -> None:
    """It does not tell the topic; the endpoint's path may."""
    assert decode_push(*shape(message)) == msgspec.structs.replace(message, topic=None)
    assert decode_push(*shape(message), message.topic) == message


@given(messages)
def test_an_unwrapped_cloud_event_without_metadata_is_told_by_its_attributes(message: Message) -> None:
    """The bridge gives its messages `ce-…` attributes, which become headers."""
    attributes = {
        "ce-id": "rfid-readings/1/2",
        "ce-type": "guardian.event",
        "ce-source": "/kafka/rfid-readings",
        "ce-specversion": "1.0",
        "content-type": "application/json",
    }
    found = decode_push(attributes | {"x-forwarded-for": "1.2.3.4"}, message.data)
    assert found == Message(data=message.data, attributes=attributes, message_id="rfid-readings/1/2")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["message", "data", "attributes", "messageId", "subscription", "type", "source", "x"]
            ),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)
header_names = st.sampled_from(
    [
        "content-type",
        "ce-type",
        "ce-id",
        "ce-source",
        "x-goog-pubsub-message-id",
        "x-goog-pubsub-delivery-attempt",
    ]
)
header_values = st.text(max_size=20) | st.sampled_from([PUBSUB_EVENT, "application/cloudevents+json", "1"])


@given(
    st.dictionaries(header_names, header_values, max_size=5),
    st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_garbage_is_refused_with_its_own_error_and_nothing_else(headers: dict[str, str], body: bytes) -> None:
    try:
        message = decode_push(headers, body)
    except PushError:
        return
    assert message.message_id


@given(messages, st.sampled_from([wrapped, eventarc, structured, structured_base64]), st.data())
def test_a_message_that_is_cut_off_is_refused(message: Message, shape: Shape, data: st.DataObject) -> None:
    headers, body = shape(message)
    with pytest.raises(PushError):
        decode_push(headers, body[: data.draw(st.integers(0, len(body) - 1))])


def body_of(**message: object) -> bytes:
    return json.dumps({"message": {"messageId": "1"} | message}).encode()


REFUSED: list[tuple[str, dict[str, str], bytes, str]] = [
    ("nothing", {}, b"", "body"),
    ("no object", {}, b"[]", "body"),
    ("no message", {}, b"{}", "message"),
    ("message of another kind", {}, b'{"message": 3}', "message"),
    ("no id", {}, b'{"message": {"data": ""}}', "message.messageId"),
    ("data of another kind", {}, body_of(data=3), "message.data"),
    ("bad base64", {}, body_of(data="????"), "message.data"),
    ("base64 for URLs", {}, body_of(data="_-8="), "message.data"),
    ("base64 without its end", {}, body_of(data="YQ"), "message.data"),
    ("attribute of another kind", {}, body_of(attributes={"a": 1}), "message.attributes"),
    (
        "attempt of another kind",
        {},
        b'{"message": {"messageId": "1"}, "deliveryAttempt": "x"}',
        "deliveryAttempt",
    ),
    ("long id", {}, body_of(messageId="1" * 1025), "message.messageId"),
    ("long value", {}, body_of(attributes={"a": "ä" * (MAX_VALUE_BYTES // 2 + 1)}), "message.attributes.a"),
    ("long name", {}, body_of(attributes={"a" * (MAX_NAME_BYTES + 1): ""}), "message.attributes"),
    (
        "many attributes",
        {},
        body_of(attributes={str(number): "" for number in range(MAX_ATTRIBUTES + 1)}),
        "message.attributes",
    ),
    ("deep", {}, b"[" * 100_000, "body"),
    ("event of another type", STRUCTURED, b'{"type": "x", "source": "y", "data": {}}', "type"),
    ("event without data", STRUCTURED, json.dumps({"type": PUBSUB_EVENT, "source": "y"}).encode(), "data"),
    (
        "event with a bad message",
        STRUCTURED,
        json.dumps({"type": PUBSUB_EVENT, "source": "y", "data": {"message": {"data": 1}}}).encode(),
        "data.message.data",
    ),
    ("cloud event without id", {"ce-type": "guardian.event"}, b"{}", "ce-id"),
    (
        "bad attempt",
        {"x-goog-pubsub-message-id": "1", "x-goog-pubsub-delivery-attempt": "-1"},
        b"",
        "x-goog-pubsub-delivery-attempt",
    ),
]


@pytest.mark.parametrize(
    ("headers", "body", "field"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_a_refusal_names_the_field(headers: dict[str, str], body: bytes, field: str) -> None:
    with pytest.raises(PushError) as caught:
        decode_push(headers, body)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")


def test_a_refusal_shows_nothing_of_what_was_sent() -> None:
    with pytest.raises(PushError) as caught:
        decode_push({}, body_of(data={"customer": "Jane Doe"}))
    assert "Jane" not in str(caught.value)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PushError, match="larger than"):
        decode_push({}, b" " * (MAX_BODY_BYTES + 1))
    monkeypatch.setattr(pubsub_message, "MAX_DATA_BYTES", 3)
    assert decode_push({}, body_of(data="YWJj")).data == b"abc"
    with pytest.raises(PushError, match="larger than"):
        decode_push({}, body_of(data="YWJjZA=="))
    with pytest.raises(PushError, match="larger than"):
        decode_push({"x-goog-pubsub-message-id": "1"}, b"abcd")


# --- From a message to an event

PLACE = {"kafka-topic": "rfid-readings", "kafka-partition": "2", "kafka-offset": "17"}
READING = b'{"timestamp": "2025-08-13T16:00:00", "station_id": "SCC1", "status": "Active", "data": {}}'


def message(data: bytes = READING, **more: Any) -> Message:
    return Message(**({"data": data, "attributes": {}, "message_id": "m1"} | more))


def event_of(one: Message) -> Event:
    event = one.event(Decoder(TimeParser(UTC, 2**45)))
    assert isinstance(event, Event), event
    return event


@pytest.mark.parametrize(
    ("found", "stream"),
    [
        (
            message(attributes=PLACE, topic="staging-x", subscription="projects/p/subscriptions/y"),
            "rfid-readings",
        ),
        (
            message(topic="queue-monitor", subscription="projects/p/subscriptions/rfid-readings"),
            "queue-monitor",
        ),
        (message(subscription="projects/p/subscriptions/rfid-readings"), "rfid-readings"),
        (message(subscription="projects/p/subscriptions/rfid-readings-correlator"), "rfid-readings"),
        (message(subscription="projects/p/subscriptions/whatever"), "whatever"),
        (message(), ""),
    ],
)
def test_the_stream_of_a_message(found: Message, stream: str) -> None:
    assert found.stream == stream


def test_an_event_is_who_its_value_says_else_its_place_in_kafka_else_its_message() -> None:
    named = READING.replace(b"{", b'{"event_id": "e1", ', 1)
    assert event_of(message(named, attributes=PLACE)).id == "e1"
    assert event_of(message(attributes=PLACE)).id == "rfid-readings/2/17"
    assert event_of(message(topic="rfid-readings")).id == "m1"
    assert event_of(message(attributes=PLACE | {"kafka-offset": "x"})).id == "m1"


def test_an_event_tells_where_it_was() -> None:
    event = event_of(message(attributes=PLACE))
    assert (event.topic, event.source, event.position, event.raw) == (
        "rfid-readings",
        "rfid-readings/2",
        17,
        READING,
    )


@pytest.mark.parametrize("one", [message(b"", attributes=PLACE), message(b"{}", attributes=PLACE), message()])
def test_what_is_no_event_is_rejected(one: Message) -> None:
    rejected = one.event(Decoder(TimeParser(UTC, 2**45)))
    assert isinstance(rejected, Rejected)
    assert rejected.raw == one.data
