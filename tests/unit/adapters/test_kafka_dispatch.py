"""Requests to the publisher: tried again, cut up when refused, given up when nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

import pytest

from guardian.adapters.kafka.dispatch import QUARANTINE, Delivery, Dispatcher, Parcel
from guardian.adapters.kafka.envelope import MAX_REQUEST_BYTES, message
from guardian.adapters.kafka.offsets import Progress
from guardian.adapters.kafka.records import KafkaRecord
from guardian.adapters.publishing import RefusedError, UnavailableError

PATIENCE_S = 20.0


class FakePublisher:
    """Takes what `judge` lets through."""

    def __init__(self, judge: Callable[[str, list[bytes]], None] = lambda topic, data: None) -> None:
        self.judge = judge
        self.taken: list[tuple[str, bytes]] = []
        self.requests: list[int] = []
        self._lock = threading.Lock()

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        with self._lock:
            self.requests.append(len(messages))
            self.judge(topic, [data for data, _ in messages])
            self.taken += [(topic, data) for data, _ in messages]


def parcel(progress: Progress, offset: int, value: bytes) -> Parcel:
    record = KafkaRecord(progress.topic, progress.partition, offset, value=value)
    return Parcel(progress, record, len(value), progress.topic, (message(record, value),))


def all_ended(dispatcher: Dispatcher, number: int) -> list[Delivery]:
    found: list[Delivery] = []
    deadline = time.monotonic() + PATIENCE_S
    while sum(len(each.parcels) for each in found) < number:
        assert time.monotonic() < deadline
        dispatcher.wait(0.5)
        found += dispatcher.ended()
    return found


def test_one_bad_message_takes_no_other_with_it() -> None:
    def judge(topic: str, data: list[bytes]) -> None:
        if topic != QUARANTINE and b"bad" in data:
            raise RefusedError("a rule is broken")

    publisher, progress = FakePublisher(judge), Progress("t", 0)
    dispatcher = Dispatcher(publisher, 2)
    values = [b"bad" if number in {3, 17} else b"%d" % number for number in range(20)]
    dispatcher.send(parcel(progress, offset, value) for offset, value in enumerate(values))
    ended = all_ended(dispatcher, 20)
    assert all(each.arrived for each in ended)
    moved = {each.record.offset for d in ended for each in d.parcels if each.topic == QUARANTINE}
    assert moved == {3, 17}
    good = {data for topic, data in publisher.taken if topic == "t"}
    assert good == {value for value in values if value != b"bad"}
    assert [data for topic, data in publisher.taken if topic == QUARANTINE] == [b"bad", b"bad"]
    assert not dispatcher.has_any_of({id(progress)})
    dispatcher.close()


def test_an_outage_is_sat_out() -> None:
    left = [3]

    def judge(topic: str, data: list[bytes]) -> None:
        if left[0]:
            left[0] -= 1
            raise UnavailableError("away")

    publisher, progress = FakePublisher(judge), Progress("t", 0)
    dispatcher = Dispatcher(publisher, 1)
    dispatcher.send([parcel(progress, 0, b"x")])
    (ended,) = all_ended(dispatcher, 1)
    assert ended.arrived
    assert publisher.taken == [("t", b"x")]
    assert dispatcher.failed_requests == 3
    dispatcher.close()


def test_what_nobody_waits_for_is_given_up_and_never_counts_as_arrived() -> None:
    def judge(topic: str, data: list[bytes]) -> None:
        raise UnavailableError("away")

    progress = Progress("t", 0)
    dispatcher = Dispatcher(FakePublisher(judge), 1)
    dispatcher.send([parcel(progress, 0, b"x")])
    progress.lost = True
    (ended,) = all_ended(dispatcher, 1)
    assert not ended.arrived
    dispatcher.close()


def test_a_defect_is_not_hidden() -> None:
    def judge(topic: str, data: list[bytes]) -> None:
        raise TypeError("ours")

    dispatcher = Dispatcher(FakePublisher(judge), 1)
    dispatcher.send([parcel(Progress("t", 0), 0, b"x")])
    dispatcher.wait(PATIENCE_S)
    with pytest.raises(TypeError, match="ours"):
        dispatcher.ended()
    dispatcher.close()


def test_requests_stay_within_the_limits() -> None:
    publisher, progress = FakePublisher(), Progress("t", 0)
    dispatcher = Dispatcher(publisher, 1)
    third = b"x" * (MAX_REQUEST_BYTES // 3)
    dispatcher.send(parcel(progress, offset, third) for offset in range(5))
    dispatcher.send(parcel(progress, offset, b"y") for offset in range(5, 2_505))
    all_ended(dispatcher, 2_505)
    assert publisher.requests == [2, 2, 1, 1_000, 1_000, 500]
    dispatcher.close()
