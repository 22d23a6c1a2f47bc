"""The tables follow from the contracts, and rows from what the product knows."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from guardian.adapters.history.fields import Field, described, fields_of
from guardian.adapters.history.reports import ReportError, read_report, reports
from guardian.adapters.history.rows import alert_row, event_row
from guardian.adapters.history.tables import STREAM_TABLES, TABLES
from guardian.alerts.model import Alert, DetectorRef, Severity, Status, Subject
from guardian.events.catalogue import Catalogue, Product
from guardian.events.decode import Decoder
from guardian.events.times import TimeParser
from guardian.events.topics import INVENTORY_PHYSICAL, SHIPPING, SNAPSHOTS, SOCIAL, TOPICS
from guardian.events.warehouse import InventoryPhysical
from infra.bigquery.generate import HERE, differences, main, scheduled

UTC = ZoneInfo("UTC")


def decoded(topic: str, **value: Any) -> Any:
    decoder = Decoder(TimeParser(UTC, 1 << 60))
    return decoder.decode_value(topic, json.dumps(value).encode(), "books.jsonl", 7)


def test_the_files_are_as_generated() -> None:
    assert differences() == []


def test_a_file_that_has_drifted_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = HERE / "schemas" / "queue_monitor.json"
    before = path.read_bytes()
    path.write_bytes(before + b" ")
    try:
        assert main(["--check"]) == 1
        assert "schemas/queue_monitor.json" in capsys.readouterr().err
    finally:
        path.write_bytes(before)
    assert main(["--check"]) == 0


def test_every_stream_has_a_table_and_every_field_a_column() -> None:
    assert STREAM_TABLES.keys() == TOPICS.keys()
    for topic, table in STREAM_TABLES.items():
        names = [field.name for field in table.fields]
        assert len(names) == len(set(names))
        contract = {field.name for field in fields_of(TOPICS[topic].contract)}
        assert contract - {TOPICS[topic].time_field} <= set(names)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_what_bigquery_asks_of_a_table(table: Any) -> None:
    by_name = {field.name: field for field in table.fields}
    assert by_name[table.partition].type == "TIMESTAMP"
    assert by_name[table.partition].mode == "REQUIRED"
    assert 1 <= len(table.cluster) <= 4
    assert all(by_name[name].type == "STRING" for name in table.cluster)
    assert set(table.key) <= by_name.keys()


def test_descriptions_come_from_docstrings() -> None:
    assert described(InventoryPhysical) == {"quantity": "units", "weight_kg": "all of them"}
    manifest = next(field for field in STREAM_TABLES[SHIPPING].fields if field.name == "manifest")
    assert manifest.mode == "REPEATED"
    assert manifest.fields[1] == Field(
        "quantity", "INT64", "NULLABLE", "units, or None when the manifest does not say"
    )


def test_rows_of_events() -> None:
    at = "2025-06-03T10:00:00Z"
    shelf = decoded(
        INVENTORY_PHYSICAL,
        product_id=17,
        location="A-1",
        quantity=5.0,
        rfid_detected=True,
        sensor_id="S",
        timestamp=at,
    )
    row = event_row(shelf, "wh", 3)
    assert (row["product_id"], row["quantity"], row["weight_kg"]) == ("17", 5, None)
    assert (row["event_id"], row["seq"], row["event_time"]) == ("books.jsonl:7", 3, 1748944800000)
    assert json.loads(row["raw"])["quantity"] == 5.0
    truck = decoded(
        SHIPPING, shipment_id="s", truck_id="t", departure_time=at, destination="d", manifest=["P-1"]
    )
    assert event_row(truck, "wh", 1)["manifest"] == [{"product_id": "P-1", "quantity": None}]
    counted = decoded(SNAPSHOTS, timestamp=at, data={"P-1": 4})
    assert event_row(counted, "wh", 1)["data"] == [{"key": "P-1", "value": 4}]
    post = {"source": "x", "content": "c", "location": "l", "timestamp": at}
    assert event_row(decoded(SOCIAL, sentiment=-0.5, **post), "wh", 1)["sentiment"] == "-0.5"
    assert event_row(decoded(SOCIAL, sentiment="bad", **post), "wh", 1)["sentiment"] == "bad"


def test_the_row_of_an_alert() -> None:
    alert = Alert(
        alert_id="al_1",
        type="GRADUAL_THEFT",
        severity=Severity.HIGH,
        status=Status.CONFIRMED,
        site="wh",
        subject=Subject("product", "P-1"),
        event_time=1_748_944_800_000,
        started_at=1,
        ended_at=2,
        detected_at=3,
        evidence={
            "product_id": "P-1",
            "missing": 3,
            "location": "A-1",
            "employee_ids": ["E-1", "E-1", "E-2"],
        },
        detector=DetectorRef("GRADUAL_THEFT", 1),
    )
    row = alert_row(alert, 4, ZoneInfo("Europe/Berlin"), Catalogue([Product("P-1", price=2.5)]))
    assert row["value_at_risk"] == 7.5
    assert row["employee_ids"] == ["E-1", "E-2"]
    assert row["location"] == "A-1"
    assert row["local_time"] - row["event_time"] == 2 * 3_600_000
    assert row["severity"] == "high"
    assert json.loads(row["evidence"]) == alert.evidence


def test_heads_of_reports() -> None:
    assert len(reports()) == 8
    for report in reports().values():
        assert report.schedule.endswith(":03")
        assert "@since" in report.sql
        assert "@until" in report.sql
        assert "@site" in report.sql
    with pytest.raises(ReportError, match="expected a head"):
        read_report("it", "-- name: it\nSELECT 1")
    head = "-- name: it\n-- title: t\n-- schedule: s\n-- description: d\n-- period: year\n-- days: 1\n"
    with pytest.raises(ReportError, match=r"\$\.period"):
        read_report("it", head + "SELECT 1")


@pytest.mark.parametrize("report", reports().values(), ids=lambda report: report.name)
def test_a_scheduled_report_stands_alone(report: Any) -> None:
    sql = scheduled(report)
    assert "@since" not in sql
    assert "@until" not in sql
    assert "@site" not in sql
    for name in TABLES:  # nothing is left to a default dataset
        assert f"FROM {name}" not in sql
        assert f"JOIN {name}" not in sql
