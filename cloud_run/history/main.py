"""Entry point of the service that keeps history: Pub/Sub and Firestore → BigQuery. Settings: docs/history.md.

python -m cloud_run.history.main
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import structlog
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError

from cloud_run.history.rows import UNUSABLE, EventRows
from cloud_run.history.settings import HistorySettings, history_settings
from cloud_run.history.status import Counts, serve
from guardian.adapters.google.bigquery_client import bigquery_client
from guardian.adapters.google.bigquery_writer import BigQueryWriter
from guardian.adapters.google.event_history import EventHistory, HistoryRow
from guardian.adapters.google.firestore_history import FirestoreHistory
from guardian.adapters.google.pubsub_puller import PubSubPuller
from guardian.adapters.publishing import UnavailableError, pause_s
from guardian.adapters.pulling import Pulled
from guardian.events.topics import TOPICS
from guardian.runtime.composition import load_catalogue, site_zone
from guardian.runtime.json_logs import log_as_json
from guardian.runtime.settings import Settings, SettingsError, load_settings
from guardian.runtime.struct_types import learn_struct_types

SUFFIX: Final = "-history"
"""Of a topic's subscription."""
QUARANTINE: Final = "quarantine"
"""The topic of what others could not carry."""
STALLED_AFTER_S: Final = 120.0
"""A loop that has not gone round for so long, nor asked for anything, hangs."""
AWAY_S: Final = 10.0
"""What fails for so long is not ready."""
MOST_BYTES: Final = 24_000_000
"""Of messages in one answer. A message may have ten million."""

log = structlog.get_logger("history")


class Following:
    """Follows Firestore until it is told to stop. What goes wrong there holds up nothing else."""

    def __init__(self, settings: HistorySettings, site: Settings) -> None:
        """Raises SettingsError, GoogleAuthError."""
        from google.cloud.firestore import Client

        self.turned = time.monotonic()
        self.failures = 0
        self._every_s = settings.follow_s
        self.history = FirestoreHistory(
            Client(project=settings.project, database=settings.database),
            BigQueryWriter(bigquery_client(settings.project), settings.dataset, attempts=1),
            site.site,
            site_zone(site),
            load_catalogue(settings.catalogue),
            alive=self._turn,
        )

    def run(self, stop: threading.Event) -> None:
        """Goes round and round."""
        wait_s = 0.0
        while not stop.wait(wait_s):
            self._turn()
            try:
                self.history.follow(stop.is_set)
            except (GoogleAPICallError, RetryError, GoogleAuthError, UnavailableError) as error:
                self.failures += 1
                wait_s = max(self._every_s, pause_s(self.failures))
                log.warning("history_not_followed", error=type(error).__name__, reason=str(error)[:200])
            else:
                self.failures, wait_s = 0, self._every_s
            while wait_s > STALLED_AFTER_S / 2 and not stop.wait(STALLED_AFTER_S / 2):
                self._turn()
                wait_s -= STALLED_AFTER_S / 2

    def _turn(self) -> None:
        self.turned = time.monotonic()


class History:
    """Everything of one process: a thread for each subscription, and one that follows Firestore."""

    def __init__(self, settings: HistorySettings) -> None:
        """Starts it. Raises SettingsError, GoogleAuthError."""
        site = load_settings(settings.site_settings)
        site_zone(site)
        self._stop_s = settings.stop_s
        self._stop = threading.Event()
        self._died = False
        self._pullers: list[PubSubPuller] = []
        self._events: dict[str, EventHistory] = {}
        for topic in TOPICS:
            self._events[topic] = self._stream(settings, topic, partial(EventRows(site).of, topic))
        self._events[QUARANTINE] = self._stream(settings, QUARANTINE, EventRows(site).of_quarantined)
        self._following = Following(settings, site) if settings.follow_s else None
        runs: dict[str, Callable[[threading.Event], None]] = {
            stream: events.run for stream, events in self._events.items()
        }
        if self._following is not None:
            runs["follow"] = self._following.run
        self._threads = [
            threading.Thread(target=self._run, args=(run,), name=name, daemon=True)
            for name, run in runs.items()
        ]
        learn_struct_types()
        for thread in self._threads:
            thread.start()

    def counts(self) -> Counts:
        """For Prometheus."""
        followed = None if self._following is None else self._following.history.status
        return Counts({stream: events.status for stream, events in self._events.items()}, followed)

    def alive(self) -> bool:
        """Whether every loop goes round, be it in vain."""
        turned = [events.status.turned for events in self._events.values()]
        if self._following is not None:
            turned.append(self._following.turned)
        return not self._died and time.monotonic() - min(turned) < STALLED_AFTER_S

    def ready(self) -> bool:
        """Whether everything that is needed answers."""
        now = time.monotonic()
        away = [events.status.away for events in self._events.values()]
        failures = 0 if self._following is None else self._following.failures
        return self.alive() and failures < 2 and not any(one and now - one > AWAY_S for one in away)

    def wait(self, stop: threading.Event) -> None:
        """Returns when it is to stop, or a thread has died."""
        while not stop.wait(1.0):
            if self._died:
                return

    def close(self) -> bool:
        """Finishes what is under way. False: that took too long, or something has died."""
        self._stop.set()
        deadline = time.monotonic() + self._stop_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        done = not any(thread.is_alive() for thread in self._threads)
        for puller in self._pullers:
            puller.close()
        return done and not self._died

    def _stream(
        self, settings: HistorySettings, topic: str, row_of: Callable[[Pulled], HistoryRow | None]
    ) -> EventHistory:
        name = f"{settings.prefix}{topic}{SUFFIX}"
        puller = PubSubPuller(settings.project, name, most_bytes=MOST_BYTES)
        self._pullers.append(puller)
        writer = BigQueryWriter(bigquery_client(settings.project), settings.dataset, attempts=1)
        return EventHistory(puller, writer, row_of, topic, unusable=UNUSABLE, lease_s=settings.lease_s)

    def _run(self, run: Callable[[threading.Event], None]) -> None:
        try:
            run(self._stop)
        except BaseException as error:
            # Not raised: its text may quote what was sent. Whoever watches starts another process.
            log.critical("history_died", stream=threading.current_thread().name, error=type(error).__name__)
            self._died = True


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs until SIGTERM or SIGINT. Returns 2 when the settings cannot be used, 1 when a thread has died."""
    log_as_json()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = history_settings(environment)
        history = History(settings)
    except (SettingsError, GoogleAuthError) as error:
        log.error("settings_unusable", reason=str(error))
        return 2
    server = serve((settings.host, settings.port), history.counts(), history.alive, history.ready)
    log.info("history_started", project=settings.project, dataset=settings.dataset, streams=len(TOPICS))
    history.wait(stop)
    done = history.close()
    server.shutdown()
    log.info("history_stopped", done=done)
    return 0 if stop.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
