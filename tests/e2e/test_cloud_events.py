"""What happened around an alert, in the cloud: the same events as embedded, and never in the alert's way."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlglot
from google.cloud.firestore import Client

from guardian.adapters.embedded.event_log import EventLogWriter, SqliteEventLog
from guardian.adapters.embedded.files import FileSource, find_recordings
from guardian.adapters.embedded.history.folder import HistoryFolder
from guardian.adapters.embedded.history.past import alerts
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.google.bigquery_client import bigquery_client
from guardian.adapters.google.bigquery_event_log import LEFT_ALONE_S, BigQueryEventLog
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.history.tables import STREAM_TABLES
from guardian.alerts.model import Alert
from guardian.desk_ports import LoggedEvent, StoreUnavailableError
from guardian.engine.plan import Plan
from guardian.runtime.composition import decoder_now
from guardian.runtime.settings import Settings
from tests.e2e.api_server import PATIENCE_S, ApiServer, running as api_running
from tests.e2e.kept_day import keep_day
from tests.servers.bigquery_inserts import (
    DATASET,
    GOOD,
    QUERIES,
    BigQueryInserts,
    Columns,
    Fault,
    running,
)
from tests.unit.alerts.alerts import EXAMPLE

pytestmark = pytest.mark.e2e

AROUND_MS = 300_000
COLUMNS = {"topic": "STRING", "event_id": "STRING", "event_time": "TIMESTAMP", "raw": "STRING"}


@pytest.fixture(scope="module", params=["day", "warehouse_day"])
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, HistoryFolder]:
    folder = tmp_path_factory.mktemp("kept")
    day: Path = request.getfixturevalue(request.param)
    return day, keep_day(day, folder / "history", folder / "guardian.db")


@pytest.fixture
def bigquery() -> Iterator[BigQueryInserts]:
    with running() as server:
        yield server


def in_duckdb(folder: HistoryFolder) -> Any:
    """Answers questions from a folder of history."""

    def ask(sql: str, parameters: dict[str, Any]) -> tuple[Columns, list[list[Any]]]:
        (query,) = sqlglot.transpile(
            sql.replace(f"`{DATASET}.", "`"),
            read="bigquery",
            write="duckdb",
            unsupported_level=sqlglot.ErrorLevel.RAISE,
        )
        used = {name: value for name, value in parameters.items() if f"${name}" in query}
        streams = [table.name for table in STREAM_TABLES.values()]
        with opened(folder, streams, parameters["since"].date(), parameters["until"].date()) as db:
            found = db.sql(query, params=used).to_arrow_table().to_pylist()
        for row in found:
            row["event_time"] = str(round(row["event_time"].timestamp() * 1_000_000))
        return COLUMNS, [[row[name] for name in COLUMNS] for row in found]

    return ask


def log_of(monkeypatch: pytest.MonkeyPatch, bigquery: BigQueryInserts, **named: Any) -> BigQueryEventLog:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery.url)
    return BigQueryEventLog(bigquery_client("guardian-test"), DATASET, **named)


def plain(events: list[LoggedEvent]) -> list[tuple[str, str, int, bytes]]:
    return [(one.topic, one.event_id, one.event_time, bytes(one.value)) for one in events]


@pytest.mark.timeout(240)
def test_the_same_events_as_embedded(
    kept: tuple[Path, HistoryFolder],
    bigquery: BigQueryInserts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day, folder = kept
    writer = EventLogWriter(tmp_path / "events.db")
    source = FileSource(find_recordings([day]), decoder_now(Settings())[0])
    source.resume({})
    while (batch := source.poll(10_000, 0.0)) is not None:
        writer.append(batch.events)
    source.close()
    writer.close()
    embedded = SqliteEventLog(tmp_path / "events.db")
    bigquery.ask = in_duckdb(folder)
    cloud = log_of(monkeypatch, bigquery, timeout_s=PATIENCE_S)
    by_type: dict[str, list[Alert]] = {}
    for alert in alerts(folder):
        by_type.setdefault(alert.type, []).append(alert)
    some = [alert for of_type in by_type.values() for alert in of_type[:2]]
    assert len(by_type) > 5
    number = 0
    for alert in some:
        there = cloud.around(alert, AROUND_MS, AROUND_MS, 100_000)
        assert plain(there) == plain(embedded.around(alert, AROUND_MS, AROUND_MS, 100_000)), alert
        number += len(there)
        few = cloud.around(alert, AROUND_MS, AROUND_MS, 3)
        assert len(few) == min(3, len(there))
        cited = {one.event_id for one in there} & set(alert.evidence.get("event_ids", []))
        assert len({one.event_id for one in few} & cited) == min(3, len(cited))
    assert number > 100
    elsewhere = msgspec.structs.replace(some[0], site="elsewhere")
    assert cloud.around(elsewhere, AROUND_MS, AROUND_MS, 100) == []
    # What a question may read, and for how long, is bounded.
    assert all(int(body["maximumBytesBilled"]) == 5_000_000_000 for body in bigquery.bodies)


@pytest.mark.parametrize(
    "fault",
    [Fault(status=400), Fault(status=403), Fault(status=503), Fault(cut=True), Fault(wait_s=5.0)],
    ids=str,
)
def test_who_does_not_answer_is_left_alone_for_a_while(
    fault: Fault, bigquery: BigQueryInserts, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    cloud = log_of(monkeypatch, bigquery, timeout_s=1.0, clock=lambda: now[0])
    alert = msgspec.structs.replace(EXAMPLE, site="s")
    bigquery.fault = lambda table: fault
    at = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        cloud.around(alert, AROUND_MS, AROUND_MS, 10)
    assert time.monotonic() - at < 20.0
    asked = len(bigquery.bodies)
    assert asked
    with pytest.raises(StoreUnavailableError):
        cloud.around(alert, AROUND_MS, AROUND_MS, 10)
    assert len(bigquery.bodies) == asked
    bigquery.fault = lambda table: GOOD
    bigquery.ask = lambda sql, parameters: (
        COLUMNS,
        [["pos-transactions", "e1", "1748944800000000", '{"a": 1}']],
    )
    now[0] += LEFT_ALONE_S
    assert plain(cloud.around(alert, AROUND_MS, AROUND_MS, 10)) == [
        ("pos-transactions", "e1", 1_748_944_800_000, b'{"a": 1}')
    ]


# --- Through the API


def token() -> str:
    """As the Auth emulator makes them."""
    now = int(time.time())
    claims = {
        "iss": "https://securetoken.google.com/guardian-test",
        "aud": "guardian-test",
        "sub": "uid-1",
        "iat": now - 10,
        "auth_time": now - 10,
        "exp": now + 3_000,
        "role": "operator",
        "sites": ["*"],
    }

    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@pytest.fixture
def stored(firestore_emulator: str) -> Alert:
    site = f"site-{uuid.uuid4().hex[:12]}"
    alert = msgspec.structs.replace(EXAMPLE, site=site, alert_id=f"al_{uuid.uuid4().hex}")
    store = FirestoreStore(Client(project="guardian-test"), site)
    store.commit(Plan(alerts={alert.alert_id: alert}))
    store.close()
    return alert


@pytest.fixture
def cloud_api(firestore_emulator: str, bigquery: BigQueryInserts, tmp_path: Path) -> Iterator[ApiServer]:
    with api_running(
        tmp_path / "unused.db",
        GUARDIAN_STORE="firestore",
        GOOGLE_CLOUD_PROJECT="guardian-test",
        FIRESTORE_EMULATOR_HOST=firestore_emulator,
        FIREBASE_AUTH_EMULATOR_HOST="127.0.0.1:9",  # asked for nothing: its tokens are read here
        GUARDIAN_BIGQUERY=DATASET,
        BIGQUERY_EMULATOR_HOST=bigquery.url,
    ) as server:
        yield server


@pytest.mark.emulator
@pytest.mark.xdist_group("firestore")
def test_an_alert_is_readable_whatever_bigquery_does(
    cloud_api: ApiServer, stored: Alert, bigquery: BigQueryInserts
) -> None:
    rows = [["pos-transactions", "e1", str(stored.event_time * 1000), '{"sku": "PRD_1"}']]
    bigquery.ask = lambda sql, parameters: (COLUMNS, rows if parameters["site"] == stored.site else [])
    path = f"alerts/{stored.alert_id}"
    found = cloud_api.ask("GET", path, token=token())
    assert found.status == 200, found.raw
    assert found.headers["Guardian-Events"] == "found"
    (event,) = found.body["events"]
    assert (event["topic"], event["event_id"], event["value"]) == ("pos-transactions", "e1", {"sku": "PRD_1"})
    (body,) = bigquery.bodies
    since, until = (
        next(one["parameterValue"]["value"] for one in body["queryParameters"] if one["name"] == name)
        for name in ("since", "until")
    )
    assert since < until

    bigquery.fault = lambda table: Fault(wait_s=60.0) if table == QUERIES else GOOD
    at = time.monotonic()
    found = cloud_api.ask("GET", path, token=token())
    assert time.monotonic() - at < PATIENCE_S / 2
    assert (found.status, found.body["alert_id"], found.body["events"]) == (200, stored.alert_id, [])
    assert found.headers["Guardian-Events"] == "unavailable"
    at = time.monotonic()
    assert cloud_api.ask("GET", path, token=token()).headers["Guardian-Events"] == "unavailable"
    assert time.monotonic() - at < 5.0, "who does not answer is not asked each time"
    lines = [json.loads(line) for line in cloud_api.log.read_text().splitlines()]
    assert [line["severity"] for line in lines if line["message"] == "events_not_found"] == ["WARNING"]
