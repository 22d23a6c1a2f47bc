"""Rows of history into BigQuery, at least once.

A row carries an insert id made of its key, by which BigQuery drops most repetitions; reports drop the rest.
A row that BigQuery will never take goes to the table `quarantine` with the reason, and holds up nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from google.api_core.exceptions import (
    ClientError,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    RetryError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import Client
from requests.exceptions import RequestException

from guardian.adapters.history.fields import Field
from guardian.adapters.history.rows import Row
from guardian.adapters.history.tables import QUARANTINE, TABLES, Table
from guardian.adapters.publishing import UnavailableError, pause_s

MOST_ROWS: Final = 500
MOST_BYTES: Final = 5_000_000
"""Of a request; BigQuery takes ten million bytes."""
LARGEST_ROW: Final = 4_000_000
TIMEOUT_S: Final = 20.0
ATTEMPTS: Final = 6
REASON_CHARS: Final = 500
PASSING: Final = frozenset(
    {
        "backendError",
        "internalError",
        "quotaExceeded",
        "rateLimitExceeded",
        "stopped",
        "tableUnavailable",
        "timeout",
    }
)
"""Reasons for which BigQuery does not take a row now, and may the next time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode

log = structlog.get_logger()


class Written(msgspec.Struct):
    """What became of rows."""

    rows: int = 0
    refused: int = 0


class BigQueryWriter:
    """Writes into the tables of a dataset. The client is the caller's. One thread's business."""

    def __init__(
        self,
        client: Client,
        dataset: str,
        *,
        attempts: int = ATTEMPTS,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """dataset: "project.dataset". attempts: of a request, before the other side counts as away."""
        self._client = client
        self._dataset = dataset
        self._attempts = attempts
        self._wait = wait

    def write(
        self, table: Table, rows: Iterable[Row], before_request: Callable[[], None] = lambda: None
    ) -> Written:
        """Writes rows; returns when BigQuery has taken each, or has its reason in quarantine.

        before_request: called before each, which then takes `TIMEOUT_S` or so at most.

        Raises UnavailableError: then some of them may have been written, and all should come again.
        """
        written = Written()
        for batch in _batches(table, rows):
            refused = self._insert(table, batch, before_request)
            written.rows += len(batch) - len(refused)
            written.refused += len(refused)
            if refused:
                log.warning("rows_refused", table=table.name, number=len(refused))
                self._quarantine(table, refused, before_request)
        return written

    def _quarantine(
        self, table: Table, refused: Sequence[tuple[_Row, str]], before_request: Callable[[], None]
    ) -> None:
        now = int(time.time() * 1000)
        about = [
            {
                "record_id": f"{table.name}:{row.insert_id}",
                "event_time": now,
                "site": row.site,
                "topic": table.name,
                "reason": reason[:REASON_CHARS],
                "read_from": row.content.get("read_from", "history"),
                "read_position": row.content.get("read_position", 0),
                "bytes": row.size,
            }
            for row, reason in refused
        ]
        quarantine = TABLES[QUARANTINE]
        for batch in _batches(quarantine, about):
            if left := self._insert(quarantine, batch, before_request):
                raise UnavailableError(f"quarantine takes no rows: {left[0][1][:REASON_CHARS]}")

    def _insert(
        self, table: Table, batch: Sequence[_Row], before_request: Callable[[], None]
    ) -> list[tuple[_Row, str]]:
        """One request, as often as it takes; the rows that are refused for ever, each with the reason."""
        refused = [
            (row, f"{row.size} bytes, at most {LARGEST_ROW}") for row in batch if row.size > LARGEST_ROW
        ]
        todo = [row for row in batch if row.size <= LARGEST_ROW]
        if not todo:
            return refused
        for attempt in range(1, self._attempts + 1):
            before_request()
            try:
                errors = self._client.insert_rows_json(
                    f"{self._dataset}.{table.name}",
                    [row.content for row in todo],
                    row_ids=[row.insert_id for row in todo],
                    skip_invalid_rows=True,
                    ignore_unknown_values=False,
                    retry=None,  # type: ignore[arg-type]  # the annotation forgets it
                    timeout=TIMEOUT_S,
                )
            except (GoogleAPICallError, RetryError, GoogleAuthError, RequestException) as error:
                if _is_for_ever(error):
                    return refused + self._halves(table, todo, error, before_request)
                reason = type(error).__name__
            else:
                refused += [(todo[each["index"]], _reason(each)) for each in errors if not _passes(each)]
                todo = [todo[each["index"]] for each in errors if _passes(each)]
                if not todo:
                    return refused
                reason = "rows that it does not take now"
            if attempt < self._attempts:
                self._wait(pause_s(attempt))
        raise UnavailableError(f"BigQuery, {table.name}: {reason}")

    def _halves(
        self, table: Table, rows: list[_Row], error: Exception, before_request: Callable[[], None]
    ) -> list[tuple[_Row, str]]:
        """Of what is refused as a whole one row is at fault: halves, until it stands alone."""
        if len(rows) == 1:
            return [(rows[0], f"{type(error).__name__}: {getattr(error, 'message', error)}")]
        middle = len(rows) // 2
        return self._insert(table, rows[:middle], before_request) + self._insert(
            table, rows[middle:], before_request
        )


class _Row(msgspec.Struct, eq=False):
    content: dict[str, Any]
    insert_id: str
    site: str
    size: int


def json_row(table: Table, row: Row) -> dict[str, Any]:
    """A row as BigQuery takes it. What the table has no field for is left out."""
    return _record(table.fields, row)


def insert_id(table: Table, row: Row) -> str:
    """Names a row in one of its states, at most 128 characters."""
    names = [*table.key, *([table.latest] if table.latest else [])]
    text = "\x1f".join(str(row[name]) for name in names)
    if len(text) <= 128 and text.isascii():
        return text
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _batches(table: Table, rows: Iterable[Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        content = json_row(table, row)
        one = _Row(content, insert_id(table, row), row["site"], len(_encode(content)))
        if batch and (len(batch) == MOST_ROWS or size + one.size > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield batch


def _record(fields: tuple[Field, ...], row: Any) -> dict[str, Any]:
    content = {}
    for field in fields:
        value = row.get(field.name)
        if value is None:
            continue
        content[field.name] = (
            [_value(field, one) for one in value] if field.mode == "REPEATED" else _value(field, value)
        )
    return content


def _value(field: Field, value: Any) -> Any:
    if field.type == "RECORD":
        return _record(field.fields, value)
    if field.type in {"TIMESTAMP", "DATETIME"}:
        at = (_EPOCH + timedelta(milliseconds=value)).isoformat(timespec="milliseconds")
        return at.removesuffix("+00:00") + ("Z" if field.type == "TIMESTAMP" else "")
    return value


def _reason(error: Any) -> str:
    told = error.get("errors") or [{}]
    return f"{told[0].get('location', '')}: {told[0].get('message', told[0].get('reason', ''))}".strip(": ")


def _passes(error: Any) -> bool:
    """Whether a row that was not taken may be, the next time."""
    told = error.get("errors") or []
    return bool(told) and all(one.get("reason") in PASSING for one in told)


def _is_for_ever(error: Exception) -> bool:
    """Whether the same request would be refused again."""
    passing = (TooManyRequests, Forbidden, NotFound, Unauthorized)
    return isinstance(error, ClientError) and not isinstance(error, passing)
