"""Entry point of the bridge: Kafka topics → Pub/Sub topics. Settings: docs/bridge.md."""

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
from guardian.adapters.kafka.bridge import Bridge, BridgeLimits, consumer
from guardian.adapters.kafka.settings import KafkaSettingsError, kafka_settings
from guardian.adapters.kafka.values import value_reader
from guardian.events.topics import TOPICS

STALLED_AFTER_S: Final = 60.0
"""A loop that has not gone round for so long hangs."""
STATUS_TIMEOUT_S: Final = 5.0

log = structlog.get_logger("bridge")


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs until SIGTERM or SIGINT. Returns 2 when the settings cannot be used."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
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
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    status = _serve_status(bridge, port) if port else None
    log.info("bridge_started", group=group, project=project, topics=len(TOPICS))
    try:
        bridge.run(stop)
    finally:
        if status is not None:
            status.shutdown()
        publisher.close()
    log.info("bridge_stopped", read=bridge.status.read, bridged=bridge.status.bridged)
    return 0


def _serve_status(bridge: Bridge, port: int) -> http.server.ThreadingHTTPServer:
    """Answers /healthz: 200 while the loop goes round, else 503; and the counts, which are no secret."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = STATUS_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path != "/healthz":
                self.send_error(404)
                return
            turned_s = time.monotonic() - bridge.status.turned
            counts = msgspec.structs.asdict(bridge.status)
            counts["turned"] = f"{turned_s:.3f} s ago"
            body = json.dumps(counts).encode()
            self.send_response(200 if turned_s < STALLED_AFTER_S else 503)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Health checks are not worth a line."""

    server = http.server.ThreadingHTTPServer(("", port), Handler)
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
