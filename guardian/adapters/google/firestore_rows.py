"""What the cloud shape keeps besides alerts, read from `sites/{site}/history`; and jobs, `jobs/{id}`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.cloud.firestore import Client, CollectionReference, FieldFilter, Query

from guardian.adapters.google.firestore_documents import digest, document_id, history_row
from guardian.desk_ports import Job, Progress, StoreUnavailableError
from guardian.engine.plan import HistoryRow

TIMEOUT_S: Final = 20.0
"""Seconds after which a request is given up."""
BEHIND_ALL: Final = "\U0010ffff"
"""After a prefix: behind every id that begins with it."""
TELLING: Final = ("stations", "stock-levels", "threat-scores")
"""Kinds of rows whose times tell how far the machine is."""

_decode_job = msgspec.json.Decoder(Job).decode


class FirestoreRows:
    """`Rows` of every site in a Firestore database. The client is the caller's. For many threads.

    Counters and watermarks are in each part's journal, which only those read who go on with it: so
    progress is told by the latest rows there are, and no counters.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def sites(self) -> list[str]:
        """Every site with anything below it. A site that is no plain word goes by its digest."""
        with _unavailable():
            return sorted(
                found.id for found in self._client.collection("sites").list_documents(timeout=TIMEOUT_S)
            )

    def get(self, site: str, kind: str, row_id: str) -> HistoryRow | None:
        """One row, or None."""
        with _unavailable():
            found = self._history(site).document(digest(kind, row_id)).get(timeout=TIMEOUT_S)
        return history_row(found.to_dict() or {}) if found.exists else None

    def page(self, site: str, kind: str, *, prefix: str, after: str, limit: int) -> list[HistoryRow]:
        """Rows by id; see the port."""
        query = self._of(site, kind)
        if after >= prefix and after:
            query = query.where(filter=FieldFilter("id", ">", after))
        elif prefix:
            query = query.where(filter=FieldFilter("id", ">=", prefix))
        if prefix:
            query = query.where(filter=FieldFilter("id", "<", prefix + BEHIND_ALL))
        return self._run(query.order_by("id").limit(limit))

    def newest(self, site: str, kind: str, limit: int) -> list[HistoryRow]:
        """The rows of the latest time; see the port."""
        return self._run(self._of(site, kind).order_by("time", direction=Query.DESCENDING).limit(limit))

    def progress(self, site: str) -> Progress:
        """As the latest rows tell it."""
        latest = [row.time for kind in TELLING for row in self.newest(site, kind, 1)]
        return Progress(max(latest, default=None), {})

    def _history(self, site: str) -> CollectionReference:
        of: CollectionReference = self._client.collection("sites", document_id(site), "history")
        return of

    def _of(self, site: str, kind: str) -> Query:
        query: Query = self._history(site).where(filter=FieldFilter("kind", "==", kind))
        return query

    def _run(self, query: Query) -> list[HistoryRow]:
        with _unavailable():
            return [history_row(found.to_dict() or {}) for found in query.stream(timeout=TIMEOUT_S)]


class FirestoreJobs:
    """`Jobs` in a Firestore database, one document each. The client is the caller's. For many threads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def put(self, job: Job) -> None:
        """Adds the job, or replaces what was known of it."""
        fields: dict[str, Any] = {"asked_at": job.asked_at, "job": msgspec.json.encode(job).decode()}
        with _unavailable():
            self._jobs().document(document_id(job.id)).set(fields, timeout=TIMEOUT_S)

    def get(self, job_id: str) -> Job | None:
        """The job, or None."""
        with _unavailable():
            found = self._jobs().document(document_id(job_id)).get(timeout=TIMEOUT_S)
        return _decode_job(found.get("job")) if found.exists else None

    def _jobs(self) -> CollectionReference:
        jobs: CollectionReference = self._client.collection("jobs")
        return jobs


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turns what Firestore may do to us into our own error."""
    try:
        yield
    except (GoogleAPICallError, RetryError) as error:
        raise StoreUnavailableError(f"Firestore: {type(error).__name__}") from error
