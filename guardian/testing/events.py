"""Typed events from short rows. The first argument is always the time, in seconds after `START`."""

from __future__ import annotations

from typing import Any

import msgspec

from guardian.events.model import Event
from guardian.events.store import ACTIVE, READ_ERROR, SYSTEM_CRASH
from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID, SNAPSHOTS, TOPICS

START = 1_755_100_800_000
"""2025-08-13T16:00:00Z: a full hour, so that windows aligned to the clock begin here, too."""

STATION = "SCC1"


def at(seconds: float) -> int:
    """The event time (epoch ms) so many seconds after `START`."""
    return START + round(seconds * 1000)


def event(topic: str, seconds: float, value: dict[str, Any]) -> Event:
    """An event of any stream. `value` is checked against the stream's contract, as at the edge; its time
    is filled in, and its `event_id` is the event's."""
    stream = TOPICS[topic]
    time = at(seconds)
    typed = msgspec.convert({**value, stream.time_field: time}, stream.contract)
    if stream.check is not None and (fault := stream.check(typed)) is not None:
        raise ValueError(f"{topic}: {fault.reason}")
    return Event(topic, time, typed, value.get("event_id"), topic, 0, b"")


def sale(
    seconds: float,
    sku: str,
    customer: str | None = "C1",
    *,
    station: str = STATION,
    weight: float | None = None,
    price: float | None = None,
    id: str | None = None,
) -> Event:
    """A checkout sold one article."""
    data = {"sku": sku, "customer_id": customer, "weight_g": weight, "price": price}
    return _reported(POS, seconds, station, data, id)


def read(
    seconds: float,
    sku: str | None,
    epc: str | None = None,
    *,
    station: str = STATION,
    location: str | None = "IN_SCAN_AREA",
    id: str | None = None,
) -> Event:
    """An RFID reader sees a tag."""
    return _reported(RFID, seconds, station, {"sku": sku, "epc": epc, "location": location}, id)


def view(
    seconds: float, sku: str, accuracy: float | None = 0.9, *, station: str = STATION, id: str | None = None
) -> Event:
    """A camera takes what it sees for an article."""
    return _reported(RECOGNITION, seconds, station, {"predicted_product": sku, "accuracy": accuracy}, id)


def queue(
    seconds: float,
    customers: int,
    dwell: float = 0.0,
    *,
    station: str = STATION,
    status: str = ACTIVE,
    id: str | None = None,
) -> Event:
    """So many customers wait, on average for `dwell` seconds."""
    data = {"customer_count": customers, "average_dwell_time": dwell}
    return _reported(QUEUE, seconds, station, data, id, status)


def snapshot(seconds: float, *, id: str | None = None, **on_hand: int) -> Event:
    """Units on hand by SKU."""
    return event(SNAPSHOTS, seconds, {"data": on_hand, "event_id": id})


def crash(seconds: float, *, topic: str = POS, station: str = STATION, id: str | None = None) -> Event:
    """A device reports, on its own stream, that the station's system has crashed."""
    return _reported(topic, seconds, station, {}, id, SYSTEM_CRASH)


def read_error(seconds: float, *, topic: str = RFID, station: str = STATION, id: str | None = None) -> Event:
    """A device could not read."""
    return _reported(topic, seconds, station, {}, id, READ_ERROR)


def heartbeat(seconds: float) -> Event:
    """A reader that lives and sees nothing: it moves time on, and concerns no detector of sales."""
    return _reported(RFID, seconds, STATION, {}, None)


def heartbeats(first: float, last: float, step: float = 1.0) -> list[Event]:
    """A heartbeat every `step` seconds, both ends included."""
    return [heartbeat(first + number * step) for number in range(int((last - first) / step) + 1)]


def _reported(
    topic: str, seconds: float, station: str, data: dict[str, Any], id: str | None, status: str = ACTIVE
) -> Event:
    return event(topic, seconds, {"station_id": station, "status": status, "data": data, "event_id": id})
