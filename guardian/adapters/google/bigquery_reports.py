"""Reports over the history in BigQuery."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import DEFAULT_RETRY, Client, QueryJobConfig, ScalarQueryParameter
from requests.exceptions import RequestException

from guardian.adapters.history.outcome import outcome
from guardian.adapters.history.reports import ALL_SITES, qualified, reports
from guardian.desk_ports import NotFoundError, ReportInfo, ReportTable, StoreUnavailableError

TIMEOUT_S: Final = 60.0
MOST_BYTES: Final = 20_000_000_000
"""What one report may read: a query that would cost more is refused."""


class BigQueryReports:
    """`Reports` over a dataset. The client is the caller's. For many threads."""

    def __init__(self, client: Client, dataset: str, *, most_bytes: int | None = MOST_BYTES) -> None:
        """dataset: "project.dataset"."""
        self._client = client
        self._dataset = dataset
        self._most_bytes = most_bytes

    def list(self) -> list[ReportInfo]:
        """See the port."""
        return [
            ReportInfo(report.name, report.title, report.description, report.days)
            for report in reports().values()
        ]

    def run(self, name: str, site: str | None, since: datetime, until: datetime) -> ReportTable:
        """See the port."""
        report = reports().get(name)
        if report is None:
            raise NotFoundError(name)
        config: dict[str, Any] = {
            "query_parameters": [
                ScalarQueryParameter("site", "STRING", site or ALL_SITES),
                ScalarQueryParameter("since", "TIMESTAMP", since),
                ScalarQueryParameter("until", "TIMESTAMP", until),
            ],
        }
        if self._most_bytes is not None:
            config["maximum_bytes_billed"] = self._most_bytes
        try:
            found = self._client.query_and_wait(
                qualified(report.sql, self._dataset),
                job_config=QueryJobConfig(**config),
                wait_timeout=TIMEOUT_S,
                api_timeout=TIMEOUT_S,
                retry=DEFAULT_RETRY.with_timeout(TIMEOUT_S),
                job_retry=None,  # type: ignore[arg-type]  # the annotation forgets it
            )
            columns = [field.name for field in found.schema]
            rows = [list(row.values()) for row in found]
        except (GoogleAPICallError, RetryError, GoogleAuthError, RequestException, TimeoutError) as error:
            raise StoreUnavailableError(f"BigQuery: {type(error).__name__}") from error
        return outcome(report, site, since, until, columns, rows)
