"""Requests to the publisher: in batches, several at a time, tried until they succeed."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import structlog

from guardian.adapters.kafka.envelope import MAX_REQUEST_BYTES, Message, quarantined
from guardian.adapters.kafka.offsets import Progress
from guardian.adapters.kafka.records import KafkaRecord
from guardian.adapters.publishing import (
    Publisher,
    RefusedError,
    UnavailableError,
    all_but_refused,
    pause_s,
)

QUARANTINE: Final = "quarantine"
MOST_MESSAGES: Final = 1_000
"""Of one request."""

_log = structlog.get_logger(__name__)


class Parcel(msgspec.Struct, eq=False):
    """A record on its way. size: what it counts for in memory, bytes. messages: all of them must arrive."""

    progress: Progress
    record: KafkaRecord
    size: int
    topic: str
    messages: tuple[Message, ...]


class Delivery(msgspec.Struct):
    """How a batch of parcels ended: all have arrived, or nobody waits for them any more."""

    parcels: list[Parcel]
    arrived: bool
    defect: Exception | None = None


class _AbandonedError(Exception):
    """Nobody waits for the request any more."""


class Dispatcher:
    """Takes parcels and tells what became of them. All but the requests is one thread's business."""

    def __init__(self, publisher: Publisher, requests: int) -> None:
        self._publisher = publisher
        self._pool = ThreadPoolExecutor(requests, thread_name_prefix="publish")
        self._ended: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self._waited_for: list[Delivery] = []
        self._under_way: Counter[int] = Counter()
        self._stopping = threading.Event()
        self._failed = 0

    @property
    def failed_requests(self) -> int:
        """Requests that have failed since the start; each was tried again."""
        return self._failed

    def send(self, parcels: Iterable[Parcel]) -> None:
        """Sees to it that the parcels arrive."""
        batches: dict[str, list[Parcel]] = {}
        sizes: Counter[str] = Counter()
        for parcel in parcels:
            self._under_way[id(parcel.progress)] += 1
            if len(parcel.messages) > 1:
                self._pool.submit(self._deliver, parcel.topic, [parcel])
                continue
            size = parcel.messages[0].size
            batch = batches.setdefault(parcel.topic, [])
            if batch and (len(batch) >= MOST_MESSAGES or sizes[parcel.topic] + size > MAX_REQUEST_BYTES):
                self._pool.submit(self._deliver, parcel.topic, batch)
                batch = batches[parcel.topic] = []
                sizes[parcel.topic] = 0
            batch.append(parcel)
            sizes[parcel.topic] += size
        for topic, batch in batches.items():
            self._pool.submit(self._deliver, topic, batch)

    def ended(self) -> list[Delivery]:
        """What has ended since the last call. Raises what went wrong if that was a defect of ours."""
        deliveries, self._waited_for = self._waited_for, []
        while True:
            try:
                deliveries.append(self._ended.get_nowait())
            except queue.Empty:
                break
        for delivery in deliveries:
            if delivery.defect is not None:
                raise delivery.defect
            for parcel in delivery.parcels:
                owner = id(parcel.progress)
                self._under_way[owner] -= 1
                if not self._under_way[owner]:
                    del self._under_way[owner]
        return deliveries

    def wait(self, timeout_s: float) -> None:
        """Until something has ended."""
        try:
            self._waited_for.append(self._ended.get(timeout=timeout_s))
        except queue.Empty:
            pass

    def has_any_of(self, owners: Collection[int]) -> bool:
        """Whether anything is under way of the partitions with these ids."""
        return any(owner in self._under_way for owner in owners)

    def close(self) -> None:
        """Gives up what is under way; a request that has begun is waited for."""
        self._stopping.set()
        self._pool.shutdown(cancel_futures=True)

    # --- in the threads of the pool

    def _deliver(self, topic: str, batch: list[Parcel]) -> None:
        try:
            self._send(topic, batch)
        except _AbandonedError:
            self._ended.put(Delivery(batch, arrived=False))
        except Exception as error:
            self._ended.put(Delivery(batch, arrived=False, defect=error))
        else:
            self._ended.put(Delivery(batch, arrived=True))

    def _send(self, topic: str, batch: list[Parcel]) -> None:
        """Returns when all have arrived."""

        def publish(parcels: Sequence[Parcel]) -> None:
            if len(parcels) > 1:
                self._insist(topic, [parcel.messages[0] for parcel in parcels], parcels)
                return
            for message in parcels[0].messages:
                self._insist(topic, [message], parcels)

        for parcel, error in all_but_refused(publish, batch):
            self._quarantine(parcel, error)

    def _quarantine(self, parcel: Parcel, error: RefusedError) -> None:
        _log.warning("record_quarantined", record=parcel.record.identity, reason=str(error))
        parcel.topic = QUARANTINE
        parcel.messages = tuple(quarantined(parcel.record, f"refused: {error}"))
        for message in parcel.messages:
            self._insist(QUARANTINE, [message], [parcel])

    def _insist(self, topic: str, messages: list[Message], batch: Sequence[Parcel]) -> None:
        request = [(message.data, message.attributes) for message in messages]
        failures = 0
        while not self._stopping.is_set() and not all(parcel.progress.lost for parcel in batch):
            try:
                self._publisher.publish(topic, request)
            except (RefusedError, UnavailableError) as error:
                # There is nowhere else to go for what quarantine refuses.
                if isinstance(error, RefusedError) and topic != QUARANTINE:
                    raise
                self._failed += 1
                failures += 1
                _log.warning(
                    "publish_failed",
                    topic=topic,
                    messages=len(messages),
                    error=f"{type(error).__name__}: {error}"[:500],
                )
                self._stopping.wait(pause_s(failures))
            else:
                return
        raise _AbandonedError
