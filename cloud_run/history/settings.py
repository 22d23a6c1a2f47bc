"""The settings of the service that keeps history, from the environment. Each is told in docs/history.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from guardian.adapters.google.event_history import LEASE_S
from guardian.runtime.part import number_setting, path_setting
from guardian.runtime.settings import SettingsError

DATASET: Final = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]\.[A-Za-z0-9_]{1,1024}")
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}|")


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """project: whose Pub/Sub and Firestore. dataset: "project.dataset" of BigQuery. prefix: before the names
    of subscriptions. follow_s: between two looks into Firestore; 0: none. lease_s: how late
    messages come again whose holder was killed. stop_s: for finishing what is under way when told to stop.
    """

    project: str
    dataset: str
    database: str | None = None
    prefix: str = ""
    site_settings: Path | None = None
    catalogue: Path | None = None
    follow_s: float = 30.0
    lease_s: int = LEASE_S
    host: str = "0.0.0.0"  # noqa: S104 - a container's port; it tells counts, and takes nothing
    port: int = 8080
    stop_s: int = 9


def history_settings(environment: Mapping[str, str]) -> HistorySettings:
    """The settings. Raises SettingsError, naming the variable."""
    project = environment.get("GOOGLE_CLOUD_PROJECT", "")
    if not project:
        raise SettingsError("GOOGLE_CLOUD_PROJECT: missing; whose Pub/Sub and Firestore it is")
    dataset = environment.get("GUARDIAN_BIGQUERY", "")
    if not DATASET.fullmatch(dataset):
        raise SettingsError(f"GUARDIAN_BIGQUERY: expected PROJECT.DATASET, found {dataset!r}")
    prefix = environment.get("GUARDIAN_PUBSUB_PREFIX", "")
    if not _PREFIX.fullmatch(prefix):
        raise SettingsError(f"GUARDIAN_PUBSUB_PREFIX: expected letters, digits and dashes, found {prefix!r}")
    return HistorySettings(
        project=project,
        dataset=dataset,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or None,
        prefix=prefix,
        site_settings=path_setting(environment, "GUARDIAN_SETTINGS"),
        catalogue=path_setting(environment, "GUARDIAN_CATALOG"),
        follow_s=number_setting(environment, "GUARDIAN_HISTORY_FOLLOW_MS", 30_000, 0, 3_600_000) / 1000,
        lease_s=number_setting(environment, "GUARDIAN_HISTORY_LEASE_S", LEASE_S, 35, 600),
        host=environment.get("GUARDIAN_HOST") or "0.0.0.0",  # noqa: S104
        port=number_setting(environment, "PORT", 8080, 1, 65_535),
        stop_s=number_setting(environment, "GUARDIAN_STOP_S", 9, 1, 600),
    )
