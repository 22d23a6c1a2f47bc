"""Alerts back to Kafka: acknowledged once they are there, held while they cannot be, never in the way."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC

import pytest

from guardian.adapters.kafka.alert_publisher import AlertPublishingError, AlertRecord
from guardian.adapters.kafka.alerts_back import LEASE_S, MOST, PART_BYTES, AlertsBack
from guardian.adapters.kafka.dispatch import QUARANTINE
from guardian.adapters.publishing import RefusedError, UnavailableError
from guardian.adapters.pulling import Pulled
from guardian.runtime.alert_message import alert_message
from tests.unit.alerts.alerts import alert

PATIENCE_S = 60.0


class Subscription:
    """Gives what is in `waiting`, and remembers what is said about it."""

    def __init__(self, *messages: Pulled) -> None:
        self.waiting = list(messages)
        self.acknowledged: list[str] = []
        self.leases: list[tuple[tuple[str, ...], int]] = []
        self.away = False

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("away")

    def pull(self, most: int) -> list[Pulled]:
        self._check()
        found, self.waiting = self.waiting[:most], self.waiting[most:]
        if not found:
            time.sleep(0.005)  # what a pull waits for messages
        return found

    def extend(self, handles: Sequence[str], seconds: int) -> None:
        self._check()
        self.leases.append((tuple(handles), seconds))

    def acknowledge(self, handles: Sequence[str]) -> None:
        self._check()
        self.acknowledged += handles


class Kafka:
    """Takes records. away: raises. bad: refuses these ids, and with them whatever comes in the same call."""

    def __init__(self, *bad: str) -> None:
        self.taken: list[AlertRecord] = []
        self.bad = set(bad)
        self.away = False
        self.calls = 0

    def publish_records(self, records: Sequence[AlertRecord]) -> dict[int, str]:
        self.calls += 1
        if self.away:
            raise AlertPublishingError("away")
        if self.bad & {each.alert_id for each in records}:
            return dict.fromkeys(range(len(records)), "too large")
        self.taken += records
        return {}


class Quarantine:
    def __init__(self) -> None:
        self.taken: list[tuple[bytes, Mapping[str, str]]] = []
        self.error: Exception | None = None

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        assert topic == QUARANTINE
        if self.error is not None:
            raise self.error
        self.taken += messages


def message(number: int, **changes: object) -> Pulled:
    one = alert(alert_id=f"al_{number}", **changes)
    data, attributes = alert_message(f"row-{number}", one, UTC)
    return Pulled(f"h{number}", f"m{number}", data, attributes)


@contextmanager
def running(
    subscription: Subscription, kafka: Kafka, quarantine: Quarantine | None = None
) -> Iterator[AlertsBack]:
    back = AlertsBack(subscription, kafka, quarantine or Quarantine(), "alerts-kafka")
    stop = threading.Event()
    thread = threading.Thread(target=back.run, args=[stop])
    thread.start()
    try:
        yield back
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)  # only paces the question


def test_an_alert_goes_to_kafka_as_it_is() -> None:
    sent = message(1)
    subscription, kafka = Subscription(sent), Kafka()
    with running(subscription, kafka) as back:
        wait_for(lambda: subscription.acknowledged)
    assert subscription.acknowledged == ["h1"]
    (record,) = kafka.taken
    assert record.alert_id == "al_1"
    assert record.document == sent.data
    assert record.headers == {
        "outbox-id": "row-1",
        "type": "LONG_QUEUE",
        "severity": "medium",
        "status": "suspected",
        "site": "shop-1",
        "detector": "LONG_QUEUE",
    }
    assert subscription.leases == [(("h1",), LEASE_S)]
    assert (back.status.pulled, back.status.delivered, back.status.held) == (1, 1, 0)


def test_while_kafka_is_away_the_alerts_are_held_and_nothing_more_is_pulled() -> None:
    subscription = Subscription(*(message(number) for number in range(MOST + 1)))
    kafka = Kafka()
    kafka.away = True
    with running(subscription, kafka) as back:
        wait_for(lambda: kafka.calls >= 4)
        assert subscription.acknowledged == []
        assert len(subscription.waiting) == 1
        assert back.status.held == MOST
        assert len(subscription.leases) >= 3
        assert {(len(handles), seconds) for handles, seconds in subscription.leases} == {(MOST, LEASE_S)}
        kafka.away = False
        wait_for(lambda: len(subscription.acknowledged) == MOST + 1)
    assert len(kafka.taken) == MOST + 1


def test_told_to_stop_while_kafka_is_away_it_gives_the_alerts_back() -> None:
    subscription, kafka = Subscription(message(1), message(2)), Kafka()
    kafka.away = True
    before = time.monotonic()
    with running(subscription, kafka):
        wait_for(lambda: kafka.calls)
    assert time.monotonic() - before < 10
    assert subscription.acknowledged == []
    assert subscription.leases[-1] == (("h1", "h2"), 0)


def test_while_the_subscription_is_away_it_asks_again() -> None:
    subscription, kafka = Subscription(message(1)), Kafka()
    subscription.away = True
    with running(subscription, kafka) as back:
        wait_for(lambda: back.status.failed >= 3)
        subscription.away = False
        wait_for(lambda: subscription.acknowledged)
    assert len(kafka.taken) == 1


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"alert_id": "x"}', b"[" * 10_000])
def test_what_is_no_alert_goes_to_quarantine(data: bytes) -> None:
    bad = Pulled("h0", "m0", data, {"who": "me", "n" * 250: "a name too long to be carried"})
    subscription, kafka, quarantine = Subscription(bad, message(1)), Kafka(), Quarantine()
    with running(subscription, kafka, quarantine) as back:
        wait_for(lambda: len(subscription.acknowledged) == 2)
    assert [each.alert_id for each in kafka.taken] == ["al_1"]
    ((kept, attributes),) = quarantine.taken
    assert kept == (data or b"\0")
    assert attributes["quarantine-reason"].startswith("not an alert document")
    assert attributes["quarantine-length"] == str(len(data))
    assert attributes["quarantine-sha256"] == hashlib.sha256(data).hexdigest()
    assert attributes["pubsub-message-id"] == "m0"
    assert attributes["pubsub-attribute-who"] == "me"
    assert attributes["ce-source"] == "/pubsub/alerts-kafka"
    assert max(len(name) for name in attributes) <= 256
    assert (back.status.delivered, back.status.quarantined) == (1, 1)


def test_what_is_too_large_for_one_message_is_kept_in_parts() -> None:
    data = bytes(range(256)) * 39_062 + b"end"
    subscription, quarantine = Subscription(Pulled("h0", "m0", data, {})), Quarantine()
    with running(subscription, Kafka(), quarantine):
        wait_for(lambda: subscription.acknowledged)
    assert b"".join(kept for kept, _ in quarantine.taken) == data
    assert [len(kept) for kept, _ in quarantine.taken] == [PART_BYTES, len(data) - PART_BYTES]
    assert [attributes["quarantine-part"] for _, attributes in quarantine.taken] == ["1", "2"]
    assert len({attributes["ce-id"] for _, attributes in quarantine.taken}) == 2


def test_one_that_kafka_refuses_takes_no_other_with_it() -> None:
    subscription = Subscription(*(message(number) for number in range(5)))
    kafka, quarantine = Kafka("al_3"), Quarantine()
    with running(subscription, kafka, quarantine):
        wait_for(lambda: len(subscription.acknowledged) == 5)
    assert [each.alert_id for each in kafka.taken] == ["al_0", "al_1", "al_2", "al_4"]
    ((_, attributes),) = quarantine.taken
    assert attributes["quarantine-reason"] == "refused: too large"


@pytest.mark.parametrize("error", [RefusedError("no"), UnavailableError("away")])
def test_what_quarantine_does_not_take_is_not_acknowledged(error: Exception) -> None:
    subscription = Subscription(Pulled("h0", "m0", b"bad", {}), message(1))
    quarantine = Quarantine()
    quarantine.error = error
    with running(subscription, Kafka(), quarantine) as back:
        wait_for(lambda: subscription.acknowledged)
    assert subscription.acknowledged == ["h1"]
    assert back.status.quarantined == 0
    assert back.status.failed == 1
