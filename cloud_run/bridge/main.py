"""Entry point of the bridge: Kafka topics → Pub/Sub topics, and alerts back. Settings: docs/bridge.md."""

from __future__ import annotations

import http.server
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from guardian.adapters.google.pubsub_publisher import PubSubPublisher
from guardian.adapters.google.pubsub_puller import PubSubPuller
from guardian.adapters.kafka.alert_publisher import KafkaAlertPublisher
from guardian.adapters.kafka.alerts_back import WRITE_TIMEOUT_S, AlertsBack
from guardian.adapters.kafka.bridge import Bridge, BridgeLimits, consumer
from guardian.adapters.kafka.settings import KafkaSettings, KafkaSettingsError, kafka_settings
from guardian.adapters.kafka.values import value_reader
from guardian.adapters.publishing import Publisher
from guardian.events.topics import TOPICS
from guardian.runtime.json_logs import log_as_json
from guardian.runtime.struct_types import learn_struct_types

STALLED_AFTER_S: Final = 60.0
"""A loop that has not gone round for so long hangs."""
STATUS_TIMEOUT_S: Final = 5.0
ALERTS_STOP_S: Final = 5.0
"""How long the alerts under way are waited for; Cloud Run gives ten seconds in all."""

log = structlog.get_logger("bridge")


class AlertsThread:
    """Alerts back to Kafka, in a thread beside the bridge."""

    def __init__(
        self,
        subscription: str,
        project: str,
        kafka: KafkaSettings,
        publisher: Publisher,
        stop: threading.Event,
    ) -> None:
        """Starts it. publisher: for what goes to quarantine. stop: tells it when to end."""
        self._puller = PubSubPuller(project, subscription)
        self._records = KafkaAlertPublisher(kafka, timeout_s=WRITE_TIMEOUT_S)
        self._back = AlertsBack(self._puller, self._records, publisher, subscription)
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="alerts-back", daemon=True)
        self._thread.start()

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether it works, and its counts."""
        turned_s = time.monotonic() - self._back.status.turned
        alive = self._thread.is_alive()
        counts = msgspec.structs.asdict(self._back.status)
        return alive and turned_s < STALLED_AFTER_S, {
            **counts,
            "turned": f"{turned_s:.3f} s ago",
            "alive": alive,
        }

    def close(self) -> None:
        """Waits for what is under way, for a while. What is not acknowledged then comes again."""
        self._stop.set()
        self._thread.join(ALERTS_STOP_S)
        self._records.close()  # ends an attempt that is still under way
        self._thread.join(1.0)
        self._puller.close()

    def _run(self) -> None:
        try:
            self._back.run(self._stop)
        except BaseException as error:
            log.critical("alerts_back_died", error=type(error).__name__)
            raise


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs until SIGTERM or SIGINT. Returns 2 when the settings cannot be used."""
    log_as_json()
    try:
        kafka = kafka_settings(environment)
        project = _required(environment, "GOOGLE_CLOUD_PROJECT")
        limits = BridgeLimits(
            most_records=_number(environment, "GUARDIAN_BRIDGE_MOST_RECORDS", 10_000),
            most_bytes=_number(environment, "GUARDIAN_BRIDGE_MOST_BYTES", 64_000_000),
        )
        port = _number(environment, "PORT", 0)
    except KafkaSettingsError as error:
        log.error("settings_unusable", reason=str(error))
        return 2
    publisher = PubSubPublisher(project, prefix=environment.get("GUARDIAN_PUBSUB_PREFIX", ""))
    group = environment.get("GUARDIAN_KAFKA_GROUP") or "business-guardian-bridge"
    bridge = Bridge(
        consumer(kafka, group), publisher, value_reader(kafka.registry), list(TOPICS), limits=limits
    )
    subscription = environment.get("GUARDIAN_ALERTS_SUBSCRIPTION")
    stop = threading.Event()
    learn_struct_types()
    alerts = AlertsThread(subscription, project, kafka, publisher, stop) if subscription else None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    host = environment.get("GUARDIAN_HOST") or ""
    status = _serve_status(bridge, alerts, (host, port)) if port else None
    log.info("bridge_started", group=group, project=project, topics=len(TOPICS), alerts=bool(alerts))
    try:
        bridge.run(stop)
    finally:
        if alerts is not None:
            alerts.close()
        if status is not None:
            status.shutdown()
        publisher.close()
    log.info("bridge_stopped", read=bridge.status.read, bridged=bridge.status.bridged)
    return 0


def _serve_status(
    bridge: Bridge, alerts: AlertsThread | None, address: tuple[str, int]
) -> http.server.ThreadingHTTPServer:
    """Answers /healthz: 200 while the loops go round, else 503; and the counts, which are no secret."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = STATUS_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path != "/healthz":
                self.send_error(404)
                return
            turned_s = time.monotonic() - bridge.status.turned
            counts = msgspec.structs.asdict(bridge.status)
            counts["turned"] = f"{turned_s:.3f} s ago"
            sound = turned_s < STALLED_AFTER_S
            if alerts is not None:
                alerts_sound, counts["alerts"] = alerts.health()
                sound = sound and alerts_sound
            body = json.dumps(counts).encode()
            self.send_response(200 if sound else 503)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Health checks are not worth a line."""

    server = http.server.ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server


def _required(environment: Mapping[str, str], name: str) -> str:
    if not (value := environment.get(name)):
        raise KafkaSettingsError(f"{name}: missing")
    return value


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit()):
        raise KafkaSettingsError(f"{name}: expected a number, found {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
