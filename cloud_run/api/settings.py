"""The API's settings, from the environment. Each is told in docs/api.md."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardian.runtime.dashboard_pages import dashboard_pages
from guardian.runtime.settings import SettingsError

FIRESTORE = "firestore"
_SQLITE = "sqlite:"
DEFAULT_DATABASE = "(default)"
AUTH_EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
FIRESTORE_EMULATOR = "FIRESTORE_EMULATOR_HOST"
"""As Google's own libraries call them: "host:port"."""
_ADDRESS = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]):([0-9]{1,5})")
_DATASET = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]\.[A-Za-z0-9_]{1,1024}")
_API_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")


class IdentitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Identity Platform. project: who issues the tokens, and for whom. keys: a file of public keys instead of
    Google's own, for places that cannot reach them. emulator: "host:port" of the Auth emulator, whose tokens
    anybody can make; only there where nobody but this machine can reach anything of it."""

    project: str
    keys: Path | None = None
    emulator: str | None = None


class FirebaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard needs to log people in and to watch Firestore itself. Nothing of it is secret.

    api_key: says which project it is, and lets nobody do anything. auth_emulator, firestore_emulator:
    "host:port" of what is there instead of Google.
    """

    project: str
    api_key: str
    database: str = DEFAULT_DATABASE
    auth_emulator: str | None = None
    firestore_emulator: str | None = None


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """store: FIRESTORE, or the path of the SQLite file that the engine writes.

    identity: None with SQLite, where users are kept beside the store. firebase: None with SQLite, and
    where no dashboard is to be served. site_settings, catalogue: as the engine's. database: Firestore's.
    dashboard: folder of the built dashboard. qr_key: file of the private keys that product codes are
    signed with. history: folder of the embedded history, bigquery: dataset of the one in the
    cloud ("project.dataset"), for reports. threads: requests at a time, each live stream holding one.
    streams: live streams at a time. stop_s: for finishing what is under way when told to stop. proxies:
    how many in front of it tell truly whom they ask for. stop_with_input: stops when its standard input
    ends, which whoever started it holds open.
    """

    store: str | Path
    identity: IdentitySettings | None = None
    firebase: FirebaseSettings | None = None
    site_settings: Path | None = None
    catalogue: Path | None = None
    project: str | None = None
    database: str | None = None
    dashboard: Path | None = None
    qr_key: Path | None = None
    history: Path | None = None
    bigquery: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    threads: int = 48
    streams: int = 32
    stop_s: int = 5
    proxies: int = 0
    stop_with_input: bool = False

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)


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
    identity = _identity(environment) if store == FIRESTORE else None
    return ApiSettings(
        store=store,
        identity=identity,
        firebase=None if identity is None else _firebase(environment, identity),
        site_settings=_path(environment, "GUARDIAN_SETTINGS"),
        catalogue=_path(environment, "GUARDIAN_CATALOG"),
        project=environment.get("GOOGLE_CLOUD_PROJECT") or None,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or None,
        dashboard=dashboard_pages(environment),
        qr_key=_path(environment, "GUARDIAN_QR_KEY"),
        history=_path(environment, "GUARDIAN_HISTORY") if store != FIRESTORE else None,
        bigquery=_bigquery(environment) if store == FIRESTORE else None,
        host=environment.get("GUARDIAN_HOST") or defaults.host,
        port=_number(environment, "PORT", defaults.port, 1, 65_535),
        threads=threads,
        streams=streams,
        stop_s=_number(environment, "GUARDIAN_STOP_S", defaults.stop_s, 1, 600),
        proxies=_number(environment, "GUARDIAN_PROXIES", defaults.proxies, 0, 10),
        stop_with_input=_number(environment, "GUARDIAN_STOP_WITH_INPUT", 0, 0, 1) == 1,
    )


def _store(environment: Mapping[str, str]) -> str | Path:
    text = environment.get("GUARDIAN_STORE", "")
    if text == FIRESTORE:
        return FIRESTORE
    path = text.removeprefix(_SQLITE)
    if text.startswith(_SQLITE) and path:
        return Path(path)
    raise SettingsError(f"GUARDIAN_STORE: expected {FIRESTORE} or {_SQLITE}PATH, found {text!r}")


def _bigquery(environment: Mapping[str, str]) -> str | None:
    text = environment.get("GUARDIAN_BIGQUERY", "")
    if text and not _DATASET.fullmatch(text):
        raise SettingsError(f"GUARDIAN_BIGQUERY: expected PROJECT.DATASET, found {text!r}")
    return text or None


def _identity(environment: Mapping[str, str]) -> IdentitySettings:
    project = environment.get("GUARDIAN_IDENTITY_PROJECT") or environment.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        raise SettingsError("GUARDIAN_IDENTITY_PROJECT: the project whose users may log in is needed")
    return IdentitySettings(
        project=project,
        keys=_path(environment, "GUARDIAN_IDENTITY_KEYS"),
        emulator=_auth_emulator(environment),
    )


def _auth_emulator(environment: Mapping[str, str]) -> str | None:
    """The Auth emulator, if everything is on this machine and nothing of it is real."""
    emulator = _address(environment, AUTH_EMULATOR)
    if emulator is None:
        return None
    firestore = _address(environment, FIRESTORE_EMULATOR)
    if firestore is None:
        raise SettingsError(
            f"{AUTH_EMULATOR}: anybody can make its tokens, so it is for use with {FIRESTORE_EMULATOR} alone"
        )
    hosts = {
        AUTH_EMULATOR: emulator.rpartition(":")[0],
        FIRESTORE_EMULATOR: firestore.rpartition(":")[0],
        "GUARDIAN_HOST": environment.get("GUARDIAN_HOST") or "127.0.0.1",
    }
    for name, host in hosts.items():
        if not _is_loopback(host):
            raise SettingsError(f"{name}: with {AUTH_EMULATOR} it must be on this machine, found {host!r}")
    return emulator


def _firebase(environment: Mapping[str, str], identity: IdentitySettings) -> FirebaseSettings | None:
    name = "GUARDIAN_FIREBASE_API_KEY"
    key = environment.get(name) or ("emulator" if identity.emulator else "")
    if not key:
        if environment.get("GUARDIAN_DASHBOARD"):
            raise SettingsError(f"{name}: the dashboard logs people in with it")
        return None
    if not _API_KEY.fullmatch(key):
        raise SettingsError(f"{name}: expected letters and digits, - and _")
    project = environment.get("GOOGLE_CLOUD_PROJECT") or identity.project
    if project != identity.project:
        raise SettingsError(
            f"GUARDIAN_IDENTITY_PROJECT: the dashboard reads Firestore with tokens of its project, {project}"
        )
    return FirebaseSettings(
        project=project,
        api_key=key,
        database=environment.get("GUARDIAN_FIRESTORE_DATABASE") or DEFAULT_DATABASE,
        auth_emulator=identity.emulator,
        firestore_emulator=_address(environment, FIRESTORE_EMULATOR),
    )


def _address(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name, "")
    if not text:
        return None
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) < 65_536:
        raise SettingsError(f"{name}: expected host:port, found {text!r}")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise SettingsError(f"{name}: expected a number from {least} to {most}, found {text!r}")
    return int(text)
