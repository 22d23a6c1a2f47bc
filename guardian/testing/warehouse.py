"""Typed events of a warehouse from short rows. The first argument is always the time, in seconds after
`START`, which lies within the working hours a site has by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardian.events.model import Event
from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    QR_SCANS,
    SHIPPING,
    SOCIAL,
)
from guardian.events.warehouse import IN_STOCK, QR_REGENERATED, QR_SCANNED
from guardian.testing.events import event

SHELF = "WH1/A-01"
EMPLOYEE = "E1"
SCANNER = "SC1"


def scan(
    seconds: float,
    product: str,
    location: str = SHELF,
    *,
    code: str | None = None,
    qr_id: str | None = None,
    action: str = QR_SCANNED,
    by: str | None = None,
    scanner: str | None = SCANNER,
    id: str | None = None,
) -> Event:
    """The code of a product is scanned. code: the scanned text; qr_id: what the scanner read out of it.

    With another `action` the code is issued, consumed or revoked, `by` somebody.
    """
    value = {
        "product_id": product,
        "location": location,
        "qr_data": code,
        "qr_id": qr_id,
        "action": action,
        "generated_by": by,
        "scanner_id": scanner,
        "event_id": id,
    }
    return event(QR_SCANS, seconds, value)


def regenerated(
    seconds: float,
    product: str,
    by: str = EMPLOYEE,
    *,
    location: str = SHELF,
    code: str | None = None,
    qr_id: str | None = None,
    id: str | None = None,
) -> Event:
    """Somebody prints a new label for a product. code, qr_id: of the new label."""
    return scan(
        seconds,
        product,
        location,
        code=code,
        qr_id=qr_id,
        action=QR_REGENERATED,
        by=by,
        scanner=None,
        id=id,
    )


def booked(
    seconds: float,
    product: str,
    quantity: int,
    location: str = SHELF,
    *,
    status: str = IN_STOCK,
    shipment: str | None = None,
    by: str = EMPLOYEE,
    id: str | None = None,
) -> Event:
    """The books: so many units are at a location, or (any other status) have left it."""
    value = {
        "product_id": product,
        "status": status,
        "quantity": quantity,
        "location": location,
        "updated_by": by,
        "shipment_id": shipment,
        "event_id": id,
    }
    return event(INVENTORY_DIGITAL, seconds, value)


def shelf(
    seconds: float,
    product: str,
    quantity: int,
    location: str = SHELF,
    *,
    seen: bool = True,
    weight: float | None = None,
    id: str | None = None,
) -> Event:
    """A shelf counts its units. seen: their tag was read, too. weight: of all of them, kg."""
    value = {
        "product_id": product,
        "location": location,
        "quantity": quantity,
        "rfid_detected": seen,
        "sensor_id": f"sensor-{location}",
        "weight_kg": weight,
        "event_id": id,
    }
    return event(INVENTORY_PHYSICAL, seconds, value)


def activity(
    seconds: float,
    action: str,
    employee: str = EMPLOYEE,
    *,
    resource: str = "wms",
    location: str = "WH1/OFFICE",
    after_hours: bool | None = None,
    id: str | None = None,
) -> Event:
    """Somebody uses a system or opens a door. after_hours: as the producer judges it."""
    value = {
        "employee_id": employee,
        "action": action,
        "resource": resource,
        "location": location,
        "is_after_hours": after_hours,
        "event_id": id,
    }
    return event(EMPLOYEE_ACTIVITY, seconds, value)


def departure(
    seconds: float,
    shipment: str,
    goods: Sequence[str] | Mapping[str, int] = (),
    *,
    truck: str = "TRUCK-1",
    destination: str = "Hub North",
    id: str | None = None,
) -> Event:
    """A truck leaves with the goods of a shipment. goods: products, or units by product; none:
    there is no manifest."""
    counted = goods if isinstance(goods, Mapping) else dict.fromkeys(goods)
    value = {
        "shipment_id": shipment,
        "truck_id": truck,
        "destination": destination,
        "manifest": [{"product_id": product, "quantity": units} for product, units in counted.items()],
        "event_id": id,
    }
    return event(SHIPPING, seconds, value)


def post(
    seconds: float,
    content: str,
    *,
    sentiment: float | str = -0.5,
    location: str = "WH1",
    source: str = "forum",
    id: str | None = None,
) -> Event:
    """Somebody writes about the business."""
    value = {
        "source": source,
        "content": content,
        "sentiment": sentiment,
        "location": location,
        "event_id": id,
    }
    return event(SOCIAL, seconds, value)
