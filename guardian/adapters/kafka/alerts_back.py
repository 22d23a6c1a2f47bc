"""Alerts from a subscription back to Kafka, at least once.

A message is acknowledged when Kafka has its alert, or quarantine has it. While Kafka is away it is held, and
its lease extended, so that an outage counts for no failed delivery; and nothing more is pulled.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event as Flag
from typing import Final, Protocol

import msgspec
import structlog

from guardian.adapters.kafka.alert_publisher import AlertPublishingError, AlertRecord
from guardian.adapters.kafka.dispatch import QUARANTINE
from guardian.adapters.publishing import Publisher, RefusedError, UnavailableError, pause_s
from guardian.adapters.pulling import Pulled, Puller
from guardian.alerts.document import DocumentError, read_alert

MOST: Final = 200
"""Messages that are ours at a time."""
LEASE_S: Final = 30
"""Longer than an attempt to write to Kafka and the pause after it; also how late messages come again whose
holder was killed."""
WRITE_TIMEOUT_S: Final = 10.0
"""For one attempt to write to Kafka; what `records` is given should keep to it."""
TELL_EVERY_S: Final = 10.0
"""An outage must not fill the log."""
PART_BYTES: Final = 9_000_000
"""Of an original in quarantine that does not fit into one message."""
MOST_ATTRIBUTES: Final = 64
"""Of an original, carried into quarantine; a message must stay below 100."""
LONGEST_NAME: Final = 256
"""Bytes in the name of an attribute."""

_HEADERS = ("outbox-id", "type", "severity", "status", "site", "detector")
_ATTRIBUTE = "pubsub-attribute-"

_log = structlog.get_logger(__name__)


class AlertRecords(Protocol):
    """Where alerts go, as `KafkaAlertPublisher` has it."""

    def publish_records(self, records: Sequence[AlertRecord]) -> dict[int, str]:
        """Writes all but those refused: their places, with the reason. Raises AlertPublishingError."""


class AlertsBackStatus(msgspec.Struct):
    """Since the start, except `held`: messages that are ours now. failed: attempts; each is made again.

    turned: when the loop last went round, monotonic seconds.
    """

    pulled: int = 0
    delivered: int = 0
    quarantined: int = 0
    failed: int = 0
    held: int = 0
    turned: float = 0.0


class AlertsBack:
    """Carries alerts back until it is told to stop. `run` is one thread's business; `status` anybody's."""

    def __init__(
        self,
        puller: Puller,
        records: AlertRecords,
        publisher: Publisher,
        source: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """publisher: for what goes to quarantine. source: names the subscription there."""
        self._puller = puller
        self._records = records
        self._publisher = publisher
        self._source = source
        self._clock = clock
        self._told: dict[str, float] = {}
        self.status = AlertsBackStatus(turned=clock())

    def run(self, stop: Flag) -> None:
        """Carries back until `stop` is set. What is not in Kafka by then comes again, to whoever asks."""
        failures = 0
        while not stop.is_set():
            self.status.turned = self._clock()
            try:
                pulled = self._puller.pull(MOST)
            except UnavailableError as error:
                failures += 1
                self.status.failed += 1
                self._tell("alerts_not_pulled", error)
                stop.wait(pause_s(failures))
                continue
            failures = 0
            if pulled:
                self.status.pulled += len(pulled)
                self.status.held = len(pulled)
                self._carry(pulled, stop)
                self.status.held = 0

    def _carry(self, pulled: Sequence[Pulled], stop: Flag) -> None:
        """Acknowledges those of the messages that are where they belong."""
        alerts: list[tuple[Pulled, AlertRecord]] = []
        unfit: list[tuple[Pulled, str]] = []
        for message in pulled:
            try:
                alerts.append((message, _record(message)))
            except DocumentError as error:
                unfit.append((message, str(error)))
        if alerts:
            refused = self._write(alerts, stop)
            if refused is None:
                self._extend(pulled, 0)
                return
            unfit += refused
        bad = {message.handle for message, _ in unfit}
        done = [message.handle for message, _ in alerts if message.handle not in bad]
        self.status.delivered += len(done)
        done += self._quarantine(unfit)
        if done:
            try:
                self._puller.acknowledge(done)
            except UnavailableError as error:
                self.status.failed += 1
                self._tell("alerts_not_acknowledged", error)  # they come again

    def _write(
        self, alerts: Sequence[tuple[Pulled, AlertRecord]], stop: Flag
    ) -> list[tuple[Pulled, str]] | None:
        """Writes to Kafka, for as long as it takes. Returns those refused, with the reason; None: stopped."""
        failures = 0
        while True:
            # Before the first attempt too: nobody here knows how short the subscription's own lease is.
            self._extend([message for message, _ in alerts], LEASE_S)
            try:
                return self._attempt(alerts)
            except AlertPublishingError as error:
                failures += 1
                self.status.failed += 1
                self._tell("alerts_not_written", error)
            self.status.turned = self._clock()
            if stop.wait(pause_s(failures)):
                return None

    def _attempt(self, alerts: Sequence[tuple[Pulled, AlertRecord]]) -> list[tuple[Pulled, str]]:
        refused = self._records.publish_records([record for _, record in alerts])
        if len(alerts) > 1:  # it may be the fault of another one in the same batch
            alone = {place: self._records.publish_records([alerts[place][1]]) for place in refused}
            refused = {place: reasons[0] for place, reasons in alone.items() if reasons}
        return [(alerts[place][0], f"refused: {reason}") for place, reason in refused.items()]

    def _extend(self, messages: Sequence[Pulled], seconds: int) -> None:
        """If it fails, messages may come to somebody else as well, and then are in Kafka twice."""
        try:
            self._puller.extend([message.handle for message in messages], seconds)
        except UnavailableError as error:
            self.status.failed += 1
            self._tell("lease_not_extended", error)

    def _quarantine(self, unfit: Sequence[tuple[Pulled, str]]) -> list[str]:
        """Returns the handles of those that are in quarantine now; the others come again."""
        done = []
        for message, reason in unfit:
            try:
                for data, attributes in _quarantined(message, reason, self._source):
                    self._publisher.publish(QUARANTINE, [(data, attributes)])
            except (RefusedError, UnavailableError) as error:
                self.status.failed += 1
                self._tell("alert_not_quarantined", error)
                continue
            _log.warning("alert_quarantined", message_id=message.message_id, reason=reason)
            self.status.quarantined += 1
            done.append(message.handle)
        return done

    def _tell(self, what: str, error: Exception) -> None:
        now = self._clock()
        if now - self._told.get(what, -TELL_EVERY_S) >= TELL_EVERY_S:
            self._told[what] = now
            _log.warning(what, error=str(error)[:500])


def _record(message: Pulled) -> AlertRecord:
    """The alert in a message. Raises DocumentError."""
    alert = read_alert(message.data)
    headers = {name: message.attributes[name] for name in _HEADERS if name in message.attributes}
    return AlertRecord(alert.alert_id, message.data, headers)


def _quarantined(message: Pulled, reason: str, source: str) -> Iterator[tuple[bytes, dict[str, str]]]:
    """The messages that keep one whole that is no alert; in parts if need be, as the bridge has them."""
    original = message.data
    count = max(1, -(-len(original) // PART_BYTES))
    for index in range(count):
        attributes = {
            "pubsub-subscription": source,
            "pubsub-message-id": message.message_id,
            "ce-specversion": "1.0",
            "ce-id": message.message_id + (f"/{index + 1}" if count > 1 else ""),
            "ce-source": f"/pubsub/{source}",
            "ce-type": "guardian.quarantine",
            "content-type": "application/octet-stream",
            "quarantine-reason": reason[:500],
            "quarantine-length": str(len(original)),
            "quarantine-sha256": hashlib.sha256(original).hexdigest(),
            "quarantine-part": str(index + 1),
            "quarantine-parts": str(count),
        }
        for name, value in list(message.attributes.items())[:MOST_ATTRIBUTES]:
            if len((_ATTRIBUTE + name).encode()) <= LONGEST_NAME:
                attributes[_ATTRIBUTE + name] = value
        yield original[index * PART_BYTES : (index + 1) * PART_BYTES] or b"\0", attributes
