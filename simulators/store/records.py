"""The records that devices send, and how they are written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec

D = TypeVar("D")

ACTIVE = "Active"
READ_ERROR = "Read Error"
SYSTEM_CRASH = "System Crash"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sale(msgspec.Struct, gc=False, frozen=True):
    """What a till reports. price in the store's currency, weight_g in grams; all None while it is down."""

    customer_id: str | None
    sku: str | None
    product_name: str | None
    barcode: str | None
    price: float | None
    weight_g: float | None


class Tag(msgspec.Struct, gc=False, frozen=True):
    """What a tag reader sees; all None is a heartbeat."""

    epc: str | None
    location: str | None
    sku: str | None


class Queue(msgspec.Struct, gc=False, frozen=True):
    """Customers at a station, and how long they have been there on average, seconds."""

    customer_count: int
    average_dwell_time: float


class View(msgspec.Struct, gc=False, frozen=True):
    """What a camera takes an article for, and how sure it is, 0 to 1."""

    predicted_product: str | None
    accuracy: float | None


class Row(msgspec.Struct, Generic[D], gc=False, eq=False):
    """A record of a station's device. time: ms of the device's own clock. event_id: None if it gives none."""

    time: int
    station: str
    status: str
    data: D
    event_id: str | None = None


class Count(msgspec.Struct, eq=False):
    """A snapshot: units on hand by SKU. time: ms of the stock system's own clock."""

    time: int
    data: dict[str, int]
    event_id: str | None = None


class _Wire(msgspec.Struct, omit_defaults=True, gc=False):
    timestamp: str
    station_id: str
    status: str
    data: Sale | Tag | Queue | View
    event_id: str | None = None


class _WireCount(msgspec.Struct, omit_defaults=True):
    timestamp: str
    data: dict[str, int]
    event_id: str | None = None


class LineWriter:
    """Turns records into lines of JSON, without the line feed."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._second = -1
        self._text = ""

    def line(self, row: Row[Any] | Count) -> bytes:
        """One record."""
        time = row.time
        second = time // 1000
        if second != self._second:
            self._second = second
            self._text = iso(second * 1000)[:-3]
        timestamp = f"{self._text}{time % 1000:03}"
        if isinstance(row, Row):
            return self._encode(_Wire(timestamp, row.station, row.status, row.data, row.event_id))
        return self._encode(_WireCount(timestamp, row.data, row.event_id))


def iso(time: int) -> str:
    """Local ISO-8601 text with milliseconds, of ms since 1970."""
    return (_EPOCH + timedelta(milliseconds=time)).replace(tzinfo=None).isoformat(timespec="milliseconds")
