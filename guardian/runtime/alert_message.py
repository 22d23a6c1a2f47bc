"""An alert as a message to the world; docs/relay.md tells its attributes."""

from __future__ import annotations

from datetime import tzinfo
from typing import Final
from urllib.parse import quote

import msgspec

from guardian.alerts.model import Alert
from guardian.alerts.render import alert_document

CE_TYPE: Final = "guardian.alert"


def alert_message(row_id: str, alert: Alert, zone: tzinfo) -> tuple[bytes, dict[str, str]]:
    """Data (the alert document, docs/alerts.md) and attributes of the message for a row of the outbox.

    zone: of the site, for the document's times.
    """
    return msgspec.json.encode(alert_document(alert, zone)), {
        "alert-id": alert.alert_id,
        "outbox-id": row_id,
        "type": alert.type,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "site": alert.site,
        "detector": alert.detector.id,
        "content-type": "application/json",
        "ce-id": row_id,
        "ce-type": CE_TYPE,
        "ce-source": f"/guardian/{quote(alert.site, safe='')}",
        "ce-specversion": "1.0",
    }
