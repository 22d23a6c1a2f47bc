"""What events are found by when somebody asks what happened around an alert."""

from __future__ import annotations

from typing import Any, Final

from guardian.alerts.model import Alert

KEYS: Final = (
    "station_id",
    "product_id",
    "sku",
    "qr_id",
    "employee_id",
    "shipment_id",
    "customer_id",
    "location",
)
"""What events are found by, where a stream has it."""
MOST_KEYS: Final = 8
MOST_CITED: Final = 50
"""Events that an alert cites, of those that are looked for."""


def cited_by(alert: Alert) -> list[str]:
    """The events that an alert's evidence cites, as many as are looked for."""
    return [ref for ref in alert.evidence.get("event_ids", []) if isinstance(ref, str)][:MOST_CITED]


def keys_of(value: Any) -> set[str]:
    """What an event of a stream is found by: its own fields, or those of its `data`."""
    found = set()
    for part in (value, getattr(value, "data", None)):
        for name in KEYS:
            one = getattr(part, name, None)
            if isinstance(one, str) and one:
                found.add(f"{kind_of(name)}:{one[:200]}")
    return set(sorted(found)[:MOST_KEYS])


def keys_of_alert(alert: Alert) -> set[str]:
    """By what the events of an alert are found: its subject, or else what its evidence names."""
    subject = {
        "station": "station_id",
        "sku": "product",
        "product": "product",
        "employee": "employee_id",
        "qr": "qr_id",
        "customer": "customer_id",
    }.get(alert.subject.kind)
    if subject is not None:
        return {f"{subject}:{alert.subject.id[:200]}"}
    names = ("station_id", "product_id", "sku", "qr_id", "employee_id", "customer_id", "location")
    return {
        f"{kind_of(name)}:{one[:200]}"
        for name in names
        if isinstance(one := alert.evidence.get(name), str) and one
    }


def kind_of(name: str) -> str:
    """The same article has other names in a store than in a warehouse."""
    return "product" if name in {"product_id", "sku"} else name
