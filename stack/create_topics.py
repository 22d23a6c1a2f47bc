"""Creates the topics of Kafka and Pub/Sub, and the subscriptions of the parts that run. What is there stays.

    python -m stack.create_topics --kafka HOST:PORT --project P --push correlator=http://HOST:PORT …

The Pub/Sub emulator is the one in PUBSUB_EMULATOR_HOST; there is no default, lest it be Google.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

import grpc
from confluent_kafka.cimpl import NewTopic
from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import (
    PublisherClient,
    PushConfig,
    RetryPolicy,
    SubscriberClient,
    Subscription as Wanted,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from guardian.events.topics import OUTPUT_TOPICS, TOPICS, OutputTopic, Topic
from stack.emulators import PUBSUB_HOST
from stack.kafka.broker import create_topics
from stack.topology import HISTORY, PUBSUB_TOPICS, Subscription, subscriptions

DAY_MS = 86_400_000
MOST_BYTES = 10 * 1024 * 1024
"""Of a record: more than any sound one has, so that what is unsound is seen, and ends in quarantine."""


def kafka_topics() -> list[NewTopic]:
    """Those that are read and those that are written, as a cluster of one broker can have them."""
    topics: list[Topic | OutputTopic] = [*TOPICS.values(), *OUTPUT_TOPICS.values()]
    return [
        NewTopic(
            topic.name,
            topic.partitions,
            1,
            config={
                "retention.ms": str(topic.retention_days * DAY_MS),
                "max.message.bytes": str(MOST_BYTES),
            },
        )
        for topic in topics
    ]


def create_pubsub(host: str, project: str, endpoints: Mapping[str, str]) -> list[Subscription]:
    """Creates the topics, and the subscriptions that are pulled or whose part has an endpoint; returns these.

    endpoints: address of each part that runs, such as "http://127.0.0.1:8080".
    """
    # History has no part in it: what nobody pulls would pile up in the emulator's memory.
    wanted = [
        one
        for one in subscriptions(project)
        if one.part in endpoints or (one.path is None and one.part != HISTORY)
    ]
    with grpc.insecure_channel(host) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        for topic in PUBSUB_TOPICS:
            with suppress(AlreadyExists):
                publisher.create_topic(name=f"projects/{project}/topics/{topic}")
        for one in wanted:
            with suppress(AlreadyExists):
                subscriber.create_subscription(_request(one, project, endpoints))
    return wanted


def _request(one: Subscription, project: str, endpoints: Mapping[str, str]) -> Wanted:
    push = PushConfig() if one.path is None else PushConfig(push_endpoint=endpoints[one.part] + one.path)
    return Wanted(
        name=f"projects/{project}/subscriptions/{one.name}",
        topic=f"projects/{project}/topics/{one.topic}",
        push_config=push,
        ack_deadline_seconds=one.ack_deadline_s,
        retry_policy=RetryPolicy(
            minimum_backoff=timedelta(seconds=one.first_retry_s),
            maximum_backoff=timedelta(seconds=one.longest_retry_s),
        ),
    )


def endpoints_of(given: Iterable[str]) -> dict[str, str]:
    """{part: address} of texts "PART=ADDRESS". Raises ValueError."""
    endpoints = {}
    for text in given:
        part, equals, address = text.partition("=")
        if not (part and equals and address.startswith("http")):
            raise ValueError(f"--push: expected PART=http://HOST:PORT, found {text!r}")
        endpoints[part] = address.rstrip("/")
    return endpoints


def main() -> None:
    """Creates them."""
    parser = argparse.ArgumentParser(description="Creates topics and subscriptions of the stack.")
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument("--project", required=True)
    parser.add_argument("--push", action="append", default=[], metavar="PART=ADDRESS")
    arguments = parser.parse_args()
    if not (host := os.environ.get(PUBSUB_HOST)):
        parser.error(f"{PUBSUB_HOST}: missing")
    try:
        endpoints = endpoints_of(arguments.push)
    except ValueError as error:
        parser.error(str(error))
    create_topics(arguments.kafka, kafka_topics())
    made = create_pubsub(host, arguments.project, endpoints)
    print(f"{len(PUBSUB_TOPICS)} Pub/Sub topics, {len(made)} subscriptions:")
    for one in made:
        print(f"  {one.name} → {one.part}{one.path or ' (pull)'}")


if __name__ == "__main__":
    main()
