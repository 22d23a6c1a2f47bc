"""How the service is, over HTTP: /healthz, /readyz and, for the same machine, /metrics."""

from __future__ import annotations

import http.server
import ipaddress
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from guardian.adapters.google.event_history import EventHistoryStatus
from guardian.adapters.google.firestore_history import FollowedStatus

TIMEOUT_S: Final = 5.0

_COUNTED: Final = {
    "pulled": "Messages taken, repetitions included.",
    "written": "Rows that BigQuery has taken, repetitions included.",
    "unusable": "Of these, rows of messages that are no event.",
    "refused": "Rows that BigQuery does not take, and whose reason is there instead.",
    "failed": "Requests that failed, and were made again.",
}
_MEASURED: Final = {
    "held": "Messages that wait here for BigQuery.",
    "held_bytes": "Their bytes.",
}


class Counts(Collector):
    """The counts of all streams, for Prometheus."""

    def __init__(self, streams: Mapping[str, EventHistoryStatus], followed: FollowedStatus | None) -> None:
        self._streams = streams
        self._followed = followed

    def collect(self) -> Iterable[Metric]:
        """As of now."""
        for name, text in _COUNTED.items():
            counter = CounterMetricFamily(f"guardian_history_{name}", text, labels=["stream"])
            for stream, status in self._streams.items():
                counter.add_metric([stream], float(getattr(status, name)))
            yield counter
        for name, text in _MEASURED.items():
            gauge = GaugeMetricFamily(f"guardian_history_{name}", text, labels=["stream"])
            for stream, status in self._streams.items():
                gauge.add_metric([stream], float(getattr(status, name)))
            yield gauge
        if self._followed is not None:
            for name, number in msgspec.structs.asdict(self._followed).items():
                text = f"Of alerts, codes, scores and counters: {name}."
                yield CounterMetricFamily(f"guardian_history_followed_{name}", text, value=float(number))


def serve(
    address: tuple[str, int], counts: Counts, alive: Callable[[], bool], ready: Callable[[], bool]
) -> http.server.ThreadingHTTPServer:
    """Answers in threads of its own until it is shut down."""
    registry = CollectorRegistry()
    registry.register(counts)

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(204 if alive() else 503)
            elif self.path == "/readyz":
                self._answer(204 if ready() else 503)
            elif self.path == "/metrics" and ipaddress.ip_address(self.client_address[0]).is_loopback:
                self._answer(200, generate_latest(registry))
            else:
                self._answer(404)

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            if body:
                self.send_header("content-type", CONTENT_TYPE_LATEST)
            if status != 204:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Health checks are not worth a line."""

    server = http.server.ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server
