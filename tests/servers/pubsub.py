"""The official Pub/Sub emulator for tests, one for the whole session."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.pubsub_v1 import PublisherClient, ReceivedMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from stack.kafka.broker import free_ports

START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 15.0


class PubSubEmulator:
    """One emulator. What it holds is gone when it stops."""

    def __init__(self, folder: Path, port: int, project: str = "guardian-test") -> None:
        self.host = f"127.0.0.1:{port}"
        self.project = project
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts, and waits until it answers."""
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        command = ["gcloud", "beta", "emulators", "pubsub", "start", f"--host-port={self.host}"]
        with (self._folder / "emulator.log").open("ab") as log:
            # A session of its own: gcloud starts the emulator as a child, and both must end.
            self._process = subprocess.Popen(
                [*command, f"--project={self.project}", f"--data-dir={data}", "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "JAVA_TOOL_OPTIONS": "-Xmx512m"},
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        with self.publisher() as client:
            while True:
                try:
                    client.list_topics(project=f"projects/{self.project}", retry=None, timeout=1.0)
                except GoogleAPICallError as error:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        self.stop()
                        log_text = (self._folder / "emulator.log").read_text("utf-8", "replace")
                        raise RuntimeError(f"no Pub/Sub emulator: {log_text[-2000:]}") from error
                else:
                    return

    def stop(self) -> None:
        """Ends it; everything in it is gone."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # gcloud is gone before its child is.
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while _listening(self.host) and time.monotonic() < deadline:
            time.sleep(0.05)

    @contextlib.contextmanager
    def publisher(self) -> Iterator[PublisherClient]:
        """A client of its own channel."""
        with _channel(self.host) as channel:
            yield PublisherClient(transport=PublisherGrpcTransport(channel=channel))

    @contextlib.contextmanager
    def subscriber(self) -> Iterator[SubscriberClient]:
        """A client of its own channel."""
        with _channel(self.host) as channel:
            yield SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))

    def create(self, topics: Iterable[str]) -> None:
        """Topics, each with a subscription `TOPIC-test` that keeps everything from now on."""
        with self.publisher() as publisher, self.subscriber() as subscriber:
            for topic in topics:
                path = f"projects/{self.project}/topics/{topic}"
                publisher.create_topic(name=path)
                name = f"projects/{self.project}/subscriptions/{topic}-test"
                subscriber.create_subscription(
                    request={"name": name, "topic": path, "ack_deadline_seconds": 60}
                )

    def pull(self, topic: str, most: int = 1_000, wait_s: float = 1.0) -> list[ReceivedMessage]:
        """What waits in `TOPIC-test`, acknowledged; empty when nothing comes within `wait_s`."""
        name = f"projects/{self.project}/subscriptions/{topic}-test"
        with self.subscriber() as client:
            try:
                found = client.pull(subscription=name, max_messages=most, retry=None, timeout=wait_s)
            except DeadlineExceeded:
                return []
            received = list(found.received_messages)
            if received:
                client.acknowledge(subscription=name, ack_ids=[each.ack_id for each in received])
            return received


@pytest.fixture(scope="session")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSubEmulator]:
    """An emulator on a free loopback port. Tests share it, so each makes topics of its own.

    Skips where it cannot run; with CI set it must.
    """
    require_emulator()
    emulator = PubSubEmulator(tmp_path_factory.mktemp("pubsub"), free_ports(1)[0])
    emulator.start()
    try:
        yield emulator
    finally:
        emulator.stop()


def require_emulator() -> None:
    """Skips the test where the emulator cannot run; with CI set it fails."""
    for program in ("gcloud", "java"):
        if shutil.which(program) is None:
            if os.environ.get("CI"):
                pytest.fail(f"no Pub/Sub emulator: {program} is not installed")
            pytest.skip(f"no Pub/Sub emulator: {program} is not installed")


def _channel(host: str) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(host, options=[*options, ("grpc.max_reconnect_backoff_ms", 1_000)])


def _listening(host: str) -> bool:
    name, _, port = host.partition(":")
    try:
        socket.create_connection((name, int(port)), 1.0).close()
    except OSError:
        return False
    return True
