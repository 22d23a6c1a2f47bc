"""Records handed over between threads: all of them, in order, and never more than the bound waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from guardian.adapters.embedded.memory_queue import BoundedBuffer, MemoryQueue, QueueClosed
from tests.unit.adapters.recorded import Seen, drain, in_order, new_decoder, value

TOPIC = "queue-monitor"


@pytest.fixture
def start() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs a function in a thread that must have ended when the test has."""
    threads: list[threading.Thread] = []

    def run(function: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_records_come_decoded_in_order() -> None:
    queue = MemoryQueue(new_decoder(), name="shop")
    queue.put_many((TOPIC, value(at)) for at in range(3))
    queue.put(TOPIC, b"{")
    queue.put("unheard-of", value(4))
    queue.put(TOPIC, b"")
    queue.end()
    assert len(queue) == 6
    first = queue.poll(2, 1.0)
    assert first is not None
    assert in_order(first) == [Seen("shop", 1, 0), Seen("shop", 2, 1)]
    assert first.positions == {}
    assert drain(queue) == [Seen("shop", n, 2 if n == 3 else None) for n in (3, 4, 5, 6)]


def test_silence_tells_something_once_all_is_taken() -> None:
    queue = MemoryQueue(new_decoder())
    assert queue.live()
    queue.put(TOPIC, value(0))
    assert not queue.live()
    queue.poll(1, 0.0)
    assert queue.live()


def test_an_empty_queue_waits_and_says_when_it_is_over() -> None:
    queue = MemoryQueue(new_decoder())
    empty = queue.poll(1, 0.0)
    assert empty is not None
    assert not empty.events
    queue.end()
    assert queue.poll(1, 10.0) is None
    with pytest.raises(QueueClosed):
        queue.put(TOPIC, value(0))


def test_a_poll_that_waits_is_woken(start: Callable[[Callable[[], object]], threading.Thread]) -> None:
    queue = MemoryQueue(new_decoder())
    got = []

    def take() -> None:
        got.append(queue.poll(10, 60.0))
        got.append(queue.poll(10, 60.0))

    thread = start(take)
    queue.put(TOPIC, value(0))
    while not got:
        thread.join(0.001)
    queue.end()
    thread.join(10)
    assert got[0].events
    assert got[1] is None


@pytest.mark.parametrize("bounds", [{"max_records": 5}, {"max_bytes": 5 * len(value(0)) + 60}])
def test_a_full_queue_holds_back_its_producers(
    start: Callable[[Callable[[], object]], threading.Thread], bounds: dict[str, int]
) -> None:
    queue = MemoryQueue(new_decoder(), **bounds)
    threads = [start(lambda: queue.put_many((TOPIC, value(at)) for at in range(1_000))) for _ in range(3)]
    count = 0
    while count < 3_000:
        batch = queue.poll(100, 10.0)
        assert batch is not None
        assert 0 < len(batch.events) <= 5
        count += len(batch.events)
    for thread in threads:
        thread.join(10)
    assert len(queue) == 0


def test_an_item_larger_than_the_bound_goes_alone() -> None:
    buffer: BoundedBuffer[str] = BoundedBuffer(10, 100)
    buffer.put_many([("large", 1_000)])
    assert buffer.take(10, 0.0) == ["large"]
    buffer.put_many([("small", 100)])
    assert buffer.take(10, 0.0) == ["small"]


def test_closing_frees_those_who_wait(start: Callable[[Callable[[], object]], threading.Thread]) -> None:
    queue = MemoryQueue(new_decoder(), max_records=1)
    told = threading.Event()

    def put() -> None:
        with pytest.raises(QueueClosed):
            queue.put_many((TOPIC, value(at)) for at in range(10))
        told.set()

    start(put)
    while len(queue) == 0:
        told.wait(0.001)
    queue.close()
    assert told.wait(10)
    assert queue.poll(1, 10.0) is None


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room"):
        BoundedBuffer[int](0, 1)
