"""The API's settings, from the environment. Each is told in docs/api.md."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardian.runtime.settings import SettingsError

FIRESTORE = "firestore"
_SQLITE = "sqlite:"


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Identity Platform. project: who issues the tokens, and for whom. keys: a file of public keys instead of
    Google's own, for places that cannot reach them."""

    project: str
    keys: Path | None = None


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """store: FIRESTORE, or the path of the SQLite file that the engine writes.

    identity: None with SQLite, where users are kept beside the store. site_settings, catalogue: as the
    engine's. database: Firestore's. dashboard: folder of the built dashboard. qr_key: file of the private
    keys that product codes are signed with. threads: requests at a time, each live stream holding one.
    streams: live streams at a time. stop_s: for finishing what is under way when told to stop.
    """

    store: str | Path
    identity: IdentitySettings | None = None
    site_settings: Path | None = None
    catalogue: Path | None = None
    project: str | None = None
    database: str | None = None
    dashboard: Path | None = None
    qr_key: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 48
    streams: int = 32
    stop_s: int = 5

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def api_settings(environment: Mapping[str, str]) -> ApiSettings:
    """The settings. Raises SettingsError, naming the variable."""
    store = _store(environment)
    defaults = ApiSettings(store=store)
    threads = _number(environment, "GUARDIAN_THREADS", defaults.threads, 2, 1_000)
    streams = _number(environment, "GUARDIAN_STREAMS", min(defaults.streams, threads - 1), 1, 999)
    if streams >= threads:
        raise SettingsError(
            f"GUARDIAN_STREAMS: each holds a thread, so fewer than GUARDIAN_THREADS ({threads}) are possible"
        )
    return ApiSettings(
        store=store,
        identity=_identity(environment) if store == FIRESTORE else None,
        site_settings=_path(environment, "GUARDIAN_SETTINGS"),
        catalogue=_path(environment, "GUARDIAN_CATALOG"),
        project=environment.get("GOOGLE_CLOUD_PROJECT") or None,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or None,
        dashboard=_path(environment, "GUARDIAN_DASHBOARD"),
        qr_key=_path(environment, "GUARDIAN_QR_KEY"),
        host=environment.get("GUARDIAN_HOST") or defaults.host,
        port=_number(environment, "PORT", defaults.port, 1, 65_535),
        threads=threads,
        streams=streams,
        stop_s=_number(environment, "GUARDIAN_STOP_S", defaults.stop_s, 1, 600),
    )


def _store(environment: Mapping[str, str]) -> str | Path:
    text = environment.get("GUARDIAN_STORE", "")
    if text == FIRESTORE:
        return FIRESTORE
    path = text.removeprefix(_SQLITE)
    if text.startswith(_SQLITE) and path:
        return Path(path)
    raise SettingsError(f"GUARDIAN_STORE: expected {FIRESTORE} or {_SQLITE}PATH, found {text!r}")


def _identity(environment: Mapping[str, str]) -> IdentitySettings:
    project = environment.get("GUARDIAN_IDENTITY_PROJECT") or environment.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise SettingsError("GUARDIAN_IDENTITY_PROJECT: the project whose users may log in is needed")
    return IdentitySettings(project=project, keys=_path(environment, "GUARDIAN_IDENTITY_KEYS"))


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise SettingsError(f"{name}: expected a number from {least} to {most}, found {text!r}")
    return int(text)
