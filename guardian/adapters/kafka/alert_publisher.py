"""Alerts back to Kafka, where others who read the streams can see them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from guardian.adapters.kafka.settings import KafkaSettings
from guardian.events.topics import FRAUD_ALERTS

PUBLISH_TIMEOUT_S: Final = 30.0

_REFUSED: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_MSG,
        KafkaError.POLICY_VIOLATION,
    }
)
"""What no other attempt helps against. Of records that went in one batch, it may be said of all for one."""

_CONTENT_TYPE = {"content-type": "application/json"}


class AlertPublishingError(Exception):
    """Not every alert is known to be in Kafka: publish all of them again."""


class AlertRecord(msgspec.Struct, frozen=True):
    """An alert for Kafka. document: as JSON (docs/alerts.md). headers: besides the content type."""

    alert_id: str
    document: bytes
    headers: Mapping[str, str] = {}


class KafkaAlertPublisher:
    """Writes alert documents to the topic `fraud-alerts`, keyed by alert id.

    A later state of an alert follows the earlier one in the same partition.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        topic: str = FRAUD_ALERTS,
        timeout_s: float = PUBLISH_TIMEOUT_S,
    ) -> None:
        """timeout_s: for all alerts of one call."""
        self._topic = topic
        self._timeout_s = timeout_s
        self._settings = settings
        self._producer = self._new_producer()

    def publish(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Writes alert documents (docs/alerts.md) and returns when all are in Kafka.

        Raises AlertPublishingError.
        """
        refused = self.publish_records(
            [AlertRecord(str(each["alert_id"]), msgspec.json.encode(each)) for each in documents]
        )
        if refused:
            raise AlertPublishingError(f"{len(refused)} alerts: {next(iter(refused.values()))}")

    def publish_records(self, records: Sequence[AlertRecord]) -> dict[int, str]:
        """Returns when all are in Kafka but those that it does not take: their places, with the reason.

        One that is refused may only have been in a batch with another one that is.
        Raises AlertPublishingError.
        """
        failures: list[str] = []
        refused: dict[int, str] = {}
        fatal = False

        def delivered(place: int, error: KafkaError | None, _: object) -> None:
            nonlocal fatal
            if error is None:
                return
            fatal = fatal or error.fatal()
            if error.code() in _REFUSED:
                refused[place] = str(error)
            else:
                failures.append(str(error))

        deadline = time.monotonic() + self._timeout_s
        for place, record in enumerate(records):
            told = partial(delivered, place)
            try:
                self._produce(record, told, deadline)
            except KafkaException as error:
                told(error.args[0], None)
            except BufferError as error:
                failures.append(str(error))
            if failures:
                break
        left = self._producer.flush(max(0.1, deadline - time.monotonic()))
        if left:
            self._producer.purge()
            self._producer.flush(1.0)
            failures.append(f"{left} unanswered after {self._timeout_s:g} s")
        if fatal:
            self._producer = self._new_producer()  # the old one never works again
        if failures:
            raise AlertPublishingError(f"{len(failures)} alerts: {failures[0]}")
        return refused

    def close(self) -> None:
        """Gives up what is under way."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _new_producer(self) -> Producer:
        return Producer(
            {
                **self._settings.client_config(),
                "enable.idempotence": True,  # acks from all replicas, order kept, no repeats
                "delivery.timeout.ms": int(self._timeout_s * 1000),
                "linger.ms": 5,
            }
        )

    def _produce(
        self, record: AlertRecord, delivered: Callable[[KafkaError | None, object], None], deadline: float
    ) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.document,
                    key=record.alert_id,
                    headers={**record.headers, **_CONTENT_TYPE},
                    on_delivery=delivered,
                )
            except BufferError:
                # The local queue is full; it empties as the cluster answers.
                if time.monotonic() > deadline:
                    raise
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return
