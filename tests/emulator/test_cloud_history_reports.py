"""The service writes into a server that speaks BigQuery, and reports are asked of what it has written."""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.cloud.bigquery import SchemaField, Table as Made
from google.cloud.firestore import Client as Firestore

from guardian.adapters.embedded.files import FileSource, find_recordings
from guardian.adapters.google.bigquery_event_log import BigQueryEventLog
from guardian.adapters.google.bigquery_reports import BigQueryReports
from guardian.adapters.google.firestore_desk import FirestoreDesk
from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.adapters.history.fields import schema_json
from guardian.adapters.history.reports import reports
from guardian.adapters.history.tables import INCIDENTS, STREAM_TABLES, TABLES
from guardian.alerts.handling import Action, HandlingChange, Resolution
from guardian.engine.plan import Batch
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from infra.bigquery.generate import scheduled
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.emulator.history_service import HistoryService, Topics, from_kafka, until
from tests.servers.bigquery import PROJECT, client_of
from tests.servers.pubsub import PubSubEmulator

SINCE, UNTIL = datetime(2025, 6, 2, tzinfo=UTC), datetime(2025, 6, 6, tzinfo=UTC)
CALL_S = 60.0
MOST = 3_000
"""Events that are sent."""

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.bigquery,
    pytest.mark.timeout(3_600),
    pytest.mark.xdist_group("bigquery"),
]


def test_from_topics_and_firestore_to_a_report(
    bigquery_emulator: str,
    firestore_emulator: str,
    pubsub: PubSubEmulator,
    tmp_path: Path,
) -> None:
    site = f"site-{uuid.uuid4().hex[:12]}"
    settings = Settings(site=site, zone="Europe/Berlin")
    simulate_warehouse(
        WarehouseConfig(products=50, sensor_every_s=100.0, scenarios=("jd_com_attack",)), seed=4
    ).write(tmp_path / "day")

    # What the engine and people do.
    store = FirestoreStore(Firestore(project=PROJECT), site)
    worker = Worker(build_engine(settings, Catalogue.empty()), store)
    source = FileSource(find_recordings([tmp_path / "day"]), decoder_now(settings)[0])
    source.resume({})
    events: list[Event] = []
    while (batch := source.poll(5_000, 0.0)) is not None:
        worker.process(Batch(batch.events, batch.rejected))
        events += batch.events
    source.close()
    worker.finish()
    store.close()
    alerts = {stored.alert.alert_id: stored.alert for stored in store.alerts()}
    assert alerts
    desk = FirestoreDesk(Firestore(project=PROJECT))
    resolved = sorted(alerts)[0]
    change = HandlingChange(action=Action.RESOLVE, resolution=Resolution.TRUE_POSITIVE)
    desk.change(site, resolved, 0, change, "u1", int(time.time() * 1000))

    # The tables, as they are set up in the cloud.
    dataset = f"{PROJECT}.service_{uuid.uuid4().hex[:8]}"
    with client_of(bigquery_emulator) as client:
        client.create_dataset(dataset, retry=None, timeout=CALL_S)
        for table in TABLES.values():
            fields = [SchemaField.from_api_repr(field) for field in schema_json(table.fields)]
            client.create_table(Made(f"{dataset}.{table.name}", schema=fields), retry=None, timeout=CALL_S)

        def count(sql: str) -> int:
            (row,) = client.query_and_wait(sql, retry=None, job_retry=None, api_timeout=CALL_S)
            return int(row[0])

        topics = Topics(pubsub)
        service = HistoryService(
            tmp_path,
            {
                "PUBSUB_EMULATOR_HOST": pubsub.host,
                "FIRESTORE_EMULATOR_HOST": os.environ["FIRESTORE_EMULATOR_HOST"],
                "GUARDIAN_PUBSUB_PREFIX": topics.prefix,
                "BIGQUERY_EMULATOR_HOST": bigquery_emulator,
                "GUARDIAN_BIGQUERY": dataset,
                "GUARDIAN_HISTORY_FOLLOW_MS": "500",
            },
            site,
        )
        try:
            service.start()
            by_topic: dict[str, list[Event]] = {}
            for event in events[:MOST]:
                by_topic.setdefault(event.topic, []).append(event)
            for topic, of_topic in by_topic.items():
                topics.publish(topic, (from_kafka(event, n) for n, event in enumerate(of_topic)))
            for topic, of_topic in by_topic.items():
                number = len({event.ref for event in of_topic})
                sql = f"SELECT COUNT(DISTINCT event_id) FROM `{dataset}.{STREAM_TABLES[topic].name}`"
                until(lambda sql=sql, number=number: count(sql) == number, service.log.read_text)
            sql = f"SELECT COUNT(DISTINCT alert_id) FROM `{dataset}.alerts_history`"
            until(lambda: count(sql) == len(alerts), service.log.read_text)
            until(lambda: count(f"SELECT COUNT(*) FROM `{dataset}.{INCIDENTS}`") > 0, service.log.read_text)
            assert service.stop() == 0
        finally:
            service.close()

        # The reports of the API say what is in Firestore.
        quality = BigQueryReports(client, dataset, most_bytes=None).run(
            "detector_quality", site, SINCE, UNTIL
        )
        rows = [dict(zip(quality.columns, row, strict=True)) for row in quality.rows]
        assert {row["detector"]: row["alerts"] for row in rows} == Counter(
            alert.type for alert in alerts.values()
        )
        assert {row["detector"]: row["true_positive"] for row in rows if row["true_positive"]} == {
            alerts[resolved].type: 1
        }

        # A scheduled report makes its table of it.
        at = "TIMESTAMP '2025-06-09 03:03:00+00:00'"
        sql = scheduled(reports()["detector_quality"], dataset.partition(".")[2])
        for statement in sql.replace("@run_time", at).split(";\n"):
            if statement.strip():
                client.query_and_wait(statement, retry=None, job_retry=None, api_timeout=CALL_S)
        told = f"SELECT SUM(alerts) FROM `{dataset}.report_detector_quality` WHERE site = '{site}'"
        assert count(told) == len(alerts)

        # And what happened around an alert is found.
        log = BigQueryEventLog(client, dataset, most_bytes=None, timeout_s=CALL_S)
        sent = {event.ref for of_topic in by_topic.values() for event in of_topic}
        cited = {
            ref: alert
            for alert in alerts.values()
            for ref in alert.evidence.get("event_ids", [])
            if ref in sent
        }
        assert cited
        for ref, alert in list(cited.items())[:3]:
            assert ref in {event.event_id for event in log.around(alert, 300_000, 300_000, 500)}
