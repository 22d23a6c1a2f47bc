"""Contracts of the store's streams.

A device reports how it is in `status`. When it is anything but "Active" its measurements may be null or
missing, and `data` itself may be null or missing; so every measurement is optional and `data` is always
there: `event.value.data.sku is None` needs no second check. Null, missing and (for identifiers) the
empty string all read as None.

One promise beyond the types: a `PosTransaction` with status "Active" has a `data.sku`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from guardian.events.faults import Fault, fault_in
from guardian.events.fields import (
    MAX_ENTRIES,
    Grams,
    Id,
    Label,
    Name,
    Price,
    Quantity,
    Seconds,
    Share,
    StockCount,
    Timestamp,
)

ACTIVE = "Active"
READ_ERROR = "Read Error"
SYSTEM_CRASH = "System Crash"


class Sale(Struct, frozen=True, gc=False):
    """One article scanned at a checkout. price in the store's currency; weight_g as weighed, grams."""

    customer_id: Id | None = None
    sku: Id | None = None
    product_name: Name | None = None
    barcode: Id | None = None
    price: Price | None = None
    weight_g: Grams | None = None


class PosTransaction(Struct, frozen=True, gc=False):
    """`pos-transactions`: a checkout sold one article, or reports that it cannot."""

    timestamp: Timestamp
    station_id: Label
    status: Label
    data: Sale = Sale()
    event_id: Id | None = None


class TagRead(Struct, frozen=True, gc=False):
    """The tag an RFID reader sees. All None is a heartbeat: the reader lives and sees nothing.

    epc: the tag's serial, hexadecimal. sku: as resolved by the reader, if it does; else ask the catalogue.
    """

    epc: Id | None = None
    sku: Id | None = None
    location: Label | None = None


class RfidReading(Struct, frozen=True, gc=False):
    """`rfid-readings`: what the reader at a station sees."""

    timestamp: Timestamp
    station_id: Label
    status: Label
    data: TagRead = TagRead()
    event_id: Id | None = None


class QueueState(Struct, frozen=True, gc=False):
    """customer_count: people waiting. average_dwell_time: seconds they have been waiting."""

    customer_count: Quantity | None = None
    average_dwell_time: Seconds | None = None


class QueueSample(Struct, frozen=True, gc=False):
    """`queue-monitor`: how long the queue at a station is."""

    timestamp: Timestamp
    station_id: Label
    status: Label
    data: QueueState = QueueState()
    event_id: Id | None = None


class View(Struct, frozen=True, gc=False):
    """What a camera takes an article for. predicted_product: a SKU. accuracy: confidence, 0 to 1."""

    predicted_product: Id | None = None
    accuracy: Share | None = None


class ProductView(Struct, frozen=True, gc=False):
    """`product-recognition`: the camera at a station saw an article."""

    timestamp: Timestamp
    station_id: Label
    status: Label
    data: View = View()
    event_id: Id | None = None


class InventorySnapshot(Struct, frozen=True, gc=False):
    """`inventory-snapshots`: units on hand of every SKU; sales of that very instant are already in it."""

    timestamp: Timestamp
    data: Annotated[dict[Id, StockCount], Meta(max_length=MAX_ENTRIES)]
    event_id: Id | None = None


def check_sale(transaction: PosTransaction) -> Fault | None:
    """An active checkout says what it sold; one that is out of order need not."""
    if transaction.data.sku is None and transaction.status == ACTIVE:
        return fault_in("data.sku", "required while status is Active, but missing")
    return None
