"""Narratives in the alerts' documents: `sites/{site}/alerts/{alert_id}`."""

from __future__ import annotations

from typing import Any

from google.api_core.exceptions import FailedPrecondition, NotFound
from google.cloud.firestore import SERVER_TIMESTAMP, Client, DocumentReference, DocumentSnapshot

from guardian.adapters.google.firestore_documents import CHANGED, document_id
from guardian.alerts.document import AlertDocument
from guardian.ports import Narrative

TIMEOUT_S = 10.0
"""Seconds after which a request is given up."""
ATTEMPTS = 5
"""Times a write is tried again because something else in the document has changed: a note, say."""

_COMPARED = ("status", "severity", "count", "narrative")


class FirestoreNarratives:
    """`Narratives` in a Firestore database. Besides `narrative` it writes `narrative_by`: model,
    prompt_version, confidence."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def wanted(self, alert: AlertDocument) -> bool:
        """Whether the stored alert is still this one, and still has its template narrative."""
        return _is_same(self._document(alert).get(_COMPARED, timeout=TIMEOUT_S), alert)

    def write(self, alert: AlertDocument, narrative: Narrative) -> bool:
        """Puts the narrative in the template's place; False unless it is `wanted`."""
        document = self._document(alert)
        for _ in range(ATTEMPTS):
            found = document.get(_COMPARED, timeout=TIMEOUT_S)
            if not _is_same(found, alert):
                return False
            fields = {
                "narrative": narrative.text,
                "narrative_by": {
                    "model": narrative.model,
                    "prompt_version": narrative.prompt_version,
                    "confidence": narrative.confidence,
                },
                CHANGED: SERVER_TIMESTAMP,
            }
            unchanged = self._client.write_option(last_update_time=found.update_time)
            try:
                document.update(fields, option=unchanged, timeout=TIMEOUT_S)
                return True
            except (FailedPrecondition, NotFound):
                continue
        return False

    def _document(self, alert: AlertDocument) -> DocumentReference:
        site = self._client.collection("sites").document(document_id(alert.site))
        document: DocumentReference = site.collection("alerts").document(document_id(alert.alert_id))
        return document


def _is_same(found: DocumentSnapshot[Any], alert: AlertDocument) -> bool:
    if not found.exists:
        return False
    stored = found.to_dict() or {}
    return (
        stored.get("status") == alert.status.value
        and stored.get("severity") == alert.severity.value
        and stored.get("count") == alert.count
        and stored.get("narrative") == alert.narrative
    )
