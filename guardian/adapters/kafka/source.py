"""Kafka as a source of events: read directly, with the positions kept in the store.

Every partition of the input topics is read; nothing is committed to Kafka. Records are handed on in order of
event time across partitions, as far as they are there: a partition whose end has been reached holds up no
other. So what was in Kafka before is read in the same order however often the reading is interrupted, and
what comes live is handed on as it comes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message as Polled, TopicPartition

from guardian.adapters.kafka.records import KafkaRecord, record_of
from guardian.adapters.kafka.settings import KafkaSettings
from guardian.adapters.kafka.values import (
    RegistryUnavailableError,
    UndecodableError,
    ValueReader,
    value_reader,
)
from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.model import Event, Rejected
from guardian.events.topics import TOPICS

LOOK_EVERY_S: Final = 30.0
"""Between two looks at which topics and partitions there are."""
LOOK_AGAIN_S: Final = 2.0
"""The same, while the cluster or the registry does not answer."""
ANSWER_S: Final = 1.0
"""A poll is not held up longer than this by a question that nobody answers."""
HOLD_UP_S: Final = 30.0
"""A partition that should have more and gives nothing holds up the others no longer than this."""
MOST_WAITING: Final = 4_000
"""Records of one partition that wait for those of others; reading it goes on at half of that."""
MOST_WAITING_BYTES: Final = 4_000_000

_log = structlog.get_logger(__name__)
_FIRST = -(2**62)


class KafkaSource:
    """A `Source` of every input topic of a cluster, for one process: there is no consumer group.

    A topic that is made again under its name begins again with offset 0, and so do the identities of its
    records: it needs a new database, or a new name.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        decoder: Decoder,
        *,
        topics: Sequence[str] = tuple(TOPICS),
        values: ValueReader | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """values: default: a reader with the registry of the settings. clock: seconds, monotonic."""
        self._decoder = decoder
        self._values = values or value_reader(settings.registry)
        self._topics = list(topics)
        self._clock = clock
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._committed: dict[tuple[str, int], int] = {}
        self._positions: dict[str, bytes] = {}
        self._connected = False
        self._complete = False
        self._look_at = 0.0
        self._held_up_since: float | None = None
        self._told: dict[str, float] = {}
        self._consumer = Consumer(
            {
                **settings.client_config(),
                # Required by the client; nobody joins it, and nothing is committed.
                "group.id": "business-guardian-source",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 16_384,
                "error_cb": self._complain,
            }
        )

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """See `Source`. The cluster is first asked in `poll`, so it may be away now."""
        for topic in self._topics:
            prefix = _name(topic, "")
            for name, encoded in positions.items():
                partition = name.removeprefix(prefix)
                if partition != name and partition.isdigit():
                    self._committed[topic, int(partition)] = int(encoded)
                    self._positions[name] = encoded

    def poll(self, most: int, wait_s: float) -> Batch:
        """See `Source`. There may always be more, so it never returns None."""
        now = self._clock()
        if now >= self._look_at:
            self._look()
        deadline = now + wait_s
        batch = Batch([])
        while True:
            left = deadline - self._clock()
            # Asked for many, the consumer waits until it has them; so it is asked for one first.
            for first in self._consumer.consume(1, max(0.0, left)):
                self._arrived(first)
                for polled in self._consumer.consume(most, 0):
                    self._arrived(polled)
            self._release(batch, most)
            if batch.events or batch.rejected or left <= 0:
                break
        batch.positions = dict(self._positions)
        return batch

    def live(self) -> bool:
        """See `Source`. The cluster answers, and the end of every partition has been reached."""
        return self._connected and all(part.at_end and not part.waiting for part in self._partitions.values())

    def close(self) -> None:
        """See `Source`."""
        self._consumer.close()

    # --- which partitions there are

    def _look(self) -> None:
        """Finds new partitions, and whether the cluster is there at all."""
        self._look_at = self._clock() + LOOK_AGAIN_S
        try:
            found = self._consumer.list_topics(timeout=ANSWER_S).topics
            for topic in self._topics:
                for number in sorted(found[topic].partitions) if topic in found else ():
                    if (topic, number) not in self._partitions:
                        self._begin(topic, number)
            if not self._connected:
                self._reconnected()
        except KafkaException as error:
            self._connected = False
            self._tell("kafka_unavailable", str(error))
            return
        self._connected = self._complete = True
        self._look_at = self._clock() + LOOK_EVERY_S

    def _begin(self, topic: str, number: int) -> None:
        low, high = self._ends(topic, number)
        start = self._committed.get((topic, number), low)
        if not low <= start <= high:
            # Kept for too short a time, or not the topic that it was.
            _log.warning(
                "kafka_position_gone", topic=topic, partition=number, position=start, first=low, end=high
            )
            start = low
        part = _Partition(topic, number, self._topics.index(topic), start)
        self._partitions[topic, number] = part
        self._read_on(part)

    def _reconnected(self) -> None:
        """What came while the cluster was away has not been read, so silence says nothing yet."""
        for part in self._partitions.values():
            if part.at_end and self._ends(part.topic, part.number)[1] > part.next:
                part.at_end = False

    def _ends(self, topic: str, number: int) -> tuple[int, int]:
        ends = self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ANSWER_S)
        if ends is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic}/{number}"))
        return ends

    def _read_on(self, part: _Partition) -> None:
        part.reading = True
        self._consumer.incremental_assign([TopicPartition(part.topic, part.number, part.next)])

    def _rest(self, part: _Partition) -> None:
        """Reads no more of it for now. What the client has fetched ahead is fetched again."""
        part.reading = False
        self._consumer.incremental_unassign([TopicPartition(part.topic, part.number)])

    # --- records come and go

    def _arrived(self, polled: Polled) -> None:
        error = polled.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                part = self._partitions.get((polled.topic() or "", _number(polled.partition())))
                if part is not None and part.reading:
                    part.at_end = True
            elif error.fatal():
                raise KafkaException(error)
            else:
                self._tell("kafka_error", str(error))
            return
        record = record_of(polled)
        part = self._partitions[record.topic, record.partition]
        if not part.reading or record.offset < part.next:
            return  # from before the partition was put to rest
        try:
            decoded = self._decode(record)
        except RegistryUnavailableError as error:
            self._tell("schema_registry_unavailable", str(error))
            part.at_end = False
            part.rests_until = self._clock() + LOOK_AGAIN_S
            self._rest(part)
            return
        part.add(decoded, record)
        if part.full:
            self._rest(part)

    def _decode(self, record: KafkaRecord) -> Event | Rejected:
        source = f"kafka:{record.topic}/{record.partition}"
        raw = record.value or b""
        try:
            value = self._values.read(raw)
        except UndecodableError as error:
            return Rejected(record.topic, None, str(error), source, record.offset, raw)
        return self._decoder.decode_value(record.topic, value, source, record.offset, record.identity)

    def _release(self, batch: Batch, most: int) -> None:
        """Hands on what is certain to be next, at most so many."""
        if not self._complete:
            return  # a partition that is not known yet may have the first record
        now = self._clock()
        parts = list(self._partitions.values())
        behind = any(not part.waiting and not part.at_end for part in parts)
        if not behind:
            self._held_up_since = None
        elif self._held_up_since is None:
            self._held_up_since = now
        ready = [part for part in parts if part.waiting]
        forced = behind and self._held_up_since is not None and now - self._held_up_since > HOLD_UP_S
        taken = 0
        while ready and taken < most and (forced or not behind):
            # Few partitions and no moving of records: looking at each head is quick enough.
            part = min(ready, key=_Partition.rank)
            record = part.take()
            taken += 1
            if isinstance(record, Event):
                batch.events.append(record)
            else:
                batch.rejected.append(record)
            self._positions[part.name] = b"%d" % (record.position + 1)
            if not part.waiting:
                ready.remove(part)
                behind = behind or not part.at_end
        if taken:
            self._held_up_since = None
        for part in parts:
            if not part.reading and part.may_go_on and now >= part.rests_until:
                self._read_on(part)

    # --- telling

    def _complain(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._connected = False
            self._look_at = min(self._look_at, self._clock() + LOOK_AGAIN_S)
        self._tell("kafka_error", str(error))

    def _tell(self, what: str, reason: str) -> None:
        """Once in ten seconds of a kind: an outage must not fill the log."""
        now = self._clock()
        if now - self._told.get(what, -10.0) >= 10.0:
            self._told[what] = now
            _log.warning(what, error=reason)


class _Partition:
    """What has come of one partition and has not been handed on."""

    def __init__(self, topic: str, number: int, order: int, start: int) -> None:
        self.topic = topic
        self.number = number
        self.name = _name(topic, str(number))
        self.next = start
        """Offset of the next record to read."""
        self.waiting: deque[tuple[int, int, Event | Rejected]] = deque()
        """Time by which it is put in order, bytes, record."""
        self.at_end = False
        self.reading = False
        self.rests_until = 0.0
        self._order = order
        self._bytes = 0

    def add(self, record: Event | Rejected, origin: KafkaRecord) -> None:
        size = len(origin.value or b"") + 200
        # What has no time of its own is handed on with what came before it.
        self.waiting.append((record.time if isinstance(record, Event) else _FIRST, size, record))
        self._bytes += size
        self.next = origin.offset + 1
        self.at_end = False

    def take(self) -> Event | Rejected:
        _, size, record = self.waiting.popleft()
        self._bytes -= size
        return record

    def rank(self) -> tuple[int, int, int]:
        """Whose turn it is, of those that have something."""
        return self.waiting[0][0], self._order, self.number

    @property
    def full(self) -> bool:
        return len(self.waiting) >= MOST_WAITING or self._bytes >= MOST_WAITING_BYTES

    @property
    def may_go_on(self) -> bool:
        return len(self.waiting) <= MOST_WAITING // 2 and self._bytes <= MOST_WAITING_BYTES // 2


def _name(topic: str, partition: str) -> str:
    """Of an input, as positions are kept by."""
    return f"kafka:{topic}/{partition}"


def _number(partition: int | None) -> int:
    return -1 if partition is None else partition
