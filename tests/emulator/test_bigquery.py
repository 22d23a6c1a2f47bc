"""The reports give the same rows on BigQuery's emulator as on the embedded history, and rows get there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.cloud.bigquery import Client, SchemaField, Table as Made

from guardian.adapters.embedded.history.folder import HistoryFolder
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.embedded.history_reports import EmbeddedReports
from guardian.adapters.google.bigquery_reports import BigQueryReports
from guardian.adapters.google.bigquery_writer import LARGEST_ROW, MOST_ROWS, BigQueryWriter, insert_id
from guardian.adapters.history.fields import schema_json
from guardian.adapters.history.reports import reports
from guardian.adapters.history.tables import METRICS, QUARANTINE, TABLES, Table
from guardian.adapters.publishing import UnavailableError
from infra.bigquery.generate import scheduled
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.e2e.kept_day import keep_day
from tests.servers.bigquery import PROJECT, client_of

SINCE, UNTIL = datetime(2025, 6, 2, tzinfo=UTC), datetime(2025, 6, 5, tzinfo=UTC)
CALL_S = 30.0

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.bigquery,
    pytest.mark.timeout(3_600),
    pytest.mark.xdist_group("bigquery"),  # one server, and while it is built nobody else waits
]


@pytest.fixture(scope="module")
def client(bigquery_emulator: str) -> Iterator[Client]:
    with client_of(bigquery_emulator) as client:
        yield client


@pytest.fixture(scope="module")
def store_day(tmp_path_factory: pytest.TempPathFactory) -> HistoryFolder:
    folder = tmp_path_factory.mktemp("store")
    simulate_store(StoreConfig(hours=1.0), seed=11).write(folder / "day")
    return keep_day(folder / "day", folder / "history", folder / "guardian.db")


@pytest.fixture(scope="module")
def warehouse_day(tmp_path_factory: pytest.TempPathFactory) -> HistoryFolder:
    folder = tmp_path_factory.mktemp("warehouse")
    config = WarehouseConfig(
        products=50,
        sensor_every_s=100.0,
        scenarios=(
            "jd_com_attack",
            "after_hours_theft",
            "tampered_labels",
            "cloned_labels",
            "stock_correction",
        ),
    )
    simulate_warehouse(config, seed=4).write(folder / "day")
    with (folder / "day" / "inventory-digital.jsonl").open("a") as out:
        out.write('{"product_id": "P-1", "quantity": "many"}\n')
    return keep_day(folder / "day", folder / "history", folder / "guardian.db")


def made(client: Client, name: str) -> str:
    """A dataset with every table, as it is set up in the cloud."""
    dataset = f"{PROJECT}.{name}"
    client.create_dataset(dataset, retry=None, timeout=CALL_S)
    for table in TABLES.values():
        fields = [SchemaField.from_api_repr(field) for field in schema_json(table.fields)]
        client.create_table(Made(f"{dataset}.{table.name}", schema=fields), retry=None, timeout=CALL_S)
    return dataset


def rows_of(folder: HistoryFolder, table: Table) -> list[dict[str, Any]]:
    with opened(folder, [table.name]) as db:
        return [in_ms(row) for row in db.sql(f"SELECT * FROM {table.name}").to_arrow_table().to_pylist()]


def in_ms(value: Any) -> Any:
    """A value as rows have it: times as epoch milliseconds."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(at.timestamp() * 1000)
    if isinstance(value, list):
        return [in_ms(one) for one in value]
    return {name: in_ms(one) for name, one in value.items()} if isinstance(value, dict) else value


def load(client: Client, dataset: str, folder: HistoryFolder) -> int:
    writer = BigQueryWriter(client, dataset)
    total = 0
    for table in TABLES.values():
        written = writer.write(table, rows_of(folder, table))
        assert written.refused == 0, table.name
        total += written.rows
    return total


def assert_same(ours: list[list[Any]], theirs: list[list[Any]]) -> None:
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            if isinstance(a, float) and isinstance(b, int | float):
                assert math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9), (one, other)
            else:
                assert a == b, (one, other)


def count(client: Client, sql: str) -> int:
    found = client.query_and_wait(sql, retry=None, job_retry=None, api_timeout=CALL_S)
    (number,) = [row[0] for row in found]
    return int(number)


