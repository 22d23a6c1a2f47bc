"""Valid rows of every stream: one full example each, and strategies that generate them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from guardian.events.times import EARLIEST_MS, TimeParser
from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    POS,
    QR_SCANS,
    QUEUE,
    RECOGNITION,
    RFID,
    SHIPPING,
    SNAPSHOTS,
    SOCIAL,
)

Row = dict[str, Any]

NOON = "2026-03-14T12:00:00Z"
NOON_MS = 1_773_489_600_000
LATEST_MS = 1_798_761_600_000  # 2027-01-01T00:00:00Z


def parser() -> TimeParser:
    return TimeParser(UTC, LATEST_MS)


EXAMPLES: dict[str, Row] = {
    QR_SCANS: {
        "product_id": "TV-1",
        "qr_data": "bg1.TV-1.x",
        "qr_id": "Q1",
        "location": "hall 2",
        "scanner_id": "S1",
        "timestamp": NOON,
        "action": "qr_regenerated",
        "generated_by": "E7",
    },
    INVENTORY_DIGITAL: {
        "product_id": "TV-1",
        "status": "shipped",
        "quantity": 4,
        "location": "hall 2",
        "updated_by": "E7",
        "updated_at": NOON,
        "shipment_id": "SH-1",
    },
    INVENTORY_PHYSICAL: {
        "product_id": "TV-1",
        "location": "hall 2",
        "quantity": 4,
        "weight_kg": 48.5,
        "rfid_detected": True,
        "rfid_tag": "E280",
        "sensor_id": "W1",
        "timestamp": NOON,
    },
    EMPLOYEE_ACTIVITY: {
        "employee_id": "E7",
        "action": "access_qr_system",
        "resource": "qr",
        "location": "office",
        "ip_address": "10.0.0.7",
        "timestamp": NOON,
        "is_after_hours": False,
    },
    SHIPPING: {
        "shipment_id": "SH-1",
        "truck_id": "T1",
        "departure_time": NOON,
        "manifest": [{"product_id": "TV-1", "quantity": 4}],
        "destination": "Lyon",
    },
    SOCIAL: {
        "source": "forum",
        "content": "cheap TVs, still sealed",
        "sentiment": -0.4,
        "location": "Lyon",
        "timestamp": NOON,
    },
    POS: {
        "timestamp": NOON,
        "station_id": "SCC1",
        "status": "Active",
        "data": {
            "customer_id": "C1",
            "sku": "TEA",
            "product_name": "Tea (100 g)",
            "barcode": "4006381333931",
            "price": 4.5,
            "weight_g": 100.0,
        },
    },
    RFID: {
        "timestamp": NOON,
        "station_id": "SCC1",
        "status": "Active",
        "data": {"epc": "E28011", "sku": "TEA", "location": "IN_SCAN_AREA"},
    },
    QUEUE: {
        "timestamp": NOON,
        "station_id": "SCC1",
        "status": "Active",
        "data": {"customer_count": 3, "average_dwell_time": 42.5},
    },
    RECOGNITION: {
        "timestamp": NOON,
        "station_id": "SCC1",
        "status": "Active",
        "data": {"predicted_product": "TEA", "accuracy": 0.71},
    },
    SNAPSHOTS: {"timestamp": NOON, "data": {"TEA": 90, "MILK": 0}},
}

ids = st.text(min_size=1, max_size=20)
quantities = st.integers(0, 10**9)
amounts = st.floats(0, 1e6)
times = st.one_of(
    st.integers(EARLIEST_MS, LATEST_MS),
    st.integers(EARLIEST_MS, LATEST_MS).map(float),
    st.integers(EARLIEST_MS, LATEST_MS).map(str),
    st.datetimes(datetime(2000, 1, 1), datetime(2026, 12, 31)).map(datetime.isoformat),  # noqa: DTZ001
)


def _row(required: Row, optional: Row) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries(required, optional=optional | {"event_id": ids})


def _station(data: Row) -> st.SearchStrategy[Row]:
    """A store device: while active it measures, else anything of it may be absent."""
    absent = {name: st.none() for name in data}
    active = {
        "timestamp": times,
        "station_id": ids,
        "status": st.just("Active"),
        "data": st.fixed_dictionaries(data),
    }
    down = {"timestamp": times, "station_id": ids, "status": st.sampled_from(["Read Error", "System Crash"])}
    nothing = (
        st.none() | st.fixed_dictionaries({}, optional=absent) | st.fixed_dictionaries({}, optional=data)
    )
    return _row(active, {}) | _row(down, {"data": nothing})


ROWS: dict[str, st.SearchStrategy[Row]] = {
    QR_SCANS: _row(
        {"product_id": ids, "qr_data": ids, "location": ids, "scanner_id": ids, "timestamp": times},
        {"qr_id": ids | st.none(), "action": st.just("qr_scanned"), "generated_by": ids},
    )
    | _row(
        {
            "product_id": ids,
            "location": ids,
            "timestamp": times,
            "action": st.just("qr_regenerated"),
            "generated_by": ids,
        },
        {"scanner_id": ids},
    )
    | _row(
        {
            "product_id": ids,
            "location": ids,
            "timestamp": times,
            "action": st.sampled_from(["qr_issued", "qr_consumed", "qr_revoked"]),
            "qr_data": ids,
        },
        {"qr_id": ids, "scanner_id": ids, "generated_by": ids},
    ),
    INVENTORY_DIGITAL: _row(
        {
            "product_id": ids,
            "status": st.sampled_from(["in_stock", "shipped", "in_transit", "delivered"]),
            "quantity": quantities,
            "location": ids,
            "updated_by": ids,
            "updated_at": times,
        },
        {"shipment_id": ids | st.none()},
    ),
    INVENTORY_PHYSICAL: _row(
        {
            "product_id": ids,
            "location": ids,
            "quantity": quantities,
            "rfid_detected": st.booleans(),
            "sensor_id": ids,
            "timestamp": times,
        },
        {"weight_kg": amounts | st.none(), "rfid_tag": ids | st.none()},
    ),
    EMPLOYEE_ACTIVITY: _row(
        {"employee_id": ids, "action": ids, "resource": ids, "location": ids, "timestamp": times},
        {"ip_address": st.ip_addresses().map(str) | st.none(), "is_after_hours": st.booleans() | st.none()},
    ),
    SHIPPING: _row(
        {"shipment_id": ids, "truck_id": ids, "departure_time": times, "destination": ids},
        {
            "manifest": st.none()
            | st.lists(
                ids | st.fixed_dictionaries({"product_id": ids}, optional={"quantity": quantities}),
                max_size=4,
            )
        },
    ),
    SOCIAL: _row(
        {
            "source": ids,
            "content": ids,
            "sentiment": st.floats(-1, 1) | ids,
            "location": ids,
            "timestamp": times,
        },
        {},
    ),
    POS: _station(
        {
            "customer_id": ids,
            "sku": ids,
            "product_name": st.text(max_size=20),
            "barcode": ids,
            "price": amounts,
            "weight_g": amounts,
        }
    ),
    RFID: _station({"epc": ids | st.none(), "sku": ids | st.none(), "location": ids | st.none()}),
    QUEUE: _station({"customer_count": quantities, "average_dwell_time": amounts}),
    RECOGNITION: _station({"predicted_product": ids, "accuracy": st.floats(0, 1)}),
    SNAPSHOTS: _row(
        {"timestamp": times, "data": st.dictionaries(ids, st.integers(-(10**9), 10**9), max_size=5)}, {}
    ),
}

any_row = st.sampled_from(sorted(ROWS)).flatmap(lambda topic: st.tuples(st.just(topic), ROWS[topic]))
