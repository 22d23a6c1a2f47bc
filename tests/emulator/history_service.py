"""The service that keeps history as a process, with topics and subscriptions of its own."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from cloud_run.history.main import QUARANTINE, SUFFIX
from guardian.events.model import Event
from guardian.events.topics import TOPICS
from stack.ports import free_ports
from tests.servers.pubsub import PubSubEmulator

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0
ACK_DEADLINE_S = 10
"""Pub/Sub knows no shorter one."""
SITE = "Harbour Street 12"

Sent = tuple[bytes, dict[str, str]]


def until(true: Callable[[], object], what: Callable[[], object] = lambda: "it never happened") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)  # paces the question; what counts is the condition


def from_kafka(event: Event, number: int) -> Sent:
    """A message as the bridge publishes it."""
    return event.raw, {"kafka-topic": event.topic, "kafka-partition": "0", "kafka-offset": str(number)}


class Topics:
    """Topics of one test, their names behind a prefix, with the service's subscriptions."""

    def __init__(self, pubsub: PubSubEmulator) -> None:
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self._pubsub = pubsub
        with pubsub.publisher() as publisher, pubsub.subscriber() as subscriber:
            for topic in (*TOPICS, QUARANTINE):
                publisher.create_topic(name=self._topic(topic))
                subscriber.create_subscription(
                    request={
                        "name": self._subscription(topic),
                        "topic": self._topic(topic),
                        "ack_deadline_seconds": ACK_DEADLINE_S,
                        "retry_policy": {
                            "minimum_backoff": {"nanos": 100_000_000},
                            "maximum_backoff": {"seconds": 1},
                        },
                    }
                )

    def publish(self, topic: str, messages: Iterable[Sent]) -> None:
        rest = [{"data": data, "attributes": attributes} for data, attributes in messages]
        with self._pubsub.publisher() as publisher:
            while rest:
                most = max(1, min(500, 5_000_000 // max(len(one["data"]) for one in rest)))  # type: ignore[arg-type]
                part, rest = rest[:most], rest[most:]
                publisher.publish(topic=self._topic(topic), messages=part)

    def left(self, topic: str, wait_s: float = 2.0) -> int:
        """How many messages wait now; they are given back."""
        with self._pubsub.subscriber() as subscriber:
            try:
                found = subscriber.pull(
                    subscription=self._subscription(topic), max_messages=1_000, retry=None, timeout=wait_s
                )
            except Exception:
                return 0
            handles = [each.ack_id for each in found.received_messages]
            if handles:
                subscriber.modify_ack_deadline(
                    subscription=self._subscription(topic), ack_ids=handles, ack_deadline_seconds=0
                )
            return len(handles)

    def _topic(self, topic: str) -> str:
        return f"projects/{self._pubsub.project}/topics/{self.prefix}{topic}"

    def _subscription(self, topic: str) -> str:
        return f"projects/{self._pubsub.project}/subscriptions/{self.prefix}{topic}{SUFFIX}"


class HistoryService:
    """Its processes, one after the other, on a port of their own. Their logs are in one file."""

    def __init__(self, folder: Path, environment: Mapping[str, str], site: str = SITE) -> None:
        self.log = folder / "history.log"
        self._settings = folder / "site.toml"
        self._settings.write_text(f'site = "{site}"\nzone = "Europe/Berlin"\n')
        (self._port,) = free_ports(1)
        self._environment = {
            **os.environ,
            "GUARDIAN_HOST": "127.0.0.1",
            "PORT": str(self._port),
            "GUARDIAN_SETTINGS": str(self._settings),
            "GUARDIAN_HISTORY_LEASE_S": "35",
            "GUARDIAN_HISTORY_FOLLOW_MS": "0",
            "GOOGLE_CLOUD_PROJECT": "guardian-test",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts one, and waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloud_run.history.main"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(lambda: self.ask("/healthz") == 204, self.log.read_text)

    def ask(self, path: str) -> int | None:
        """A status, or None if nobody answers."""
        return self._answer(path)[0]

    def metric(self, name: str) -> float:
        """The sum of a metric's samples over all streams."""
        lines = self._answer("/metrics")[1].decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} "))
        )

    def memory(self) -> int:
        """Bytes resident."""
        assert self.process is not None
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it with SIGTERM, and returns its status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _answer(self, path: str) -> tuple[int | None, bytes]:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None, b""
        finally:
            connection.close()
