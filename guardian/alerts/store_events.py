"""Alerts in the store challenge's own format.

{"timestamp", "event_id", "event_data"} with the event codes E001 to E009.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Status

Fields = dict[str, str]
"""That format's field name → name in our evidence."""

_CODES: dict[str, tuple[str, str, Fields]] = {
    "SCANNER_AVOIDANCE": (
        "E001",
        "Scanner Avoidance",
        {"station_id": "station_id", "customer_id": "customer_id", "product_sku": "sku"},
    ),
    "BARCODE_SWITCHING": (
        "E002",
        "Barcode Switching",
        {
            "station_id": "station_id",
            "customer_id": "customer_id",
            "actual_sku": "actual_sku",
            "scanned_sku": "scanned_sku",
        },
    ),
    "WEIGHT_DISCREPANCY": (
        "E003",
        "Weight Discrepancies",
        {
            "station_id": "station_id",
            "customer_id": "customer_id",
            "product_sku": "sku",
            "expected_weight": "expected_weight_g",
            "actual_weight": "actual_weight_g",
        },
    ),
    "SYSTEM_CRASH": (
        "E004",
        "Unexpected Systems Crash",
        {"station_id": "station_id", "duration_seconds": "duration_s"},
    ),
    "LONG_QUEUE": (
        "E005",
        "Long Queue Length",
        {"station_id": "station_id", "num_of_customers": "num_of_customers"},
    ),
    "LONG_WAIT": (
        "E006",
        "Long Wait Time",
        {"station_id": "station_id", "customer_id": "customer_id", "wait_time_seconds": "wait_time_s"},
    ),
    "INVENTORY_DISCREPANCY": (
        "E007",
        "Inventory Discrepancy",
        {"SKU": "sku", "Expected_Inventory": "expected", "Actual_Inventory": "actual"},
    ),
    "STAFFING_NEED": (
        "E008",
        "Staffing Needs",
        {"station_id": "station_id", "Staff_type": "staff_type"},
    ),
    "CHECKOUT_STATION_ACTION": (
        "E009",
        "Checkout Station Action",
        {"station_id": "station_id", "Action": "action"},
    ),
}


def store_event_line(alert: Alert, zone: tzinfo) -> bytes | None:
    """The alert as a line of that format; None for a cleared alert, or one that format has no code for.

    Times are naive there, in the store's zone. What the evidence does not know is null.
    """
    coded = _CODES.get(alert.type)
    if coded is None or alert.status == Status.CLEARED:
        return None
    code, name, fields = coded
    data: dict[str, Any] = {"event_name": name}
    data.update({theirs: alert.evidence.get(ours) for theirs, ours in fields.items()})
    at = datetime.fromtimestamp(alert.event_time / 1000, zone).replace(tzinfo=None)
    return (
        msgspec.json.encode(
            {
                "timestamp": at.isoformat(timespec="milliseconds" if alert.event_time % 1000 else "seconds"),
                "event_id": code,
                "event_data": data,
            }
        )
        + b"\n"
    )
