"""A Kafka record, apart from the client that read it."""

from __future__ import annotations

import msgspec
from confluent_kafka import Message as Polled


class KafkaRecord(msgspec.Struct, frozen=True):
    """A record as it was read. timestamp: epoch ms, None when the record has none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def identity(self) -> str:
        """The same for as long as the topic exists: "topic/partition/offset"."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def record_of(polled: Polled) -> KafkaRecord:
    """The record of a polled message that is no error."""
    topic, partition, offset = polled.topic(), polled.partition(), polled.offset()
    if topic is None or partition is None or offset is None:
        raise ValueError("a record without topic, partition or offset")
    kind, timestamp = polled.timestamp()
    return KafkaRecord(
        topic,
        partition,
        offset,
        _bytes(polled.key()),
        _bytes(polled.value()),
        timestamp if kind else None,
        tuple((str(header[0]), _bytes(header[1])) for header in polled.headers() or ()),
    )


def _bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else None
