"""The records that the warehouse's systems send, and how they are written down."""

from __future__ import annotations

from typing import Any

import msgspec

from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    QR_SCANS,
    SHIPPING,
    SOCIAL,
)
from simulators.store.records import iso

TOPICS = (QR_SCANS, INVENTORY_DIGITAL, INVENTORY_PHYSICAL, EMPLOYEE_ACTIVITY, SHIPPING, SOCIAL)
"""The warehouse's streams."""

TIME_FIELDS = {INVENTORY_DIGITAL: b"updated_at", SHIPPING: b"departure_time"}
"""What a stream calls the time of its records, where that is not "timestamp"."""

_SHORT = {
    QR_SCANS: "scan",
    INVENTORY_DIGITAL: "books",
    INVENTORY_PHYSICAL: "shelf",
    EMPLOYEE_ACTIVITY: "staff",
    SHIPPING: "truck",
    SOCIAL: "post",
}

SCANNED, ISSUED, REGENERATED, CONSUMED, REVOKED = (
    "qr_scanned",
    "qr_issued",
    "qr_regenerated",
    "qr_consumed",
    "qr_revoked",
)
IN_STOCK, SHIPPED, IN_TRANSIT, DELIVERED = "in_stock", "shipped", "in_transit", "delivered"


class Scan(msgspec.Struct, gc=False, frozen=True, omit_defaults=True):
    """A label was scanned, printed, used up or revoked."""

    product_id: str
    location: str
    action: str = SCANNED
    scanner_id: str | None = None
    qr_data: str | None = None
    qr_id: str | None = None
    generated_by: str | None = None


class Booking(msgspec.Struct, gc=False, omit_defaults=True):
    """What the stock system says of an article. quantity: units on the books, or marked as gone."""

    product_id: str
    status: str
    quantity: int
    location: str
    updated_by: str
    shipment_id: str | None = None


class Reading(msgspec.Struct, gc=False, frozen=True, omit_defaults=True):
    """What a shelf or a dock's portal finds. weight_kg: all units together; a portal does not weigh."""

    product_id: str
    location: str
    quantity: int
    rfid_detected: bool
    sensor_id: str
    weight_kg: float | None = None
    rfid_tag: str | None = None


class Activity(msgspec.Struct, gc=False, frozen=True, omit_defaults=True):
    """Somebody used a system or a door. is_after_hours: None if the system does not say."""

    employee_id: str
    action: str
    resource: str
    location: str
    ip_address: str | None = None
    is_after_hours: bool | None = None


class Line(msgspec.Struct, gc=False, frozen=True):
    """A line of a manifest that gives the number of units."""

    product_id: str
    quantity: int


class Departure(msgspec.Struct, gc=False, frozen=True):
    """A truck leaves. manifest: lines, or plain product ids, or nothing at all."""

    shipment_id: str
    truck_id: str
    destination: str
    manifest: list[Line | str]


class Post(msgspec.Struct, gc=False, frozen=True):
    """Somebody wrote about the business."""

    source: str
    content: str
    sentiment: float | str
    location: str


class Label(msgspec.Struct, gc=False, frozen=True):
    """A genuine label. serial: its qr_id. location: where its article lies. text: what a scanner reads.

    legacy: whether it is of the older kind.
    """

    serial: str
    product_id: str
    location: str
    text: str
    legacy: bool


class Row(msgspec.Struct, gc=False):
    """A record on its way.

    time: ms; first the true moment, then, once the device has stamped it, the moment by that device's clock.
    device: whose clock it is. arrival: true ms at which it reaches the collector. number: part of its event
    id. label: the genuine label in a scan, whatever the scan says; None if it is a forged one.
    """

    time: int
    device: str
    value: Any
    arrival: int = 0
    number: int = 0
    label: Label | None = None


class LineWriter:
    """Turns the records of one topic into lines of JSON, without the line feed."""

    def __init__(self, topic: str, prefix: str) -> None:
        """prefix: what event ids begin with."""
        self._encode = msgspec.json.Encoder().encode
        self._head = b'{"' + TIME_FIELDS.get(topic, b"timestamp") + b'":"'
        self._id = f'","event_id":"{prefix}-{_SHORT[topic]}-'
        self._second = -1
        self._text = ""

    def line(self, row: Row) -> bytes:
        """One record."""
        second, milliseconds = divmod(row.time, 1000)
        if second != self._second:
            self._second = second
            self._text = iso(second * 1000)[:-3]
        stamp = f'{self._text}{milliseconds:03}{self._id}{row.number}",'
        return self._head + stamp.encode() + self._encode(row.value)[1:]
