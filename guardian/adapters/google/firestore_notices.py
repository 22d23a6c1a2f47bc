"""What has been told, in Firestore: `sites/{site}/notices/{key}`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot

from guardian.adapters.google.firestore_documents import document_id

TIMEOUT_S = 10.0
"""Seconds after which a request is given up."""
KEPT = timedelta(days=90)
"""`delete_at` lies so far ahead, for a TTL policy on it: by then an alert has long stopped changing."""


def _now() -> datetime:
    return datetime.now(UTC)


class FirestoreRecords:
    """`NoticeRecords` for any number of senders. lease: after so long a claim ends by itself."""

    def __init__(
        self,
        client: Client,
        *,
        lease: timedelta = timedelta(seconds=120),
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._client = client
        self._lease = lease
        self._now = now
        self._holder = secrets.token_hex(8)

    def states(self, site: str, keys: Iterable[str]) -> dict[str, bool]:
        """Of these keys those that are claimed (False) or done (True)."""
        wanted = {self._document(site, key): key for key in keys}
        by_path = {document.path: key for document, key in wanted.items()}
        states: dict[str, bool] = {}
        for found in self._client.get_all(list(wanted), timeout=TIMEOUT_S):
            if found.exists and self._taken(fields := found.to_dict() or {}):
                states[by_path[found.reference.path]] = bool(fields["done"])
        return states

    def claim(self, site: str, key: str) -> bool:
        """Whether the caller may send now."""
        document = self._document(site, key)
        try:
            document.create(self._claimed(key), timeout=TIMEOUT_S)
            return True
        except AlreadyExists:
            found = self._found(document)
        if not found.exists:
            return self.claim(site, key)  # given back a moment ago
        if self._taken(found.to_dict() or {}):
            return False
        try:
            document.update(self._claimed(key), option=self._unchanged(found), timeout=TIMEOUT_S)
        except (FailedPrecondition, NotFound):
            return False  # somebody else has taken the claim that ended
        return True

    def done(self, site: str, key: str) -> None:
        """It has been sent."""
        fields = self._claimed(key) | {"done": True}
        self._document(site, key).set(fields, timeout=TIMEOUT_S)

    def release(self, site: str, key: str) -> None:
        """It could not be sent: gives the caller's own claim back."""
        document = self._document(site, key)
        found = self._found(document)
        fields = found.to_dict() or {}
        if not found.exists or fields["done"] or fields["holder"] != self._holder:
            return
        try:
            document.delete(option=self._unchanged(found), timeout=TIMEOUT_S)
        except (FailedPrecondition, NotFound):
            pass  # the claim has passed to somebody else

    def _document(self, site: str, key: str) -> DocumentReference:
        sites = self._client.collection("sites")
        notices = sites.document(document_id(site)).collection("notices")
        document: DocumentReference = notices.document(document_id(key))
        return document

    def _found(self, document: DocumentReference) -> DocumentSnapshot[Any]:
        return document.get(timeout=TIMEOUT_S)

    def _claimed(self, key: str) -> dict[str, Any]:
        now = self._now()
        return {
            "key": key,
            "done": False,
            "holder": self._holder,
            "lease_until": now + self._lease,
            "delete_at": now + KEPT,
        }

    def _taken(self, fields: dict[str, Any]) -> bool:
        return bool(fields["done"]) or fields["lease_until"] > self._now()

    def _unchanged(self, found: DocumentSnapshot[Any]) -> Any:
        return self._client.write_option(last_update_time=found.update_time)
