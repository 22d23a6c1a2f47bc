"""Topic `fraud-alerts` → Gemini → the alert's document. Settings: docs/narratives-and-notices.md.

The alert is on screen, with its template narrative, before this is called; nothing here can take it away.
"""

from __future__ import annotations

import os
from functools import cache

import functions_framework
import structlog
from cloudevents.http import CloudEvent
from google.cloud.firestore import Client

from guardian.adapters.google.cloud_event import MessageError, message_data
from guardian.adapters.google.firestore_narratives import FirestoreNarratives
from guardian.adapters.google.gemini_narrator import GeminiNarrator, gemini_settings
from guardian.alerts.document import DocumentError, read_alert
from guardian.alerts.model import Status
from guardian.runtime.json_logs import log_as_json
from guardian.runtime.struct_types import learn_struct_types

log_as_json()
learn_struct_types()
log = structlog.get_logger("alert_narrator")


@cache
def _narrator() -> GeminiNarrator:
    return GeminiNarrator(gemini_settings(os.environ))


@cache
def _narratives() -> FirestoreNarratives:
    return FirestoreNarratives(Client(project=os.environ["GOOGLE_CLOUD_PROJECT"]))


@functions_framework.cloud_event
def narrate(event: CloudEvent) -> None:
    """Narrates one alert. Raises when the store cannot be reached: the message comes again."""
    try:
        alert = read_alert(message_data(event.get_data()))
    except (MessageError, DocumentError) as error:
        log.error("message_unreadable", reason=str(error), message_id=event["id"])
        return
    if alert.status == Status.CLEARED:
        return
    narratives = _narratives()
    if not narratives.wanted(alert):
        log.info("narrative_not_wanted", alert_id=alert.alert_id)
        return
    narration = _narrator().narrate(alert)
    if narration.narrative is None:
        log.warning(
            "narrative_missing", alert_id=alert.alert_id, outcome=narration.code, reason=narration.reason
        )
        return
    kept = narratives.write(alert, narration.narrative)
    log.info("narrative_written" if kept else "narrative_outdated", alert_id=alert.alert_id)
