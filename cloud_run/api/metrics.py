"""What the API counts and measures, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Counts since the process began."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "guardian_api_requests",
            "Requests by endpoint and status.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "guardian_api_request_seconds",
            "From a request to the beginning of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._streams = Gauge("guardian_api_streams", "Live streams that are open.", registry=self.registry)
        self._logins = Counter(
            "guardian_api_logins", "Attempts to log in, by outcome.", ["outcome"], registry=self.registry
        )

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def login(self, outcome: str) -> None:
        """Somebody has tried to log in: "in", "refused" or "too_many"."""
        self._logins.labels(outcome).inc()

    def watch_streams(self, number: Callable[[], float]) -> None:
        """Asks for the number of open streams whenever somebody looks."""
        self._streams.set_function(number)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)
