"""The connection to Pub/Sub, for those who publish and those who pull."""

from __future__ import annotations

import os

import grpc
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

# Without a ceiling of its own, gRPC waits two minutes before it looks again for a server that was away.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_send_message_length", -1),
)


def pubsub_channel(
    transport: type[PublisherGrpcTransport | SubscriberGrpcTransport],
    emulator_host: str | None,
    most_bytes: int = -1,
) -> grpc.Channel:
    """A channel for this transport.

    emulator_host: "host:port" of an emulator, which is spoken to without encryption and credentials;
    default: PUBSUB_EMULATOR_HOST, else Google. most_bytes: of an answer, -1 for any number; a longer one is
    an error.
    """
    options = (*_OPTIONS, ("grpc.max_receive_message_length", most_bytes))
    if host := emulator_host or os.environ.get("PUBSUB_EMULATOR_HOST"):
        return grpc.insecure_channel(host, options=options)
    return transport.create_channel(options=options)
