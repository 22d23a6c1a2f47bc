"""Entry point of the correlator: settings from the environment, one gunicorn process with threads.

python -m cloud_run.correlator.main
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from cloud_run.correlator.app import Parts, create_app
from cloud_run.correlator.metrics import Metrics
from cloud_run.correlator.settings import CorrelatorSettings, OidcSettings, correlator_settings
from cloud_run.serving import logs
from guardian.adapters.google.oidc import FixedKeys, GoogleKeys, TokenVerifier
from guardian.runtime.part import PartProcess
from guardian.runtime.settings import SettingsError, load_settings
from guardian.runtime.struct_types import learn_struct_types

log = structlog.get_logger("correlator")


class Correlator:
    """Everything of one process: the part, and the app in front."""

    def __init__(self, settings: CorrelatorSettings) -> None:
        """Starts it. Raises SettingsError."""
        verifier = None if settings.oidc is None else _verifier(settings.oidc)
        self._process = process = PartProcess(settings.part)
        metrics = Metrics()
        metrics.watch(process)
        self.app: Flask = create_app(
            Parts(
                grouping=process.grouping,
                store=process.store,
                record=process.record,
                tick=process.tick,
                metrics=metrics,
                verifier=verifier,
                answer_s=settings.part.answer_s,
            )
        )
        learn_struct_types()
        process.start(metrics.done)
        log.info(
            "correlator_started",
            site=process.site,
            worker=settings.part.worker,
            part=settings.part.part or "all",
            verified=verifier is not None,
            relaying=process.relay is not None,
        )

    def close(self) -> None:
        """Takes no more requests, commits those that wait, and releases the store."""
        if self._process.close():
            log.info("correlator_stopped")
        else:
            log.error("correlator_stopped_in_a_commit")


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn around one `Correlator`, made in the worker process: connections do not survive a fork."""

    def __init__(self, settings: CorrelatorSettings) -> None:
        self._settings = settings
        self._correlator: Correlator | None = None
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's settings; it reads no file and no command line."""
        settings = self._settings
        for name, value in {
            "bind": f"{settings.host}:{settings.port}",
            "workers": 1,  # the worker's states live in its process
            "worker_class": "gthread",
            "threads": settings.threads,
            "preload_app": False,
            "graceful_timeout": settings.part.stop_s,
            "keepalive": 75,
            "limit_request_fields": 200,  # an unwrapped message has its attributes there
            "control_socket_disable": True,
            "logconfig_dict": logs.logging_settings(),
            "worker_exit": lambda server, worker: self.close(),
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called in the worker process. Ends it, and the server with it, if the settings cannot be used."""
        try:
            self._correlator = Correlator(self._settings)
        except SettingsError as error:
            log.error("settings_unusable", reason=str(error))
            sys.exit(Arbiter.WORKER_BOOT_ERROR)  # else it would be started again and again
        return self._correlator.app

    def close(self) -> None:
        """Called in the worker process when every request has been answered, or had its time."""
        if self._correlator is not None:
            self._correlator.close()


def _verifier(oidc: OidcSettings) -> TokenVerifier:
    try:
        keys = GoogleKeys() if oidc.keys is None else FixedKeys.from_file(oidc.keys)
    except (OSError, ValueError) as error:
        raise SettingsError(f"GUARDIAN_OIDC_KEYS: {error}") from error
    return TokenVerifier(keys, oidc.audience, oidc.emails)


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs until SIGTERM or SIGINT. Returns 2, or ends with 3, when the settings cannot be used."""
    logs.configure()
    try:
        settings = correlator_settings(environment)
        load_settings(settings.part.site_settings)
    except SettingsError as error:
        log.error("settings_unusable", reason=str(error))
        return 2
    Server(settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
