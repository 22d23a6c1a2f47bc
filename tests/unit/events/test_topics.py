"""The registry of streams, and the names recordings and feeds have for them."""

from __future__ import annotations

import msgspec
import pytest

from guardian.events.topics import (
    OUTPUT_TOPICS,
    POS,
    QUEUE,
    RECOGNITION,
    RFID,
    SHIPPING,
    SNAPSHOTS,
    TOPICS,
    topic_for_dataset,
    topic_for_file_stem,
)


def test_partitions_and_retention_of_every_stream() -> None:
    assert {name: (topic.partitions, topic.retention_days) for name, topic in TOPICS.items()} == {
        "qr-code-scans": (3, 7),
        "inventory-digital": (3, 30),
        "inventory-physical": (3, 7),
        "employee-activity": (2, 30),
        "shipping-logistics": (2, 90),
        "social-media-feed": (2, 3),
        "pos-transactions": (3, 30),
        "rfid-readings": (3, 7),
        "queue-monitor": (2, 7),
        "product-recognition": (3, 7),
        "inventory-snapshots": (1, 30),
    }
    assert {name: (topic.partitions, topic.retention_days) for name, topic in OUTPUT_TOPICS.items()} == {
        "fraud-alerts": (3, 90),
        "threat-scores": (2, 30),
        "ml-predictions": (2, 7),
        "system-events": (1, 30),
    }


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_every_contract_has_a_time_and_may_have_an_event_id(name: str) -> None:
    topic = TOPICS[name]
    fields = {field.name: field for field in msgspec.structs.fields(topic.contract)}
    assert topic.name == name
    assert fields[topic.time_field].required
    assert fields["event_id"].default is None
    # Decoding and callers share the names in Python and in JSON.
    assert all(field.name == field.encode_name for field in fields.values())


@pytest.mark.parametrize(
    ("stem", "topic"),
    [
        ("pos_transactions", POS),
        ("pos-transactions", POS),
        ("POS_Transactions", POS),
        ("rfid_readings", RFID),
        ("RFID_data", RFID),
        ("queue_monitoring", QUEUE),
        ("Queue-Monitoring", QUEUE),
        ("queue-monitor", QUEUE),
        ("product_recognition", RECOGNITION),
        ("Product_recognism", RECOGNITION),
        ("inventory_snapshots", SNAPSHOTS),
        ("Current_inventory_data", SNAPSHOTS),
        ("shipping_logistics", SHIPPING),
        ("events", None),
        ("", None),
        ("fraud-alerts", None),
    ],
)
def test_file_names(stem: str, topic: str | None) -> None:
    assert topic_for_file_stem(stem) == topic


@pytest.mark.parametrize(
    ("dataset", "topic"),
    [
        ("POS_Transactions", POS),
        ("RFID_data", RFID),
        ("Queue_monitor", QUEUE),
        ("Product_recognism", RECOGNITION),
        ("Product_recognition", RECOGNITION),
        ("Current_inventory_data", SNAPSHOTS),
        ("pos-transactions", POS),
        ("Weather", None),
    ],
)
def test_dataset_names(dataset: str, topic: str | None) -> None:
    assert topic_for_dataset(dataset) == topic
