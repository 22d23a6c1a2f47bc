"""A warehouse and a store at once, around the moment the warehouse is attacked: for watching it live."""

from __future__ import annotations

import csv
import heapq
import io
from collections.abc import Iterator
from datetime import UTC, datetime

from simulators.store import StoreConfig, StoreDay, simulate_store
from simulators.store.day import STREAMS
from simulators.warehouse import WarehouseConfig, WarehouseDay, simulate_warehouse

ATTACK = "jd_com_attack"

TOPIC_OF_STREAM = dict(
    zip(
        STREAMS,
        ("pos-transactions", "rfid-readings", "queue-monitor", "product-recognition", "inventory-snapshots"),
        strict=True,
    )
)


class BusinessDay:
    """The records of both, by time of arrival.

    begins_ms: where to begin watching, some time before the attack's first wrong event; what comes before is
    the day so far. attack_ms: that first wrong event.
    """

    def __init__(self, seed: int, lead_s: float, hours: float) -> None:
        """lead_s: seconds of event time from `begins_ms` to the attack. hours: length of the store's day."""
        self.warehouse: WarehouseDay = simulate_warehouse(WarehouseConfig(), seed)
        cast = next(one for one in self.warehouse.expected["scenarios"] if one["name"] == ATTACK)
        first = datetime.fromisoformat(cast["first_wrong"])
        self.attack_ms = round(first.replace(tzinfo=first.tzinfo or UTC).timestamp() * 1000)
        self.begins_ms = self.attack_ms - round(lead_s * 1000)
        opens = datetime.fromtimestamp((self.begins_ms - 600_000) // 1000, UTC).replace(tzinfo=None)
        self.store: StoreDay = simulate_store(StoreConfig(opens=opens.isoformat(), hours=hours), seed)

    def merged(self) -> Iterator[tuple[int, str, bytes]]:
        """(ms, topic, JSON) of all records, by time of arrival."""
        sales = ((time, TOPIC_OF_STREAM[stream], line) for time, stream, line in self.store.merged())
        return heapq.merge(self.warehouse.merged(), sales, key=lambda record: record[0])

    def catalogue_csv(self) -> str:
        """The product list of both; no article of one is an article of the other."""
        text = io.StringIO()
        out = csv.writer(text, lineterminator="\n")
        for number, part in enumerate((self.warehouse.catalogue_csv(), self.store.catalogue_csv())):
            rows = [row for row in csv.reader(io.StringIO(part)) if row]
            out.writerows(rows[min(number, 1) :])
        return text.getvalue()