@pytest.mark.parametrize("which", ["store_day", "warehouse_day"])
def test_every_report_row_by_row(client: Client, request: pytest.FixtureRequest, which: str) -> None:
    folder: HistoryFolder = request.getfixturevalue(which)
    dataset = made(client, which)
    assert load(client, dataset, folder) > 1_000
    ours, theirs = EmbeddedReports(folder), BigQueryReports(client, dataset, most_bytes=None)
    with_rows = set()
    for report in reports().values():
        here = ours.run(report.name, None, SINCE, UNTIL)
        there = theirs.run(report.name, None, SINCE, UNTIL)
        assert here.columns == there.columns, report.name
        assert_same(here.rows, there.rows)
        if here.rows:
            with_rows.add(report.name)
        elsewhere = theirs.run(report.name, "elsewhere", SINCE, UNTIL)
        assert elsewhere.rows == [] == ours.run(report.name, "elsewhere", SINCE, UNTIL).rows
    lacking = {"qr_health", "stock_accuracy"} if which == "store_day" else set()
    assert with_rows == reports().keys() - lacking


def test_rows_delivered_twice_count_once(client: Client, store_day: HistoryFolder) -> None:
    dataset = made(client, "twice")
    for _ in range(2):
        load(client, dataset, store_day)
    ours, theirs = EmbeddedReports(store_day), BigQueryReports(client, dataset, most_bytes=None)
    for report in reports().values():
        assert_same(
            ours.run(report.name, None, SINCE, UNTIL).rows, theirs.run(report.name, None, SINCE, UNTIL).rows
        )


def metric(number: int, **changes: Any) -> dict[str, Any]:
    row = {"metric_id": str(number), "event_time": 1_748_944_800_000, "site": "s", "name": "late", "value": 1}
    return row | changes


def test_a_row_that_is_refused_goes_to_quarantine_with_the_reason(client: Client) -> None:
    dataset = made(client, "refused")
    writer = BigQueryWriter(client, dataset, wait=lambda seconds: None)
    rows = [metric(n) for n in range(MOST_ROWS + 7)]
    rows[3]["name"] = "x" * (LARGEST_ROW + 1)
    written = writer.write(TABLES[METRICS], rows)
    assert (written.rows, written.refused) == (MOST_ROWS + 6, 1)
    assert count(client, f"SELECT COUNT(*) FROM `{dataset}.{METRICS}`") == MOST_ROWS + 6
    reason = f"SELECT COUNT(*) FROM `{dataset}.{QUARANTINE}` WHERE topic = '{METRICS}'"
    assert count(client, f"{reason} AND reason LIKE '%at most {LARGEST_ROW}'") == 1


def test_what_is_away_is_tried_again_and_then_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = made(client, "away")
    paused: list[float] = []
    writer = BigQueryWriter(client, dataset, attempts=3, wait=paused.append)
    real, calls = client.insert_rows_json, []

    def flaky(*args: Any, **named: Any) -> Any:
        calls.append(named["row_ids"])
        if len(calls) < 3:
            raise ServiceUnavailable("not now")
        return real(*args, **named)

    monkeypatch.setattr(client, "insert_rows_json", flaky)
    assert writer.write(TABLES[METRICS], [metric(1)]).rows == 1
    assert len(paused) == 2
    assert calls[0] == calls[1] == calls[2] == [insert_id(TABLES[METRICS], metric(1))]
    monkeypatch.undo()
    gone = BigQueryWriter(client, f"{PROJECT}.nowhere", attempts=2, wait=paused.append)
    with pytest.raises(UnavailableError):
        gone.write(TABLES[METRICS], [metric(1)])


@pytest.mark.parametrize("name", ["daily_loss_summary", "detector_quality", "weekly_executive_summary"])
def test_a_scheduled_run_twice_is_as_once(client: Client, store_day: HistoryFolder, name: str) -> None:
    dataset = made(client, f"scheduled_{name}")
    load(client, dataset, store_day)
    at = datetime(2025, 6, 9 if reports()[name].period != "day" else 4, 3, 3, tzinfo=UTC)
    # As a literal: in the WHEN clauses of a MERGE the emulator loses parameters, and then deletes nothing.
    sql = scheduled(reports()[name], dataset.partition(".")[2]).replace(
        "@run_time", f"TIMESTAMP '{at.isoformat(' ')}'"
    )
    table = f"`{dataset}.report_{name}`"
    numbers = []
    for again in (False, True):
        # The emulator does not replace a table, and IF NOT EXISTS does not keep it from making one again.
        client.delete_table(f"{dataset}.report_{name}_run", not_found_ok=True, retry=None, timeout=CALL_S)
        for statement in sql.split(";\n"):
            if statement.strip() and not (again and "IF NOT EXISTS" in statement):
                client.query_and_wait(statement, retry=None, job_retry=None, api_timeout=CALL_S)
        numbers.append(count(client, f"SELECT COUNT(*) FROM {table}"))
    assert numbers[0] == numbers[1] > 0
