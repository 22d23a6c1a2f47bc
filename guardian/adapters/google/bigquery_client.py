"""The connection to BigQuery, for those who write and those who ask."""

from __future__ import annotations

import os

from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client


def bigquery_client(project: str | None) -> Client:
    """A client. BIGQUERY_EMULATOR_HOST: an emulator's address, which gets no credentials; else Google.

    Raises google.auth.exceptions.DefaultCredentialsError.
    """
    # The library looks at the variable as well, but wants credentials nevertheless.
    anonymous = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None  # type: ignore[no-untyped-call]
    return Client(project, credentials=anonymous)
