"""Alerts as documents in Firestore and as the API tells them.

`python -m tests.unit.api.alert_documents` writes them where the dashboard's own tests read them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from cloud_run.api.alert_items import AlertItems
from cloud_run.api.resources.catalogue import catalogue_item
from guardian.adapters.google.firestore_documents import (
    CHANGED,
    NARRATIVE_BY,
    alert_fields,
    handling_fields,
    new_alert_fields,
)
from guardian.alerts.handling import UNTOUCHED, Handling, Resolution
from guardian.alerts.model import Alert, Severity, Status, Subject, Workflow
from guardian.desk_ports import AlertWithHandling
from guardian.events.catalogue import Catalogue, Product
from tests.unit.alerts.alerts import alert

FILE: Final = Path(__file__).parents[3] / "cloud_run" / "dashboard" / "src" / "live" / "alert-documents.json"

CATALOGUE: Final = Catalogue(
    [Product("P-1", price=12.5), Product("P-2", price=0.99), Product("P-3"), Product("P-4", price=1999.0)]
)
HANDLED: Final = Handling(
    workflow=Workflow.ACKNOWLEDGED,
    resolution=Resolution.NONE,
    assignee="uid-2",
    note="Looking.\nWith “quotes”.",
    changed_by="uid-1",
    changed_at=1_755_093_999_007,
    revision=3,
)
RESOLVED: Final = msgspec.structs.replace(
    HANDLED, workflow=Workflow.RESOLVED, resolution=Resolution.FALSE_POSITIVE, revision=4
)
NARRATIVE: Final = {"model": "gemini", "prompt_version": "2", "confidence": "high"}


def documents() -> dict[str, Any]:
    """The catalogue as the API tells it, and alerts: each document's fields, and its item."""
    return {
        "catalogue": catalogue_item(CATALOGUE).model_dump(mode="json"),
        "alerts": [
            _both(alert(alert_id="al_open")),
            _both(alert(alert_id="al_handled"), HANDLED),
            _both(alert(alert_id="al_resolved", status=Status.CLEARED), RESOLVED, NARRATIVE),
            _old(alert(alert_id="al_old")),
            *(
                _both(alert(alert_id=f"al_worth_{number}", evidence=evidence, severity=Severity.CRITICAL))
                for number, evidence in enumerate(_EVIDENCE)
            ),
            _both(alert(alert_id="al_new", type="NEW_KIND_OF_FRAUD", subject=Subject("sku", "P-1"))),
            _both(alert(alert_id="al_midnight", event_time=1_735_689_600_000)),
        ],
    }


_EVIDENCE: Final[list[dict[str, Any]]] = [
    {"price_difference": 3.25, "actual_sku": "P-1"},
    {"price_difference": -1, "sku": "P-1"},
    {"price_difference": True, "sku": "P-1"},
    {"product_id": "P-1", "missing": -4},
    {"product_id": "P-1", "unexplained": 0, "missing": 7},
    {"sku": "P-2", "difference": 3.5},
    {"product_id": 5, "product_sku": "P-4"},
    {"sku": "P-1", "price": 7},
    {"sku": "P-3"},
    {"sku": "unknown"},
    {"product_ids": ["P-1", "P-2", "P-3", "unknown"]},
    {"product_ids": ["unknown"]},
    {"product_ids": "P-1"},
    {"nested": [[1, 2], {"a": None}], "big": 9_007_199_254_740_991, "text": "\u2028 ü"},
    {},
]


def _both(
    one: Alert, handling: Handling = UNTOUCHED, narrative_by: dict[str, str] | None = None
) -> dict[str, Any]:
    people = new_alert_fields() if handling is UNTOUCHED else handling_fields(handling)
    fields = alert_fields(one) | people
    if narrative_by is not None:
        fields[NARRATIVE_BY] = narrative_by
    return _told(fields, AlertWithHandling(one, handling, narrative_by))


def _old(one: Alert) -> dict[str, Any]:
    """From before there was more of people's part than this."""
    fields = alert_fields(one) | {"workflow": "open", "note": ""}
    return _told(fields, AlertWithHandling(one, UNTOUCHED, None))


def _told(fields: dict[str, Any], found: AlertWithHandling) -> dict[str, Any]:
    del fields[CHANGED]  # the server's business
    return {"fields": fields, "item": AlertItems(CATALOGUE).item(found).model_dump(mode="json")}


def text() -> str:
    """As the file is to be."""
    return msgspec.json.format(msgspec.json.encode(documents()), indent=2).decode() + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
