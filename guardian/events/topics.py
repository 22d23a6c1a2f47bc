"""Every stream by name: its contract, which field holds its time, and what recordings call it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import msgspec

from guardian.events.context import EmployeeActivity, SocialPost
from guardian.events.faults import Fault
from guardian.events.store import (
    InventorySnapshot,
    PosTransaction,
    ProductView,
    QueueSample,
    RfidReading,
    check_sale,
)
from guardian.events.warehouse import InventoryDigital, InventoryPhysical, QrScan, Shipping, check_scan

QR_SCANS: Final = "qr-code-scans"
INVENTORY_DIGITAL: Final = "inventory-digital"
INVENTORY_PHYSICAL: Final = "inventory-physical"
EMPLOYEE_ACTIVITY: Final = "employee-activity"
SHIPPING: Final = "shipping-logistics"
SOCIAL: Final = "social-media-feed"
POS: Final = "pos-transactions"
RFID: Final = "rfid-readings"
QUEUE: Final = "queue-monitor"
RECOGNITION: Final = "product-recognition"
SNAPSHOTS: Final = "inventory-snapshots"

FRAUD_ALERTS: Final = "fraud-alerts"
THREAT_SCORES: Final = "threat-scores"
ML_PREDICTIONS: Final = "ml-predictions"
SYSTEM_EVENTS: Final = "system-events"


class Topic(msgspec.Struct, frozen=True):
    """An input stream.

    contract: the struct its values decode to. time_field: the field of it that holds the event time.
    file_stems: names its recordings go by, besides the topic's own. datasets: names the store's TCP
    feed gives it. check: what must hold of a value beyond its types.
    """

    name: str
    contract: type[msgspec.Struct]
    time_field: str
    partitions: int
    retention_days: int
    file_stems: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    check: Callable[[Any], Fault | None] | None = None


class OutputTopic(msgspec.Struct, frozen=True):
    """A stream that we write and never read as input."""

    name: str
    partitions: int
    retention_days: int


TOPICS: Final[dict[str, Topic]] = {
    topic.name: topic
    for topic in (
        Topic(QR_SCANS, QrScan, "timestamp", 3, 7, check=check_scan),
        Topic(INVENTORY_DIGITAL, InventoryDigital, "updated_at", 3, 30),
        Topic(INVENTORY_PHYSICAL, InventoryPhysical, "timestamp", 3, 7),
        Topic(EMPLOYEE_ACTIVITY, EmployeeActivity, "timestamp", 2, 30),
        Topic(SHIPPING, Shipping, "departure_time", 2, 90),
        Topic(SOCIAL, SocialPost, "timestamp", 2, 3),
        Topic(
            POS,
            PosTransaction,
            "timestamp",
            partitions=3,
            retention_days=30,
            file_stems=("pos_transactions",),
            datasets=("POS_Transactions",),
            check=check_sale,
        ),
        Topic(
            RFID,
            RfidReading,
            "timestamp",
            partitions=3,
            retention_days=7,
            file_stems=("rfid_readings",),
            datasets=("RFID_data",),
        ),
        Topic(
            QUEUE,
            QueueSample,
            "timestamp",
            partitions=2,
            retention_days=7,
            file_stems=("queue_monitoring",),
            datasets=("Queue_monitor",),
        ),
        Topic(
            RECOGNITION,
            ProductView,
            "timestamp",
            partitions=3,
            retention_days=7,
            file_stems=("product_recognition",),
            # The feed misspells its own name; the right spelling is known too, should it be mended.
            datasets=("Product_recognism", "Product_recognition"),
        ),
        Topic(
            SNAPSHOTS,
            InventorySnapshot,
            "timestamp",
            partitions=1,
            retention_days=30,
            file_stems=("inventory_snapshots",),
            datasets=("Current_inventory_data",),
        ),
    )
}

OUTPUT_TOPICS: Final[dict[str, OutputTopic]] = {
    topic.name: topic
    for topic in (
        OutputTopic(FRAUD_ALERTS, 3, 90),
        OutputTopic(THREAT_SCORES, 2, 30),
        OutputTopic(ML_PREDICTIONS, 2, 7),
        OutputTopic(SYSTEM_EVENTS, 1, 30),
    )
}


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


_BY_DATASET = MappingProxyType(
    {_plain(name): topic.name for topic in TOPICS.values() for name in (topic.name, *topic.datasets)}
)
_BY_STEM = MappingProxyType(
    {_plain(stem): topic.name for topic in TOPICS.values() for stem in topic.file_stems} | dict(_BY_DATASET)
)


def topic_for_file_stem(stem: str) -> str | None:
    """Name of the topic whose bare values a file of this name (without suffix) holds; None if unknown.

    Topic names, the store recording's file names and the feed's dataset names, in any case, with dashes
    or underscores.
    """
    return _BY_STEM.get(_plain(stem))


def topic_for_dataset(name: str) -> str | None:
    """Name of the topic that the store's TCP feed calls `name`; None if unknown. Case does not matter."""
    return _BY_DATASET.get(_plain(name))
