"""One decoder for the shapes in which Pub/Sub and Eventarc push a message over HTTP.

- wrapped: a JSON body `{"message": {"data": base64, "attributes", "messageId", …}, "subscription"}`;
- Eventarc: the same body in a CloudEvent, whose attributes are `ce-…` headers (binary mode), or with the
  whole event as one JSON document (structured mode);
- unwrapped with metadata: the body is the message's data, `x-goog-pubsub-…` headers are its metadata, and
  its attributes are headers too.

What an event's stream and identity are if its value does not say is decided here as well.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from guardian.events.decode import Decoder
from guardian.events.faults import Unparsed, fault_of
from guardian.events.model import Event, Rejected
from guardian.events.topics import FRAUD_ALERTS, TOPICS

MAX_DATA_BYTES: Final = 10_000_000
"""What Pub/Sub takes in one message."""
MAX_BODY_BYTES: Final = 14_500_000
"""Of a request: such a message in base64, with its attributes."""
MAX_ATTRIBUTES: Final = 100
MAX_NAME_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1024

PUBSUB_EVENT: Final = "google.cloud.pubsub.topic.v1.messagePublished"

_METADATA = "x-goog-pubsub-"
_PREFIXES = ("kafka-", "ce-", "quarantine-")
_NAMES = frozenset({"content-type", "event-id", "traceparent", "tracestate"})
# An unwrapped message's attributes lie among the headers of HTTP itself and of every proxy on the way (the
# token among them), so only names that a publisher of ours gives are taken for attributes.

_TOPIC = re.compile(r"(?://pubsub\.googleapis\.com/)?projects/[^/]+/topics/([^/]+)")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

_T = TypeVar("_T")


class PushError(ValueError):
    """A request that is no message of any shape. field: what is wrong in it. Shows nothing of its content."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(f"{field}: {reason}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was published.

    topic: last part of the Pub/Sub topic's name, where the request tells. subscription: its full name.
    publish_time: as Pub/Sub wrote it. delivery_attempt: from 1, where the subscription counts.
    """

    data: bytes
    attributes: dict[str, str]
    message_id: str
    publish_time: str | None = None
    ordering_key: str = ""
    topic: str | None = None
    subscription: str | None = None
    delivery_attempt: int | None = None

    @property
    def stream(self) -> str:
        """The stream it belongs to: what the bridge says, else the Pub/Sub topic, else the one that the
        subscription is named after ("rfid-readings-correlator")."""
        named = self.attributes.get("kafka-topic") or self.topic
        if named:
            return named
        name = (self.subscription or "").rpartition("/")[2]
        of_topics = [
            topic for topic in (*TOPICS, FRAUD_ALERTS) if name == topic or name.startswith(f"{topic}-")
        ]
        return max(of_topics, key=len, default=name)

    @property
    def identity(self) -> str:
        """Who the event is if its value does not say: "topic/partition/offset", else the message's id.

        Who was stopped publishes again under a new message id; the place in Kafka stays, and so does the row
        of the outbox that an alert was published from.
        """
        if self.stream == FRAUD_ALERTS:
            return self.attributes.get("outbox-id") or self.message_id
        place = [self.attributes.get(name, "") for name in ("kafka-partition", "kafka-offset")]
        topic = self.attributes.get("kafka-topic")
        if topic and all(map(_NUMBER.fullmatch, place)):
            return "/".join((topic, *place))
        return self.message_id

    def event(self, decoder: Decoder) -> Event | Rejected:
        """What `decoder` makes of it. Never raises."""
        offset = self.attributes.get("kafka-offset", "")
        position = int(offset) if _NUMBER.fullmatch(offset) else 0
        partition = self.attributes.get("kafka-partition")
        source = f"{self.stream}/{partition}" if partition else self.stream
        return decoder.decode_value(self.stream, self.data, source, position, self.identity)


class _Inner(msgspec.Struct):
    data: str | None = None
    attributes: dict[str, str] | None = None
    message_id: str | None = msgspec.field(default=None, name="messageId")
    message_id_too: str | None = msgspec.field(default=None, name="message_id")
    publish_time: str | None = msgspec.field(default=None, name="publishTime")
    publish_time_too: str | None = msgspec.field(default=None, name="publish_time")
    ordering_key: str | None = msgspec.field(default=None, name="orderingKey")


class _Wrapped(msgspec.Struct):
    message: _Inner
    subscription: str | None = None
    delivery_attempt: int | None = msgspec.field(default=None, name="deliveryAttempt")


_NOTHING = msgspec.Raw()


class _CloudEvent(msgspec.Struct):
    type: str
    source: str
    data: msgspec.Raw = _NOTHING
    data_base64: str | None = None


def decode_push(headers: Mapping[str, str], body: bytes, topic: str | None = None) -> Message:
    """The message that a push request holds. headers: names in any case. Raises PushError.

    topic: the Pub/Sub topic that the endpoint's path names, where it does.
    """
    if len(body) > MAX_BODY_BYTES:
        raise PushError("body", f"larger than {MAX_BODY_BYTES} bytes")
    given = {name.lower(): value for name, value in headers.items()}
    kind = given.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/cloudevents+json":
        return _structured(body, topic)
    if f"{_METADATA}message-id" in given:
        return _unwrapped(given, body, given[f"{_METADATA}message-id"], topic)
    type_ = given.get("ce-type")
    if type_ is None or type_ == PUBSUB_EVENT:
        source = _topic_of(given.get("ce-source"))
        return _of_wrapped(_parsed(body, _Wrapped, ""), topic or source, "")
    if "ce-id" not in given:
        raise PushError("ce-id", "required, but missing")
    return _unwrapped(given, body, given["ce-id"], topic)


def message_in(source: str, data: Any) -> Message:
    """The message in a CloudEvent of Pub/Sub that somebody else has read. Raises PushError.

    source, data: of the CloudEvent.
    """
    try:
        wrapped = msgspec.convert(data, _Wrapped)
    except msgspec.ValidationError as error:
        raise _not_understood(error, _Wrapped, "data.") from None
    return _of_wrapped(wrapped, _topic_of(source), "data.")


def _structured(body: bytes, topic: str | None) -> Message:
    event = _parsed(body, _CloudEvent, "")
    if event.type != PUBSUB_EVENT:
        raise PushError("type", f"expected {PUBSUB_EVENT}")
    if event.data is not _NOTHING:
        inside = bytes(event.data)
    elif event.data_base64 is not None:
        inside = _from_base64(event.data_base64, "data_base64")
    else:
        raise PushError("data", "required, but missing")
    return _of_wrapped(_parsed(inside, _Wrapped, "data."), topic or _topic_of(event.source), "data.")


def _of_wrapped(wrapped: _Wrapped, topic: str | None, where: str) -> Message:
    inner = wrapped.message
    return _checked(
        Message(
            data=_from_base64(inner.data or "", f"{where}message.data"),
            attributes=inner.attributes or {},
            message_id=inner.message_id or inner.message_id_too or "",
            publish_time=inner.publish_time or inner.publish_time_too,
            ordering_key=inner.ordering_key or "",
            topic=topic,
            subscription=wrapped.subscription,
            delivery_attempt=wrapped.delivery_attempt,
        ),
        f"{where}message.",
    )


def _unwrapped(given: Mapping[str, str], body: bytes, identifier: str, topic: str | None) -> Message:
    attempt = given.get(f"{_METADATA}delivery-attempt")
    if attempt is not None and not _NUMBER.fullmatch(attempt):
        raise PushError(f"{_METADATA}delivery-attempt", "expected a number")
    return _checked(
        Message(
            data=body,
            attributes={
                name: _header_text(value)
                for name, value in given.items()
                if name.startswith(_PREFIXES) or name in _NAMES
            },
            message_id=identifier,
            publish_time=given.get(f"{_METADATA}publish-time"),
            ordering_key=_header_text(given.get(f"{_METADATA}ordering-key", "")),
            topic=topic,
            subscription=given.get(f"{_METADATA}subscription-name"),
            delivery_attempt=None if attempt is None else int(attempt),
        ),
        "",
    )


def _checked(message: Message, where: str) -> Message:
    """The message, if it could have been published: Pub/Sub keeps to these limits, so others must too."""
    if not message.message_id:
        raise PushError(f"{where}messageId", "required, but missing")
    if len(message.data) > MAX_DATA_BYTES:
        raise PushError(f"{where}data", f"larger than {MAX_DATA_BYTES} bytes")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise PushError(f"{where}attributes", f"more than {MAX_ATTRIBUTES}")
    for name, value in message.attributes.items():
        if _size(name) > MAX_NAME_BYTES:
            raise PushError(f"{where}attributes", f"a name of more than {MAX_NAME_BYTES} bytes")
        if _size(value) > MAX_VALUE_BYTES:
            raise PushError(f"{where}attributes.{name}", f"longer than {MAX_VALUE_BYTES} bytes")
    for field, text in (
        ("messageId", message.message_id),
        ("orderingKey", message.ordering_key),
        ("publishTime", message.publish_time or ""),
        ("subscription", message.subscription or ""),
    ):
        if _size(text) > MAX_VALUE_BYTES:
            raise PushError(f"{where}{field}", f"longer than {MAX_VALUE_BYTES} bytes")
    return message


def _parsed(body: bytes, contract: type[_T], where: str) -> _T:
    try:
        return msgspec.json.decode(body, type=contract)
    except msgspec.ValidationError as error:
        raise _not_understood(error, contract, where) from None
    except (ValueError, RecursionError):
        raise PushError(where.rstrip(".") or "body", "not valid JSON") from None


def _not_understood(error: msgspec.ValidationError, contract: type[Any], where: str) -> PushError:
    fault = fault_of(error, Unparsed, contract)
    field = where + (fault.field or "")
    return PushError(field.rstrip(".") or "body", fault.reason.partition(": ")[2] or fault.reason)


def _from_base64(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PushError(field, "not valid base64") from None


def _topic_of(source: str | None) -> str | None:
    """The topic that a CloudEvent's source names."""
    found = _TOPIC.fullmatch(source or "")
    return None if found is None else found[1]


def _header_text(value: str) -> str:
    """Servers read header bytes as Latin-1; what was UTF-8 becomes text again."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
