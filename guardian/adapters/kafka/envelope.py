"""A Kafka record as a message with attributes: pure, and bounded whatever the record holds.

Which attributes there are, and what a reader may rely on, is told in docs/bridge.md.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from guardian.adapters.kafka.records import KafkaRecord

MAX_REQUEST_BYTES: Final = 10_000_000
"""What Pub/Sub takes in one request, attributes and framing included."""
MAX_NAME_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1024
MAX_HEADERS: Final = 64
"""Carried at most of one record; the message must stay below 100 attributes."""
PART_BYTES: Final = 9_000_000
"""Of an original in quarantine that does not fit into one message."""

_MESSAGE_OVERHEAD = 200
_ATTRIBUTE_OVERHEAD = 16
_LATEST_MS = 253_402_300_799_999  # the year 9999 is the last that has a date
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_LONGEST_TRACESTATE = 512


class Message(msgspec.Struct, frozen=True):
    """What is published. data is never empty."""

    data: bytes
    attributes: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes it takes of a request, at most."""
        texts = sum(len(name.encode()) + len(text.encode()) for name, text in self.attributes.items())
        return len(self.data) + texts + _MESSAGE_OVERHEAD + _ATTRIBUTE_OVERHEAD * len(self.attributes)


class _Identified(msgspec.Struct):
    event_id: str | int | None = None


_identify = msgspec.json.Decoder(_Identified).decode


def message(record: KafkaRecord, value: bytes) -> Message:
    """The message of a record whose value reads `value` in plain JSON."""
    attributes = _attributes(record)
    attributes["event-id"] = _event_id(value) or record.identity
    attributes["content-type"] = "application/json"
    return Message(value, attributes)


def quarantined(record: KafkaRecord, reason: str) -> Iterator[Message]:
    """The messages that keep a record which cannot go to its topic: the original bytes, in parts if need be.

    A record without a value gives one message too, whose data is a zero byte.
    """
    original = record.value or b""
    digest = hashlib.sha256(original).hexdigest()
    count = max(1, -(-len(original) // PART_BYTES))
    for index in range(count):
        attributes = _attributes(record)
        if count > 1:
            attributes["ce-id"] += f"/{index + 1}"
        attributes["ce-type"] = "guardian.quarantine"
        attributes["content-type"] = "application/octet-stream"
        attributes["quarantine-reason"] = _shortened(reason)
        attributes["quarantine-length"] = str(len(original))
        attributes["quarantine-sha256"] = digest
        attributes["quarantine-part"] = str(index + 1)
        attributes["quarantine-parts"] = str(count)
        yield Message(original[index * PART_BYTES : (index + 1) * PART_BYTES] or b"\0", attributes)


def _attributes(record: KafkaRecord) -> dict[str, str]:
    attributes = {
        "kafka-topic": record.topic,
        "kafka-partition": str(record.partition),
        "kafka-offset": str(record.offset),
        "ce-specversion": "1.0",
        "ce-id": record.identity,
        "ce-source": f"/kafka/{record.topic}",
        "ce-type": "guardian.event",
    }
    if record.timestamp is not None and 0 <= record.timestamp <= _LATEST_MS:
        attributes["kafka-timestamp"] = str(record.timestamp)
        moment = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        attributes["ce-time"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if record.key is not None:
        if not _put(attributes, "kafka-key", "kafka-binary-key", record.key):
            attributes["kafka-key-length"] = str(len(record.key))
            attributes["kafka-key-sha256"] = hashlib.sha256(record.key).hexdigest()
    _put_headers(attributes, record)
    return attributes


def _put_headers(attributes: dict[str, str], record: KafkaRecord) -> None:
    """Of headers with the same name the last counts, as Kafka's own clients have it."""
    headers = {name: value if value is not None else b"" for name, value in record.headers}
    left_out = len(record.headers) - len(headers)
    for number, (name, value) in enumerate(headers.items()):
        fits = number < MAX_HEADERS and name.isprintable() and len(name.encode()) <= MAX_NAME_BYTES - 20
        if not (fits and _put(attributes, f"kafka-header-{name}", f"kafka-binary-header-{name}", value)):
            left_out += 1
    if left_out:
        attributes["kafka-headers-left-out"] = str(left_out)
    parent = _text(headers.get("traceparent", b""))
    if parent is not None and _TRACEPARENT.fullmatch(parent):
        attributes["traceparent"] = parent
        state = _text(headers.get("tracestate", b""))
        if state and len(state) <= _LONGEST_TRACESTATE and state.isascii():
            attributes["tracestate"] = state


def _put(attributes: dict[str, str], name: str, binary_name: str, value: bytes) -> bool:
    """As text if it is that, else as base64 under the other name. False: it is too long."""
    text = _text(value)
    if text is None:
        name, text = binary_name, base64.b64encode(value).decode()
    if len(text.encode()) > MAX_VALUE_BYTES:
        return False
    attributes[name] = text
    return True


def _text(value: bytes) -> str | None:
    """Text that may stand in an HTTP header as well: no line breaks, nothing invisible."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _event_id(value: bytes) -> str | None:
    """The producer's own identity of the event, if it can be carried whole."""
    try:
        found = _identify(value).event_id
    except (ValueError, RecursionError):
        return None
    text = "" if found is None else str(found)
    return text if text.isprintable() and len(text.encode("utf-8", "replace")) <= MAX_VALUE_BYTES else None


def _shortened(text: str) -> str:
    """Without line breaks, and short enough for an attribute."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    return clean.encode()[:MAX_VALUE_BYTES].decode(errors="ignore") or "unknown"
