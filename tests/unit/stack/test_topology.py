"""Topics and subscriptions: nothing that Pub/Sub would refuse, and no stream that nobody consumes."""

from __future__ import annotations

import re

import pytest

from guardian.adapters.google.pubsub_message import Message
from guardian.detectors.parts import Part
from guardian.events.topics import FRAUD_ALERTS, TOPICS
from stack.create_topics import endpoints_of, kafka_topics
from stack.topology import (
    CORRELATOR,
    HISTORY,
    PEOPLE,
    PUBSUB_TOPICS,
    QUARANTINE,
    TICKS,
    subscriptions,
)

ALL = subscriptions("some-project")
RESOURCE_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def test_names_are_ones_that_pubsub_takes() -> None:
    names = [one.name for one in ALL]
    assert len(set(names)) == len(names)
    for name in (*names, *PUBSUB_TOPICS):
        assert RESOURCE_ID.fullmatch(name), name


def test_every_topic_has_a_consumer_and_every_subscription_a_topic() -> None:
    assert {one.topic for one in ALL} == set(PUBSUB_TOPICS)
    assert FRAUD_ALERTS in {one.topic for one in ALL if one.part == CORRELATOR}
    # Together the parts that decide get every stream.
    assert {one.topic for one in ALL if one.part in set(Part)} == {*TOPICS, FRAUD_ALERTS, TICKS}
    assert {one.part for one in ALL if one.topic == TICKS} == {"qr_verification", "event_checks"}
    assert {one.part: one.path for one in ALL if one.topic == QUARANTINE} == {HISTORY: None, PEOPLE: None}
    assert {one.topic for one in ALL if one.part == HISTORY} == {*TOPICS, QUARANTINE}


def test_times_are_within_pubsubs_limits() -> None:
    for one in ALL:
        assert 10 <= one.ack_deadline_s <= 600
        assert 0 < one.first_retry_s <= one.longest_retry_s <= 600


@pytest.mark.parametrize("one", [one for one in ALL if one.path], ids=lambda one: one.name)
def test_the_topic_can_be_told_from_path_and_name(one: object) -> None:
    assert one.path == f"/projects/some-project/topics/{one.topic}"  # type: ignore[attr-defined]
    message = Message(
        data=b"",
        attributes={},
        message_id="1",
        subscription=f"projects/p/subscriptions/{one.name}",  # type: ignore[attr-defined]
    )
    if one.topic in TOPICS:  # type: ignore[attr-defined]
        assert message.stream == one.topic  # type: ignore[attr-defined]


def test_kafka_has_the_topics_with_their_partitions() -> None:
    made = {topic.topic: topic for topic in kafka_topics()}
    assert made.keys() >= TOPICS.keys() | {FRAUD_ALERTS}
    assert all(made[name].num_partitions == topic.partitions for name, topic in TOPICS.items())


def test_endpoints() -> None:
    assert endpoints_of(["a=http://h:1/", "b=http://h:2"]) == {"a": "http://h:1", "b": "http://h:2"}
    for bad in ("a", "=http://h", "a=h:1"):
        with pytest.raises(ValueError, match="--push"):
            endpoints_of([bad])
