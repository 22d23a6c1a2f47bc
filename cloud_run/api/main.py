"""Entry point of the operator's API: settings from the environment, one gunicorn process with threads.

python -m cloud_run.api.main
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from cloud_run.api.access_tokens import AccessTokens
from cloud_run.api.app import create_app
from cloud_run.api.identity import IdentityTokens
from cloud_run.api.live import Live
from cloud_run.api.metrics import Metrics
from cloud_run.api.parts import Accounts, Parts, Records
from cloud_run.api.security import Authenticator
from cloud_run.api.settings import DEFAULT_DATABASE, ApiSettings, IdentitySettings, api_settings
from cloud_run.serving import logs
from cloud_run.serving.lifetime import stop_with_input
from guardian.adapters.embedded.desk import SqliteDesk
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.adapters.embedded.event_log import SqliteEventLog, event_log_path
from guardian.adapters.embedded.jobs import SqliteJobs
from guardian.adapters.embedded.rows import SqliteRows
from guardian.adapters.embedded.sqlite_store import SchemaError
from guardian.adapters.embedded.users import Users
from guardian.desk_ports import AlertDesk, EventLog, Reports, StoreUnavailableError
from guardian.runtime.composition import load_catalogue, site_zone
from guardian.runtime.settings import Settings, SettingsError, load_settings
from guardian.runtime.struct_types import learn_struct_types

EMBEDDED_LOOK_S = 0.25
"""Seconds between two looks for changes in a file on this machine."""
CLOUD_LOOK_S = 1.0
"""The same over the network, where each look is a request."""

log = structlog.get_logger("api")


class Api:
    """Everything of one process: the desk, its users, and the app in front."""

    def __init__(self, settings: ApiSettings) -> None:
        """Opens it. Raises SettingsError."""
        site = load_settings(settings.site_settings)
        catalogue = load_catalogue(settings.catalogue)
        self._held = ExitStack()
        desk: AlertDesk
        accounts = None
        event_log: EventLog | None = None
        authenticator: Authenticator
        if isinstance(settings.store, Path):
            try:
                file = DeskFile(settings.store)
            except (SchemaError, StoreUnavailableError) as error:
                raise SettingsError(f"GUARDIAN_STORE: {error}") from error
            self._held.callback(file.close)
            users = Users(file)
            tokens = AccessTokens(users, time.time)
            desk, authenticator, accounts = SqliteDesk(file), tokens, Accounts(users, tokens)
            event_log = SqliteEventLog(event_log_path(settings.store))
            records = Records(rows=SqliteRows(file, site.site), jobs=SqliteJobs(file), site=site)
        else:
            desk, records = _cloud(settings, site)
            authenticator = _identity(settings.identity, settings.database)
            event_log = _events(settings)
        look_s = EMBEDDED_LOOK_S if isinstance(settings.store, Path) else CLOUD_LOOK_S
        learn_struct_types()
        self.live = Live(desk, streams=settings.streams, every_s=look_s)
        metrics = Metrics()
        metrics.watch_streams(lambda: float(self.live.open))
        self.app: Flask = create_app(
            Parts(
                settings=settings,
                desk=desk,
                authenticator=authenticator,
                accounts=accounts,
                metrics=metrics,
                live=self.live,
                catalogue=catalogue,
                zone=site_zone(site),
                clock=time.time,
                event_log=event_log,
                records=records,
                reports=_reports(settings),
            )
        )
        log.info("api_started", embedded=accounts is not None)

    def close(self) -> None:
        """Releases the files."""
        self.live.stop()
        self._held.close()
        log.info("api_stopped")


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn around one `Api`, made in the worker process: connections do not survive a fork."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._api: Api | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings; it reads no file and no command line."""
        settings = self._settings
        for name, value in {
            "bind": f"{settings.host}:{settings.port}",
            "workers": 1,  # live streams and the limits of logging in are counted in one process
            "worker_class": "gthread",
            "threads": settings.threads,
            "preload_app": False,
            "graceful_timeout": settings.stop_s,
            "keepalive": 75,
            "forwarded_allow_ips": "",  # who is in front is said by GUARDIAN_PROXIES
            "control_socket_disable": True,
            "logconfig_dict": logs.logging_settings(),
            "post_worker_init": lambda worker: self._end_streams_first(),
            "worker_exit": lambda server, worker: self.close(),
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in the worker process. Ends it, and the server with it, if the settings cannot be used."""
        try:
            self._api = Api(self._settings)
        except SettingsError as error:
            log.error("settings_unusable", reason=str(error))
            sys.exit(Arbiter.WORKER_BOOT_ERROR)  # else it would be started again and again
        return self._api.app

    def close(self) -> None:
        """Called in the worker process when every request has been answered, or had its time."""
        if self._api is not None:
            self._api.close()

    def _end_streams_first(self) -> None:
        """Live streams never end by themselves, so SIGTERM has to tell them."""
        before = signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: FrameType | None) -> None:
            if self._api is not None:
                self._api.live.stop()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, stop)


def _cloud(settings: ApiSettings, site: Settings) -> tuple[AlertDesk, Records]:
    from google.cloud.firestore import Client

    from guardian.adapters.google.firestore_desk import FirestoreDesk
    from guardian.adapters.google.firestore_rows import FirestoreJobs, FirestoreRows

    client = Client(project=settings.project, database=settings.database)
    return FirestoreDesk(client), Records(rows=FirestoreRows(client), jobs=FirestoreJobs(client), site=site)


def _reports(settings: ApiSettings) -> Reports | None:
    if settings.history is not None:
        try:
            from guardian.adapters.embedded.history.folder import HistoryFolder
            from guardian.adapters.embedded.history_reports import EmbeddedReports
        except ImportError as error:
            raise SettingsError(f"GUARDIAN_HISTORY needs the extra `reports`: {error}") from None
        return EmbeddedReports(HistoryFolder(settings.history))
    if settings.bigquery is not None:
        from guardian.adapters.google.bigquery_client import bigquery_client
        from guardian.adapters.google.bigquery_reports import BigQueryReports

        return BigQueryReports(bigquery_client(settings.project), settings.bigquery)
    return None


def _events(settings: ApiSettings) -> EventLog | None:
    """What happened around an alert, where there is history to find it in."""
    if settings.bigquery is None:
        return None
    from guardian.adapters.google.bigquery_client import bigquery_client
    from guardian.adapters.google.bigquery_event_log import BigQueryEventLog

    return BigQueryEventLog(bigquery_client(settings.project), settings.bigquery)


def _identity(settings: IdentitySettings | None, database: str | None) -> Authenticator:
    from guardian.adapters.google.identity import IdentityVerifier, identity_keys
    from guardian.adapters.google.identity_emulator import UnsignedTokens
    from guardian.adapters.google.oidc import FixedKeys

    if settings is None:
        raise SettingsError("GUARDIAN_IDENTITY_PROJECT: the project whose users may log in is needed")
    if settings.emulator is not None:
        log.warning("tokens_are_not_verified", emulator=settings.emulator)
        return IdentityTokens(UnsignedTokens(settings.project), database or DEFAULT_DATABASE)
    try:
        keys = identity_keys() if settings.keys is None else FixedKeys.from_file(settings.keys)
    except (OSError, ValueError) as error:
        raise SettingsError(f"GUARDIAN_IDENTITY_KEYS: {error}") from error
    return IdentityTokens(IdentityVerifier(keys, settings.project), database or DEFAULT_DATABASE)


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs until SIGTERM or SIGINT. Returns 2, or ends with 3, when the settings cannot be used."""
    logs.configure()
    try:
        settings = api_settings(environment)
        load_settings(settings.site_settings)
    except SettingsError as error:
        log.error("settings_unusable", reason=str(error))
        return 2
    if settings.stop_with_input:
        stop_with_input(settings.stop_s + 10)
    Server(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
