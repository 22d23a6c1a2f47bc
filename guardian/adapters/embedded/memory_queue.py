"""Records handed over within the process, and the bounded buffer this takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, Generic, TypeVar

from guardian.engine.plan import Batch
from guardian.events.decode import Decoder
from guardian.events.model import Rejected

MAX_RECORDS: Final = 10_000
MAX_BYTES: Final = 32 << 20

_AT_A_TIME = 256

T = TypeVar("T")


class QueueClosed(Exception):
    """The other side has closed the queue, or this side has said there is no more."""


class BoundedBuffer(Generic[T]):
    """A thread-safe queue bounded in items and in bytes. A full one makes those who put wait.

    An item larger than the whole bound is let in when nothing else is there.
    """

    def __init__(self, max_items: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError(f"a buffer needs room for something, not {max_items} items, {max_bytes} bytes")
        self._max_items, self._max_bytes = max_items, max_bytes
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._ended = self._closed = False
        lock = threading.Lock()
        self._not_empty, self._not_full = threading.Condition(lock), threading.Condition(lock)

    def __len__(self) -> int:
        return len(self._items)

    def put_many(self, items: Iterable[tuple[T, int]]) -> None:
        """Adds items, each with its size in bytes, waiting for room as long as it takes.

        Raises QueueClosed once the buffer is ended or closed; items before that have been added.
        """
        rest = iter(items)
        while some := list(islice(rest, _AT_A_TIME)):  # not under the lock: `items` is anybody's generator
            self._put(some)

    def _put(self, items: Iterable[tuple[T, int]]) -> None:
        with self._not_full:
            for item, size in items:
                while not (self._ended or self._closed or self._has_room(size)):
                    self._not_full.wait()
                if self._ended or self._closed:
                    raise QueueClosed("nothing can be added any more")
                self._items.append((item, size))
                self._bytes += size
                self._not_empty.notify()

    def take(self, most: int, wait_s: float) -> list[T] | None:
        """Up to `most` items, as soon as there is one; after `wait_s` seconds none. None: never any more."""
        deadline = time.monotonic() + wait_s
        with self._not_empty:
            while not self._items:
                if self._ended or self._closed:
                    return None
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._not_empty.wait(left)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(size for _, size in taken)
            self._not_full.notify_all()
            return [item for item, _ in taken]

    def end(self) -> None:
        """Nothing more comes; what is waiting can still be taken."""
        with self._not_empty:
            self._ended = True
            self._wake_all()

    def close(self) -> None:
        """Nobody takes any more; what is waiting is let go."""
        with self._not_empty:
            self._closed = True
            self._items.clear()
            self._bytes = 0
            self._wake_all()

    def _has_room(self, size: int) -> bool:
        return not self._items or (
            len(self._items) < self._max_items and self._bytes + size <= self._max_bytes
        )

    def _wake_all(self) -> None:
        self._not_empty.notify_all()
        self._not_full.notify_all()


class MemoryQueue:
    """A `Source` fed by other threads of the process: a simulator, an HTTP endpoint, a test.

    It keeps nothing across restarts, so it commits no position. Records without `event_id` are identified
    by name and number; whoever feeds two queues, or feeds one again after a restart into the same
    store, gives them different names or gives the records ids.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        name: str = "memory",
        max_records: int = MAX_RECORDS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._decoder = decoder
        self._name = name
        self._count = 0
        self._buffer: BoundedBuffer[tuple[str, bytes]] = BoundedBuffer(max_records, max_bytes)

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._buffer)

    def put(self, topic: str, raw: bytes) -> None:
        """Adds the value of a record. Waits while the queue is full; raises QueueClosed when it is closed."""
        self.put_many([(topic, raw)])

    def put_many(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Adds (topic, value) pairs, like `put`; records of several threads may mix."""
        self._buffer.put_many((record, len(record[1])) for record in records)

    def end(self) -> None:
        """There is no more: `poll` gives what waits, then None."""
        self._buffer.end()

    def resume(self, positions: Mapping[str, bytes]) -> None:
        """See `Source`. There is nothing to go on after."""

    def poll(self, most: int, wait_s: float) -> Batch | None:
        """See `Source`."""
        taken = self._buffer.take(most, wait_s)
        if taken is None:
            return None
        batch = Batch([])
        for number, (topic, raw) in enumerate(taken, self._count + 1):
            record = self._decoder.decode_value(topic, raw, self._name, number)
            if isinstance(record, Rejected):
                batch.rejected.append(record)
            else:
                batch.events.append(record)
        self._count += len(taken)
        return batch

    def live(self) -> bool:
        """See `Source`."""
        return not len(self._buffer)

    def close(self) -> None:
        """See `Source`. Those who wait to put are told with QueueClosed."""
        self._buffer.close()
