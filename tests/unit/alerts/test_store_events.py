"""Alerts in the store challenge's format: codes, field names, naive times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.model import Status
from guardian.alerts.store_events import store_event_line
from tests.unit.alerts.alerts import AT, alert

BERLIN = ZoneInfo("Europe/Berlin")

MAPPING: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "SCANNER_AVOIDANCE",
        {"station_id": "SCC1", "customer_id": "C1", "sku": "PRD_1", "epc": "E28", "product_name": "Milk"},
        "E001",
        {
            "event_name": "Scanner Avoidance",
            "station_id": "SCC1",
            "customer_id": "C1",
            "product_sku": "PRD_1",
        },
    ),
    (
        "BARCODE_SWITCHING",
        {"station_id": "SCC1", "customer_id": "C1", "actual_sku": "PRD_1", "scanned_sku": "PRD_2"},
        "E002",
        {
            "event_name": "Barcode Switching",
            "station_id": "SCC1",
            "customer_id": "C1",
            "actual_sku": "PRD_1",
            "scanned_sku": "PRD_2",
        },
    ),
    (
        "WEIGHT_DISCREPANCY",
        {
            "station_id": "SCC1",
            "customer_id": "C1",
            "sku": "PRD_1",
            "expected_weight_g": 425.0,
            "actual_weight_g": 680,
        },
        "E003",
        {
            "event_name": "Weight Discrepancies",
            "station_id": "SCC1",
            "customer_id": "C1",
            "product_sku": "PRD_1",
            "expected_weight": 425.0,
            "actual_weight": 680,
        },
    ),
    (
        "SYSTEM_CRASH",
        {"station_id": "SCC1", "duration_s": 180},
        "E004",
        {"event_name": "Unexpected Systems Crash", "station_id": "SCC1", "duration_seconds": 180},
    ),
    (
        "LONG_QUEUE",
        {"station_id": "SCC1", "num_of_customers": 6, "ongoing": False},
        "E005",
        {"event_name": "Long Queue Length", "station_id": "SCC1", "num_of_customers": 6},
    ),
    (
        "LONG_WAIT",
        {"station_id": "SCC1", "wait_time_s": 350},
        "E006",
        {
            "event_name": "Long Wait Time",
            "station_id": "SCC1",
            "customer_id": None,
            "wait_time_seconds": 350,
        },
    ),
    (
        "INVENTORY_DISCREPANCY",
        {"sku": "PRD_1", "expected": 150, "actual": 120, "unexplained": 2},
        "E007",
        {
            "event_name": "Inventory Discrepancy",
            "SKU": "PRD_1",
            "Expected_Inventory": 150,
            "Actual_Inventory": 120,
        },
    ),
    (
        "STAFFING_NEED",
        {"station_id": "SCC1", "staff_type": "Cashier"},
        "E008",
        {"event_name": "Staffing Needs", "station_id": "SCC1", "Staff_type": "Cashier"},
    ),
    (
        "CHECKOUT_STATION_ACTION",
        {"station_id": "SCC1", "action": "Open"},
        "E009",
        {"event_name": "Checkout Station Action", "station_id": "SCC1", "Action": "Open"},
    ),
]
EVERY = pytest.mark.parametrize(
    ("type_", "evidence", "code", "data"), MAPPING, ids=[row[2] for row in MAPPING]
)


def told(zone: tzinfo = UTC, **changes: Any) -> dict[str, Any]:
    line = store_event_line(alert(**changes), zone)
    assert line is not None
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    document: dict[str, Any] = json.loads(line)
    return document


@EVERY
def test_every_code_has_its_fields(
    type_: str, evidence: dict[str, Any], code: str, data: dict[str, Any]
) -> None:
    document = told(type=type_, evidence=evidence)
    assert list(document) == ["timestamp", "event_id", "event_data"]
    assert document["event_id"] == code
    assert document["event_data"] == data
    assert list(document["event_data"]) == list(data)


@EVERY
def test_what_the_evidence_does_not_know_is_null(
    type_: str, evidence: dict[str, Any], code: str, data: dict[str, Any]
) -> None:
    names = {name: None for name in data if name != "event_name"}
    assert told(type=type_, evidence={})["event_data"] == {"event_name": data["event_name"]} | names


@EVERY
@pytest.mark.parametrize("status", list(Status))
def test_a_cleared_alert_is_left_out(
    type_: str, evidence: dict[str, Any], code: str, data: dict[str, Any], status: Status
) -> None:
    line = store_event_line(alert(type=type_, evidence=evidence, status=status), UTC)
    assert (line is None) == (status is Status.CLEARED)


@pytest.mark.parametrize(
    "type_", ["READ_ERRORS", "RAPID_TRANSACTIONS", "INVENTORY_MISMATCH", "long_queue", ""]
)
def test_what_the_format_has_no_code_for_is_left_out(type_: str) -> None:
    assert store_event_line(alert(type=type_), UTC) is None


@pytest.mark.parametrize(
    ("zone", "ms", "expected"),
    [
        (UTC, AT, "2025-08-13T14:00:05"),
        (UTC, AT + 7, "2025-08-13T14:00:05.007"),
        (UTC, AT + 999, "2025-08-13T14:00:05.999"),
        (BERLIN, AT, "2025-08-13T16:00:05"),
        (timezone(timedelta(hours=-3)), AT, "2025-08-13T11:00:05"),
        (BERLIN, 1_735_732_800_000, "2025-01-01T13:00:00"),
    ],
)
def test_times_are_the_sites_without_a_zone(zone: tzinfo, ms: int, expected: str) -> None:
    assert told(zone, event_time=ms, detected_at=0, started_at=0)["timestamp"] == expected


@given(
    st.integers(946_684_800_000, 1_893_456_000_000), st.sampled_from([UTC, timezone(timedelta(hours=5.5))])
)
def test_times_can_be_read_back(ms: int, zone: tzinfo) -> None:
    read = datetime.fromisoformat(told(zone, event_time=ms)["timestamp"])
    assert read.tzinfo is None
    assert (read.replace(tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == ms
