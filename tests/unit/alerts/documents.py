"""Alert documents to test with."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from guardian.alerts.document import AlertDocument, read_alert
from guardian.alerts.render import alert_line
from tests.unit.alerts.alerts import alert


def document(**changes: Any) -> AlertDocument:
    return read_alert(alert_line(alert(**changes), UTC))
