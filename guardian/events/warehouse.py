"""Contracts of the warehouse's streams. Optional fields may be null or missing alike."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from guardian.events.faults import Fault, fault_in
from guardian.events.fields import MAX_ENTRIES, SHORT_FOR, Id, Kilograms, Label, Quantity, Text, Timestamp

QR_SCANNED: Literal["qr_scanned"] = "qr_scanned"
QR_REGENERATED: Literal["qr_regenerated"] = "qr_regenerated"
QR_ISSUED: Literal["qr_issued"] = "qr_issued"
QR_CONSUMED: Literal["qr_consumed"] = "qr_consumed"
QR_REVOKED: Literal["qr_revoked"] = "qr_revoked"

IN_STOCK: Literal["in_stock"] = "in_stock"
SHIPPED: Literal["shipped"] = "shipped"
IN_TRANSIT: Literal["in_transit"] = "in_transit"
DELIVERED: Literal["delivered"] = "delivered"


class QrScan(Struct, frozen=True, gc=False):
    """`qr-code-scans`: a product's code was issued, scanned, printed anew, used up or revoked.

    qr_data: the text of the code. qr_id: its serial. generated_by: the person who did it.

    Promised beyond the types: a scan has qr_data or qr_id, and a scanner_id; a regeneration has
    generated_by (an employee), and may lack the others since nothing was scanned. An issue has
    qr_data. What uses a code up or revokes it has qr_data or qr_id.
    """

    product_id: Id
    location: Label
    timestamp: Timestamp
    scanner_id: Id | None = None
    qr_data: Text | None = None
    qr_id: Id | None = None
    action: Literal["qr_scanned", "qr_regenerated", "qr_issued", "qr_consumed", "qr_revoked"] = "qr_scanned"
    generated_by: Id | None = None
    event_id: Id | None = None


class InventoryDigital(Struct, frozen=True, gc=False):
    """`inventory-digital`: what the books say of a product at a location. quantity: units."""

    product_id: Id
    status: Literal["in_stock", "shipped", "in_transit", "delivered"]
    quantity: Quantity
    location: Label
    updated_by: Id
    updated_at: Timestamp
    shipment_id: Id | None = None
    event_id: Id | None = None


class InventoryPhysical(Struct, frozen=True, gc=False):
    """`inventory-physical`: what the sensors on a shelf find. quantity: units; weight_kg: all of them."""

    product_id: Id
    location: Label
    quantity: Quantity
    rfid_detected: bool
    sensor_id: Id
    timestamp: Timestamp
    weight_kg: Kilograms | None = None
    rfid_tag: Id | None = None
    event_id: Id | None = None


class ManifestItem(Struct, frozen=True, gc=False):
    """One line of a manifest. quantity: units, or None when the manifest does not say."""

    product_id: Id
    quantity: Quantity | None = None


_ManifestLine = Annotated[ManifestItem, Meta(extra={SHORT_FOR: "product_id"})]


class Shipping(Struct, frozen=True, gc=False):
    """`shipping-logistics`: a truck leaves.

    manifest: what is on it; producers may also send plain product ids, which read as items without a
        quantity. Empty: none was given, which is not the same as a truck without goods.
    """

    shipment_id: Id
    truck_id: Id
    departure_time: Timestamp
    destination: Label
    manifest: Annotated[list[_ManifestLine], Meta(max_length=MAX_ENTRIES)] = []
    event_id: Id | None = None


def check_scan(scan: QrScan) -> Fault | None:
    """What a code event of its kind must have beyond its types."""
    if scan.action == QR_REGENERATED:
        if scan.generated_by is None:
            return fault_in("generated_by", "required when action is qr_regenerated, but missing")
    elif scan.action == QR_ISSUED:
        if scan.qr_data is None:
            return fault_in("qr_data", "required when action is qr_issued, but missing")
    elif scan.qr_data is None and scan.qr_id is None:
        what = "a scan" if scan.action == QR_SCANNED else scan.action
        return fault_in("qr_data", f"qr_data or qr_id is required on {what}, but both are missing")
    elif scan.action == QR_SCANNED and scan.scanner_id is None:
        return fault_in("scanner_id", "required on a scan, but missing")
    return None
