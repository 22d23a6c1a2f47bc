"""Topic `fraud-alerts` → Slack, webhooks, e-mail. Settings: docs/narratives-and-notices.md."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import functions_framework
import structlog
from cloudevents.http import CloudEvent
from google.cloud.firestore import Client

from guardian.adapters.google.cloud_event import MessageError, message_data
from guardian.adapters.google.firestore_notices import FirestoreRecords
from guardian.adapters.notify.notifier import Notifier
from guardian.adapters.notify.settings import load_notifier
from guardian.alerts.document import DocumentError, read_alert
from guardian.runtime.json_logs import log_as_json
from guardian.runtime.struct_types import learn_struct_types

log_as_json()
learn_struct_types()
log = structlog.get_logger("notifier")


class TryAgain(Exception):
    """Some channel could not be told yet; those that were are remembered. The message has to come again."""


@cache
def _notifier() -> Notifier:
    records = FirestoreRecords(Client(project=os.environ["GOOGLE_CLOUD_PROJECT"]))
    return load_notifier(Path(os.environ["GUARDIAN_NOTIFY_SETTINGS"]), os.environ, records)


@functions_framework.cloud_event
def notify(event: CloudEvent) -> None:
    """Tells of one alert. Raises TryAgain."""
    try:
        alert = read_alert(message_data(event.get_data()))
    except (MessageError, DocumentError) as error:
        log.error("message_unreadable", reason=str(error), message_id=event["id"])
        return
    told = _notifier().notify(alert)
    for one in told:
        log.info(
            "notice",
            alert_id=alert.alert_id,
            channel=one.channel,
            outcome=one.outcome,
            reason=one.reason,
        )
    if any(one.again for one in told):
        raise TryAgain("a channel could not be told yet")
