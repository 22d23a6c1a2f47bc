"""Alerts back to Kafka, where others who read the streams can see them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaException, Producer

from guardian.adapters.kafka.settings import KafkaSettings
from guardian.events.topics import FRAUD_ALERTS

PUBLISH_TIMEOUT_S: Final = 30.0


class AlertPublishingError(Exception):
    """Not every alert is known to be in Kafka: publish all of them again."""


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
        self._producer = Producer(
            {
                **settings.client_config(),
                "enable.idempotence": True,  # acks from all replicas, order kept, no repeats
                "delivery.timeout.ms": int(timeout_s * 1000),
                "linger.ms": 5,
            }
        )

    def publish(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Writes alert documents (docs/alerts.md) and returns when all are in Kafka.

        Raises AlertPublishingError.
        """
        failures: list[str] = []

        def delivered(error: object, _: object) -> None:
            if error is not None:
                failures.append(str(error))

        deadline = time.monotonic() + self._timeout_s
        try:
            for document in documents:
                self._produce(document, delivered, deadline)
        except (KafkaException, BufferError) as error:
            failures.append(str(error))
        left = self._producer.flush(max(0.1, deadline - time.monotonic()))
        if left:
            self._producer.purge()
            self._producer.flush(1.0)
            failures.append(f"{left} unanswered after {self._timeout_s:g} s")
        if failures:
            raise AlertPublishingError(f"{len(failures)} alerts: {failures[0]}")

    def close(self) -> None:
        """Gives up what is under way."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _produce(self, document: Mapping[str, Any], delivered: Any, deadline: float) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    msgspec.json.encode(document),
                    key=str(document["alert_id"]),
                    headers={"content-type": "application/json"},
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
