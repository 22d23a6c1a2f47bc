"""What the cloud shape has decided and people have done, read from Firestore as it changes, into BigQuery.

    sites/{site}/followers/history    up to where everything has been taken

What changes bears the server's time of its last change, and is taken in that order. What is younger than
`SETTLED` is taken again the next time, since something that came before it may only now be there to be seen.
Counters are taken as of the checkpoints of the
journals of the parts, so that nobody has to read those.

The cursor moves when BigQuery has taken the rows. Killed in between, they are written again, under the same
insert ids. Two that follow the same site do no harm: the cursor is moved by one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec
import structlog
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import (
    SERVER_TIMESTAMP,
    Client,
    CollectionReference,
    DocumentReference,
    FieldFilter,
    Query,
)

from guardian.adapters.google.bigquery_writer import BigQueryWriter
from guardian.adapters.google.firestore_documents import (
    CHANGED,
    WRITTEN,
    document_id,
    history_row,
    stored_alert,
    stored_handling,
)
from guardian.adapters.google.state_journal import Rest, decode_rest
from guardian.adapters.history import tables
from guardian.adapters.history.rows import Row, alert_row, code_row, incident_row, metric_row, score_row
from guardian.detectors.parts import Part
from guardian.detectors.warehouse.code_registry import CODES
from guardian.engine.watermark import Watermark
from guardian.events.catalogue import Catalogue
from guardian.events.topics import THREAT_SCORES

PAGE: Final = 200
"""Documents taken at a time."""
SETTLED: Final = timedelta(seconds=10)
"""How old a change has to be. The server's time in a document is when the write came in, not when it was
there to be seen."""
TIMEOUT_S: Final = 30.0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_OF_ALL: Final = ("late", "quarantined")

log = structlog.get_logger()


class Mark(msgspec.Struct, frozen=True):
    """Up to where documents of a kind have been taken. at: of their last change, epoch microseconds."""

    at: int = 0
    id: str = ""


class Told(msgspec.Struct, frozen=True):
    """The counters of a part as they were told last. number, time: of the checkpoint, event time in ms.

    before: those told before; the rows are the difference. written: the rows are there.
    """

    number: int = 0
    time: int = 0
    before: dict[str, int] = {}
    counters: dict[str, int] = {}
    written: bool = True


class Cursor(msgspec.Struct):
    """Up to where everything has been taken, by kind and by part."""

    marks: dict[str, Mark] = {}
    told: dict[str, Told] = {}


class FollowedStatus(msgspec.Struct):
    """Since the start. rows: written, repetitions included. refused: of these, those that BigQuery does not
    take, and whose reason is there instead."""

    rows: int = 0
    refused: int = 0


class _Kind(msgspec.Struct, frozen=True):
    """Documents that are followed: where they are, what says when they changed, and their rows by table."""

    name: str
    collection: CollectionReference
    query: Query | CollectionReference
    field: str
    rows_of: Callable[[Any, int], list[tuple[str, Row]]]


class FirestoreHistory:
    """Takes what has changed since the last round. One thread's business, but for `status`."""

    def __init__(
        self,
        client: Client,
        writer: BigQueryWriter,
        site: str,
        zone: tzinfo,
        catalogue: Catalogue,
        *,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """zone: the site's. alive: called before each request. The client is the caller's."""
        self._writer = writer
        self._site_name = site
        self._site: DocumentReference = client.collection("sites").document(document_id(site))
        self._place: DocumentReference = self._site.collection("followers").document("history")
        self._client = client
        self._zone = zone
        self._catalogue = catalogue
        self._alive = alive
        self._cursor = Cursor()
        self._moved: Any = None
        """When the cursor was written last, by the server's clock; None: never."""
        self.status = FollowedStatus()

    def follow(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Takes all there is, or what it comes to before it is told to `stop`.

        Raises GoogleAPICallError, RetryError, UnavailableError: the rest is taken the next time.
        """
        settled = self._read() - SETTLED
        try:
            self._counters()
            for kind in self._kinds():
                while not stop() and self._page(kind, settled):
                    pass
        except (AlreadyExists, FailedPrecondition, NotFound):
            # Somebody else follows too, and has moved the cursor: what we have written is there twice.
            log.info("history_cursor_moved_by_another")

    # --- Documents in order of change

    def _kinds(self) -> Iterator[_Kind]:
        alerts, history = self._site.collection("alerts"), self._site.collection("history")
        yield _Kind("alerts", alerts, alerts, CHANGED, self._of_alert)
        for name, of in ((CODES, self._of_code), (THREAT_SCORES, self._of_score)):
            of_kind = history.where(filter=FieldFilter("kind", "==", name))
            yield _Kind(name, history, of_kind, WRITTEN, of)

    def _page(self, kind: _Kind, settled: datetime) -> bool:
        """Takes one page; True if there may be more."""
        field = kind.field
        before = mark = self._cursor.marks.get(kind.name, Mark())
        asked = kind.query.order_by(field).order_by("__name__")
        if mark.id:
            place = {field: _EPOCH + mark.at * _US, "__name__": kind.collection.document(mark.id)}
            asked = asked.start_after(place)
        self._alive()
        found = list(asked.limit(PAGE).stream(timeout=TIMEOUT_S))
        rows: dict[str, list[Row]] = {}
        for one in found:
            fields = one.to_dict() or {}
            changed = (fields[field] - _EPOCH) // _US
            if fields[field] <= settled:
                mark = Mark(changed, one.id)
            try:
                made = kind.rows_of(fields, changed)
            except Exception as error:  # one that is not as it should be must not hold up the others
                log.error("document_unreadable", kind=kind.name, id=one.id, error=type(error).__name__)
                self.status.refused += 1
                continue
            for table, row in made:
                rows.setdefault(table, []).append(row)
        for table, of_table in rows.items():
            self._write(table, of_table)
        if mark != before:
            self._move(msgspec.structs.replace(self._cursor, marks=self._cursor.marks | {kind.name: mark}))
        return len(found) == PAGE and mark.id == found[-1].id

    def _of_alert(self, fields: Any, changed: int) -> list[tuple[str, Row]]:
        """An alert in its state, and what people have done about it, if they have."""
        alert, handling = stored_alert(fields).alert, stored_handling(fields)
        rows = [(tables.ALERTS, alert_row(alert, changed, self._zone, self._catalogue))]
        if handling.revision:
            rows.append((tables.INCIDENTS, incident_row(alert, handling, self._catalogue)))
        return rows

    def _of_code(self, fields: Any, changed: int) -> list[tuple[str, Row]]:
        return [(tables.CODES, code_row(history_row(fields), self._site_name))]

    def _of_score(self, fields: Any, changed: int) -> list[tuple[str, Row]]:
        return [(tables.SCORES, score_row(history_row(fields), self._site_name))]

    # --- Counters

    def _counters(self) -> None:
        """Tells by how much the counters have grown between two checkpoints.

        What is to be told is in the cursor first. So whoever is killed tells the same once more, and not a
        part of it again under another name.
        """
        told = dict(self._cursor.told)
        for part in Part:
            self._alive()
            head = self._site.collection("parts").document(document_id(part)).get(timeout=TIMEOUT_S)
            last = told.get(part, Told())
            if head.exists and last.written and head.get("number") > last.number:
                rest = decode_rest(head.get("rest"))
                counters = {name: n for name, n in rest.counters.items() if _is_told(part, name)}
                told[part] = Told(head.get("number"), _newest(rest), last.counters, counters, written=False)
        if told != self._cursor.told:
            self._move(msgspec.structs.replace(self._cursor, told=told))
        rows: list[Row] = [
            {
                **metric_row(last.number, name, more, last.time, self._site_name),
                "metric_id": f"{part}/{last.number}/{name}",
            }
            for part, last in told.items()
            if not last.written
            for name, number in sorted(last.counters.items())
            if (more := number - last.before.get(name, 0))
        ]
        if rows:
            self._write(tables.METRICS, rows)
        if not all(last.written for last in told.values()):
            done = {
                part: msgspec.structs.replace(last, before={}, written=True) for part, last in told.items()
            }
            self._move(msgspec.structs.replace(self._cursor, told=done))

    # --- The cursor

    def _read(self) -> datetime:
        """Reads it anew; what time it is by the server's clock."""
        self._alive()
        found = self._place.get(timeout=TIMEOUT_S)
        self._moved = found.update_time if found.exists else None
        self._cursor = msgspec.json.decode(found.get("cursor"), type=Cursor) if found.exists else Cursor()
        now: datetime = found.read_time
        return now

    def _move(self, cursor: Cursor) -> None:
        """Moves it. Raises AlreadyExists, FailedPrecondition or NotFound if somebody else has meanwhile."""
        fields = {"cursor": msgspec.json.encode(cursor).decode(), "moved": SERVER_TIMESTAMP}
        batch = self._client.batch()
        if self._moved is None:
            batch.create(self._place, fields)
        else:
            batch.update(self._place, fields, option=self._client.write_option(last_update_time=self._moved))
        self._alive()
        (result,) = batch.commit(timeout=TIMEOUT_S)
        self._moved, self._cursor = result.update_time, cursor

    def _write(self, table: str, rows: list[Row]) -> None:
        written = self._writer.write(tables.TABLES[table], rows, self._alive)
        self.status.rows += written.rows
        self.status.refused += written.refused


def _is_told(part: Part, name: str) -> bool:
    """The correlator is given every stream, so what the others count of records would count twice."""
    return part is Part.CORRELATOR or not (name in _OF_ALL or name.startswith("events."))


def _newest(rest: Rest) -> int:
    """The newest event time that a worker of the part has seen, epoch ms; 0 before the first event."""
    marks = [
        msgspec.msgpack.decode(place.watermark, type=Watermark).newest
        for place in rest.places.values()
        if place.watermark
    ]
    return max(0, *marks) if marks else 0
