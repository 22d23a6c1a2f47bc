"""Kafka topics → topics of a publisher, at least once, in bounded memory.

An offset is committed when every record of its partition before it has been acknowledged by the publisher.
So whatever happens, a record may be published twice and is never left out; readers know it again by
`kafka-topic`, `kafka-partition` and `kafka-offset`.

One thread owns the consumer and decides (`Bridge.run`); requests are made by a few others
(`guardian.adapters.kafka.dispatch`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Event as Flag
from typing import Final

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message as Polled, TopicPartition

from guardian.adapters.kafka.dispatch import QUARANTINE, Dispatcher, Parcel
from guardian.adapters.kafka.envelope import MAX_REQUEST_BYTES, message, quarantined
from guardian.adapters.kafka.offsets import Progress
from guardian.adapters.kafka.records import KafkaRecord, record_of
from guardian.adapters.kafka.settings import KafkaSettings
from guardian.adapters.kafka.values import RegistryUnavailableError, UndecodableError, ValueReader
from guardian.adapters.publishing import Publisher

POLL_S: Final = 0.1
COMMIT_EVERY_S: Final = 1.0
REGISTRY_PAUSE_S: Final = 1.0
"""Between two questions to a registry that does not answer."""

_log = structlog.get_logger(__name__)


class BridgeLimits(msgspec.Struct, frozen=True):
    """most_records, most_bytes: read and not acknowledged, beyond which nothing more is read until half of
    it is done; a batch that is being read may go beyond it. batch: records read at once. requests: made
    at the same time. flush_s: how long acknowledgements are waited for when partitions go or the
    bridge stops; Cloud Run gives ten seconds in all.
    """

    most_records: int = 10_000
    most_bytes: int = 64_000_000
    batch: int = 1_000
    requests: int = 8
    flush_s: float = 5.0


class BridgeStatus(msgspec.Struct):
    """Since the start, except `waiting` and `waiting_bytes`: read and not acknowledged now.

    turned: when the loop last went round, monotonic seconds.
    """

    read: int = 0
    bridged: int = 0
    quarantined: int = 0
    repeated: int = 0
    failed_requests: int = 0
    waiting: int = 0
    waiting_bytes: int = 0
    partitions: int = 0
    turned: float = 0.0


def consumer(settings: KafkaSettings, group: str) -> Consumer:
    """A consumer for the bridge. Offsets are committed by the bridge alone."""
    return Consumer(
        {
            **settings.client_config(),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 20_000,
            "max.poll.interval.ms": 120_000,
            "topic.metadata.refresh.interval.ms": 30_000,
            "queued.max.messages.kbytes": 16_384,
        }
    )


class Bridge:
    """Carries topics over until it is told to stop. `run` is one thread's business; `status` anybody's."""

    def __init__(
        self,
        source: Consumer,
        publisher: Publisher,
        values: ValueReader,
        topics: Sequence[str],
        *,
        limits: BridgeLimits = BridgeLimits(),  # noqa: B008
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """topics: their names are the same on both sides. clock: seconds, monotonic."""
        self._consumer = source
        self._values = values
        self._topics = list(topics)
        self._limits = limits
        self._clock = clock
        self._dispatcher = Dispatcher(publisher, limits.requests)
        self._progress: dict[tuple[str, int], Progress] = {}
        self._unread: deque[tuple[Progress, KafkaRecord]] = deque()
        """Taken, and not decoded yet, since the registry is away."""
        self._paused: set[tuple[str, int]] = set()
        self._committed_at = 0.0
        self._ask_registry_at = 0.0
        self._told: dict[str, float] = {}
        self.status = BridgeStatus(turned=clock())

    def run(self, stop: Flag) -> None:
        """Carries over until `stop` is set; then waits for acknowledgements, commits and leaves the group.

        Raises KafkaException when the consumer cannot go on at all.
        """
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            while not stop.is_set():
                self.turn()
            self._flush(list(self._progress.values()))
        finally:
            for progress in self._progress.values():
                progress.lost = True
            self._progress.clear()
            # Leaving the group comes first: a request under way may take longer than we are given to stop.
            self._consumer.close()
            self._dispatcher.close()

    def turn(self) -> None:
        """Once round: read, hand over, take acknowledgements, commit."""
        now = self._clock()
        self._hold_or_go_on()
        # Asked for many, the consumer waits until it has them; so it is asked for one first.
        for each in self._consumer.consume(1, POLL_S):
            self._take(each)
            for further in self._consumer.consume(self._limits.batch - 1, 0):
                self._take(further)
        self._decode()
        self._acknowledge()
        if now - self._committed_at >= COMMIT_EVERY_S:
            self._committed_at = now
            self._commit(self._progress.values())
        self.status.partitions = len(self._progress)
        self.status.turned = now

    # --- reading

    def _take(self, polled: Polled) -> None:
        error = polled.error()
        if error is not None:
            self._complain(error)
            return
        record = record_of(polled)
        progress = self._progress.get((record.topic, record.partition))
        if progress is None:
            return  # of a partition that has gone: whoever has it now reads it
        if not progress.take(record.offset):
            self.status.repeated += 1
        self.status.read += 1
        self.status.waiting += 1
        self.status.waiting_bytes += _size(record)
        self._unread.append((progress, record))

    def _decode(self) -> None:
        """Hands over what can be read. In order, so that a partition's offsets are not held up for long."""
        if not self._unread or self._clock() < self._ask_registry_at:
            return
        parcels: list[Parcel] = []
        while self._unread:
            progress, record = self._unread[0]
            if not progress.lost:
                try:
                    parcels.append(self._parcel(progress, record))
                except RegistryUnavailableError as error:
                    self._ask_registry_at = self._clock() + REGISTRY_PAUSE_S
                    self._tell("schema_registry_unavailable", str(error))
                    break
            self._unread.popleft()
        self._dispatcher.send(parcels)

    def _parcel(self, progress: Progress, record: KafkaRecord) -> Parcel:
        size = _size(record)
        if not record.value:
            return _bad(progress, record, size, "no value")
        try:
            whole = message(record, self._values.read(record.value))
        except UndecodableError as error:
            return _bad(progress, record, size, str(error))
        if whole.size > MAX_REQUEST_BYTES:
            return _bad(progress, record, size, f"{whole.size} bytes; at most {MAX_REQUEST_BYTES} fit")
        return Parcel(progress, record, size, record.topic, (whole,))

    # --- acknowledgements, commits

    def _acknowledge(self) -> None:
        for delivery in self._dispatcher.ended():
            for parcel in delivery.parcels:
                self.status.waiting -= 1
                self.status.waiting_bytes -= parcel.size
                if not delivery.arrived:
                    continue
                if parcel.topic == QUARANTINE:
                    self.status.quarantined += 1
                else:
                    self.status.bridged += 1
                parcel.progress.done(parcel.record.offset)
        self.status.failed_requests = self._dispatcher.failed_requests

    def _commit(self, partitions: Iterable[Progress]) -> None:
        """Commits what is new. What cannot be committed now can be the next time."""
        news = [
            (progress, offset)
            for progress in partitions
            if (offset := progress.committable) is not None and offset != progress.committed
        ]
        if not news:
            return
        offsets = [TopicPartition(progress.topic, progress.partition, offset) for progress, offset in news]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._tell("offsets_not_committed", str(error))
            return
        for progress, offset in news:
            progress.committed = offset

    def _flush(self, partitions: list[Progress]) -> None:
        """Waits until what is under way of these is acknowledged, for a while, and commits."""
        self._forget_unread(partitions)
        deadline = self._clock() + self._limits.flush_s
        under_way = {id(progress) for progress in partitions}
        while self._dispatcher.has_any_of(under_way) and self._clock() < deadline:
            self._dispatcher.wait(POLL_S)
            self._acknowledge()
            self.status.turned = self._clock()
        self._commit(partitions)

    def _forget_unread(self, partitions: list[Progress]) -> None:
        """Nothing is lost: it is not committed."""
        gone = {id(progress) for progress in partitions}
        kept = deque(each for each in self._unread if id(each[0]) not in gone)
        for progress, record in self._unread:
            if id(progress) in gone:
                self.status.waiting -= 1
                self.status.waiting_bytes -= _size(record)
        self._unread = kept

    # --- back-pressure

    def _hold_or_go_on(self) -> None:
        status, limits = self.status, self._limits
        full = status.waiting >= limits.most_records or status.waiting_bytes >= limits.most_bytes
        if full:
            reading = [key for key in self._progress if key not in self._paused]
            if reading:
                self._consumer.pause([TopicPartition(*key) for key in reading])
                self._paused.update(reading)
        elif self._paused and (
            status.waiting <= limits.most_records // 2 and status.waiting_bytes <= limits.most_bytes // 2
        ):
            self._consumer.resume([TopicPartition(*key) for key in self._paused])
            self._paused.clear()

    # --- partitions come and go

    def _assigned(self, source: object, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._progress[each.topic, each.partition] = Progress(each.topic, each.partition)
        _log.info("partitions_assigned", number=len(partitions))

    def _revoked(self, source: object, partitions: list[TopicPartition]) -> None:
        going = self._remove(partitions)
        self._flush(going)
        for progress in going:
            progress.lost = True
        _log.info("partitions_revoked", number=len(partitions))

    def _lost(self, source: object, partitions: list[TopicPartition]) -> None:
        """Somebody else has them already: committing is not ours any more."""
        going = self._remove(partitions)
        self._forget_unread(going)
        for progress in going:
            progress.lost = True
        _log.warning("partitions_lost", number=len(partitions))

    def _remove(self, partitions: list[TopicPartition]) -> list[Progress]:
        keys = [(each.topic, each.partition) for each in partitions]
        self._paused.difference_update(keys)
        return [self._progress.pop(key) for key in keys if key in self._progress]

    # --- telling

    def _complain(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        self._tell("kafka_error", str(error))

    def _tell(self, what: str, reason: str) -> None:
        """Once in ten seconds of a kind: an outage must not fill the log."""
        now = self._clock()
        if now - self._told.get(what, -10.0) >= 10.0:
            self._told[what] = now
            _log.warning(what, error=reason)


def _size(record: KafkaRecord) -> int:
    """Bytes a record counts for in memory."""
    return len(record.value or b"") + len(record.key or b"") + 500


def _bad(progress: Progress, record: KafkaRecord, size: int, reason: str) -> Parcel:
    _log.warning("record_quarantined", record=record.identity, reason=reason)
    return Parcel(progress, record, size, QUARANTINE, tuple(quarantined(record, reason)))
