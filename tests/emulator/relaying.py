"""A process that commits alerts to Firestore and relays them, until it is killed or told to stop.

`python -m tests.emulator.relaying SITE PREFIX FIRST COUNT` writes "relaying", commits COUNT plans from number
FIRST on, and writes "done N" after each commit. With COUNT 0 it only relays what it finds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import UTC

import msgspec
from google.cloud.firestore import Client

from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.google.pubsub_publisher import PubSubPublisher
from guardian.alerts.model import Alert
from guardian.engine.plan import Plan
from guardian.ports import outbox_id
from guardian.runtime.relay import Relay
from tests.unit.alerts.alerts import alert

PROJECT = "guardian-test"


def alerts(number: int) -> list[Alert]:
    """What plan number n says: one alert that is new, and one of seven that grow."""
    return [
        alert(alert_id=f"al_new_{number}"),
        alert(alert_id=f"al_growing_{number % 7}", count=number + 1),
    ]


def rows(number: int) -> set[str]:
    """The rows that plan number n puts into the outbox."""
    return {outbox_id(one.alert_id, msgspec.json.encode(one)) for one in alerts(number)}


def main(site: str, prefix: str, first: str, count: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    store = FirestoreStore(Client(project=PROJECT), site)
    relay = Relay(store, PubSubPublisher(PROJECT, prefix=prefix), UTC)
    relay.start()
    os.write(1, b"relaying\n")
    for number in range(int(first), int(first) + int(count)):
        plan = Plan(alerts={one.alert_id: one for one in alerts(number)})
        store.commit(plan)
        os.write(1, f"done {number}\n".encode())
        relay.committed(plan)
    stop.wait()
    os.write(1, f"stopped {relay.stop(20.0)} {relay.published} {relay.refused}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
