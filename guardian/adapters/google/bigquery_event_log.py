"""What happened around an alert, from the history in BigQuery."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import (
    DEFAULT_RETRY,
    ArrayQueryParameter,
    Client,
    QueryJobConfig,
    ScalarQueryParameter,
)
from requests.exceptions import RequestException

from guardian.adapters.event_keys import KEYS, cited_by, keys_of_alert, kind_of
from guardian.adapters.history.fields import Field
from guardian.adapters.history.tables import STREAM_TABLES, Table
from guardian.alerts.model import Alert
from guardian.desk_ports import LoggedEvent, StoreUnavailableError

TIMEOUT_S: Final = 8.0
"""Somebody looks at a page meanwhile."""
MOST_BYTES: Final = 5_000_000_000
"""What one question may read: a query that would cost more is refused."""
LEFT_ALONE_S: Final = 30.0
"""Who did not answer is not asked again for so long, so that nobody waits each time."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

log = structlog.get_logger()


class BigQueryEventLog:
    """An `EventLog` over a dataset. The client is the caller's. For many threads."""

    def __init__(
        self,
        client: Client,
        dataset: str,
        *,
        most_bytes: int | None = MOST_BYTES,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """dataset: "project.dataset". clock: seconds, monotonic."""
        self._client = client
        self._dataset = dataset
        self._most_bytes = most_bytes
        self._timeout_s = timeout_s
        self._clock = clock
        self._again_at = 0.0

    def around(self, alert: Alert, before_ms: int, after_ms: int, limit: int) -> list[LoggedEvent]:
        """Events of what an alert is about; see the port. Raises StoreUnavailableError.

        What has just happened may not be there yet.
        """
        if self._clock() < self._again_at:
            raise StoreUnavailableError("BigQuery did not answer a moment ago")
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for key in sorted(keys_of_alert(alert)):
            kind, _, value = key.partition(":")
            keys[kind].append(value)
        cited = cited_by(alert)
        if not keys and not cited:
            return []
        parameters: list[Any] = [
            ScalarQueryParameter("site", "STRING", alert.site),
            ScalarQueryParameter("since", "TIMESTAMP", _EPOCH + (alert.started_at - before_ms) * _MS),
            ScalarQueryParameter("until", "TIMESTAMP", _EPOCH + (alert.ended_at + after_ms) * _MS),
            *(ArrayQueryParameter(kind, "STRING", values) for kind, values in keys.items()),
            *([ArrayQueryParameter("cited", "STRING", cited)] if cited else []),
        ]
        sql = around_sql(keys, bool(cited), limit, lambda table: f"`{self._dataset}.{table}`")
        found = [
            LoggedEvent(
                row["topic"],
                row["event_id"],
                (row["event_time"] - _EPOCH) // _MS,
                msgspec.Raw(row["raw"].encode()),
            )
            for row in self._ask(sql, parameters)
        ]
        return sorted(found, key=lambda event: (event.event_time, event.topic, event.event_id))

    def _ask(self, sql: str, parameters: list[Any]) -> list[Mapping[str, Any]]:
        config: dict[str, Any] = {"query_parameters": parameters}
        if self._most_bytes is not None:
            config["maximum_bytes_billed"] = self._most_bytes
        try:
            found = self._client.query_and_wait(
                sql,
                job_config=QueryJobConfig(**config),
                wait_timeout=self._timeout_s,
                api_timeout=self._timeout_s,
                retry=DEFAULT_RETRY.with_timeout(self._timeout_s),
                job_retry=None,  # type: ignore[arg-type]  # the annotation forgets it
            )
            return list(found)
        except (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, TimeoutError) as error:
            # The reason may quote the question, which names people.
            log.warning("events_not_found", error=type(error).__name__)
            self._again_at = self._clock() + LEFT_ALONE_S
            raise StoreUnavailableError(f"BigQuery: {type(error).__name__}") from error


def around_sql(kinds: Iterable[str], cited: bool, limit: int, named: Callable[[str], str]) -> str:
    """The question. kinds: of keys; each is a parameter, a list of texts, and so is `cited` if there is one.

    named: what a table is called there.
    """
    wanted = list(kinds)
    parts = [
        part
        for topic, table in STREAM_TABLES.items()
        if (part := _of_stream(topic, table, wanted, cited, named))
    ]
    # S608: names of ours.
    return f"""SELECT topic, event_id, event_time, raw
FROM ({" UNION ALL ".join(parts)})
QUALIFY ROW_NUMBER() OVER (PARTITION BY topic, event_id ORDER BY seq) = 1
ORDER BY cited DESC, event_time, topic, event_id
LIMIT {limit}"""  # noqa: S608


def _of_stream(
    topic: str, table: Table, kinds: list[str], cited: bool, named: Callable[[str], str]
) -> str | None:
    """What to take from a stream; None: nothing in it can be found by these."""
    columns = _columns(table)
    found = [f"{column} IN UNNEST(@{kind})" for kind in kinds for column in columns.get(kind, ())]
    is_cited = "event_id IN UNNEST(@cited)" if cited else "FALSE"
    if cited:
        found.append(is_cited)
    if not found:
        return None
    # S608: names of ours.
    return f"""
SELECT '{topic}' AS topic, event_id, event_time, raw, seq, {is_cited} AS cited
FROM {named(table.name)}
WHERE site = @site AND event_time BETWEEN @since AND @until AND ({" OR ".join(found)})
"""  # noqa: S608


def _columns(table: Table) -> dict[str, list[str]]:
    """By kind of key, the columns that hold it: the event's own, or those of its `data`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path, field in _fields(table):
        if field.name in KEYS and field.type == "STRING" and field.mode != "REPEATED":
            found[kind_of(field.name)].append(path)
    return found


def _fields(table: Table) -> Iterator[tuple[str, Field]]:
    for field in table.fields:
        yield field.name, field
        if field.name == "data" and field.type == "RECORD" and field.mode != "REPEATED":
            for inner in field.fields:
                yield f"data.{inner.name}", inner
