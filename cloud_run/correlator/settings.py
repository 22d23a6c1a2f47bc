"""The correlator's settings, from the environment. Each is told in docs/correlator.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardian.runtime.grouping import GroupLimits
from guardian.runtime.settings import SettingsError

FIRESTORE = "firestore"
_SQLITE = "sqlite:"


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """audience: what tokens must be made for. emails: who may call. keys: a file of public keys instead of
    Google's own, for places that cannot reach them."""

    audience: str
    emails: tuple[str, ...]
    keys: Path | None = None


class CorrelatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """store: FIRESTORE, or the path of an SQLite file. oidc: None means that anybody may call.

    worker: names whose watermark it is, where several share a store. threads: requests at a time.
    answer_s: a request that has waited so long for its commit is told to come again.
    stop_s: for finishing what is under way when the process is told to stop.
    """

    store: str | Path
    oidc: OidcSettings | None
    site_settings: Path | None = None
    catalogue: Path | None = None
    project: str | None = None
    database: str | None = None
    worker: str = "correlator"
    host: str = "0.0.0.0"  # noqa: S104 - a container's port; who may call is checked
    port: int = 8080
    threads: int = 100
    answer_s: float = 50.0
    stop_s: int = 9
    limits: GroupLimits = GroupLimits()


def correlator_settings(environment: Mapping[str, str]) -> CorrelatorSettings:
    """The settings. Raises SettingsError, naming the variable."""
    defaults = CorrelatorSettings(store="", oidc=None)
    limits = defaults.limits
    return CorrelatorSettings(
        store=_store(environment),
        oidc=_oidc(environment),
        site_settings=_path(environment, "GUARDIAN_SETTINGS"),
        catalogue=_path(environment, "GUARDIAN_CATALOG"),
        project=environment.get("GOOGLE_CLOUD_PROJECT") or None,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or None,
        worker=environment.get("GUARDIAN_WORKER") or defaults.worker,
        host=environment.get("GUARDIAN_HOST") or defaults.host,
        port=_number(environment, "PORT", defaults.port, 1, 65_535),
        threads=_number(environment, "GUARDIAN_THREADS", defaults.threads, 1, 1_000),
        stop_s=_number(environment, "GUARDIAN_STOP_S", defaults.stop_s, 1, 600),
        limits=GroupLimits(
            most_records=_number(environment, "GUARDIAN_GROUP_RECORDS", limits.most_records, 1, 10_000),
            most_wait_s=_number(environment, "GUARDIAN_GROUP_WAIT_MS", 5, 0, 10_000) / 1000,
            most_waiting=_number(environment, "GUARDIAN_MOST_WAITING", limits.most_waiting, 1, 1_000_000),
        ),
    )


def _store(environment: Mapping[str, str]) -> str | Path:
    text = environment.get("GUARDIAN_STORE", "")
    if text == FIRESTORE:
        return FIRESTORE
    path = text.removeprefix(_SQLITE)
    if text.startswith(_SQLITE) and path:
        return Path(path)
    raise SettingsError(f"GUARDIAN_STORE: expected {FIRESTORE} or {_SQLITE}PATH, found {text!r}")


def _oidc(environment: Mapping[str, str]) -> OidcSettings | None:
    """Nobody gets in unseen by mistake: without an audience and callers it must be said to be off."""
    switch = environment.get("GUARDIAN_OIDC", "")
    audience = environment.get("GUARDIAN_OIDC_AUDIENCE", "")
    emails = tuple(
        email for one in environment.get("GUARDIAN_OIDC_EMAILS", "").split(",") if (email := one.strip())
    )
    if switch not in {"", "off"}:
        raise SettingsError(f"GUARDIAN_OIDC: expected off or nothing, found {switch!r}")
    if switch == "off":
        if audience or emails:
            raise SettingsError("GUARDIAN_OIDC: is off, but GUARDIAN_OIDC_AUDIENCE or _EMAILS is set")
        return None
    if not audience or not emails:
        raise SettingsError(
            "GUARDIAN_OIDC_AUDIENCE and GUARDIAN_OIDC_EMAILS: both are needed, or GUARDIAN_OIDC=off"
        )
    return OidcSettings(audience=audience, emails=emails, keys=_path(environment, "GUARDIAN_OIDC_KEYS"))


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise SettingsError(f"{name}: expected a number from {least} to {most}, found {text!r}")
    return int(text)
