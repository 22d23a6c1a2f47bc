"""The official Pub/Sub emulator for tests, one for the whole session."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import PublisherClient, ReceivedMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from stack import emulators
from stack.ports import free_ports
from stack.runner import Process


class PubSubEmulator:
    """One emulator. What it holds is gone when it stops."""

    def __init__(self, folder: Path, port: int, project: str = "guardian-test") -> None:
        self.host = f"127.0.0.1:{port}"
        self.project = project
        self._process = Process(emulators.pubsub(folder, port, project), folder / "emulator.log")

    def start(self) -> None:
        """Starts, and waits until it answers."""
        self._process.start()
        try:
            self._process.wait_until_ready()
        except BaseException:
            self._process.stop()
            raise

    def stop(self) -> None:
        """Ends it; everything in it is gone."""
        self._process.stop()

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
    if (lack := emulators.missing()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no Pub/Sub emulator: {lack}")
        pytest.skip(f"no Pub/Sub emulator: {lack}")


def _channel(host: str) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(host, options=[*options, ("grpc.max_reconnect_backoff_ms", 1_000)])
