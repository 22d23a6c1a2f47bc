"""The correlator's app and settings, without a server: what is answered to whom, and what is counted."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from threading import Thread

import pytest
from flask.testing import FlaskClient
from hypothesis import given, strategies as st

from cloud_run.correlator.app import Parts, create_app
from cloud_run.correlator.metrics import Metrics
from cloud_run.correlator.settings import CorrelatorSettings, correlator_settings
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.google.oidc import FixedKeys, GoogleKeys, TokenVerifier
from guardian.detectors.parts import Part
from guardian.engine.plan import Plan
from guardian.events.catalogue import Catalogue
from guardian.events.topics import FRAUD_ALERTS, QUEUE
from guardian.runtime.alert_message import alert_message
from guardian.runtime.composition import build_engine, decoder_now
from guardian.runtime.grouping import Grouping, GroupLimits
from guardian.runtime.part import FIRESTORE, PartSettings
from guardian.runtime.settings import Settings, SettingsError
from guardian.runtime.worker import Worker
from tests.unit.adapters.test_oidc import AUDIENCE, CALLER, PUBLIC, token
from tests.unit.alerts.alerts import AT, alert

PATIENCE_S = 60.0
SAMPLE = {
    "timestamp": "2025-08-13T16:00:00",
    "station_id": "SCC1",
    "status": "Active",
    "data": {"customer_count": 9, "average_dwell_time": 30.0},
}


class Store(SqliteStore):
    """May be told to fail."""

    trouble: Callable[[], None] = staticmethod(lambda: None)

    def commit(self, plan: Plan) -> None:
        self.trouble()
        super().commit(plan)

    def watermark(self) -> bytes:
        self.trouble()
        return super().watermark()


def refuse() -> None:
    raise OSError("no store today")


class Scene:
    """An app over a store in memory."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier | None = None,
        answer_s: float = PATIENCE_S,
        part: Part | None = None,
    ) -> None:
        site = Settings(lateness_s=1.0)
        decoder, _ = decoder_now(site)
        self.store = Store(MEMORY)
        self.metrics = Metrics()
        self.grouping = Grouping(
            Worker(build_engine(site, Catalogue.empty(), part=part), self.store),
            GroupLimits(most_wait_s=0.0, most_waiting=1),
            idle_after_s=3_600.0,
            on_done=self.metrics.done,
        )
        self.relay = None
        self.metrics.watch(self)
        self.app = create_app(
            Parts(
                grouping=self.grouping,
                store=self.store,
                record=lambda message: message.event(decoder),
                tick=self.grouping.ask_tick,
                metrics=self.metrics,
                verifier=verifier,
                answer_s=answer_s,
            )
        )

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = Thread(target=self.grouping.run)
        thread.start()
        try:
            yield
        finally:
            self.grouping.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def push(self, value: object, topic: str = QUEUE, number: int = 0) -> int:
        """The status of the answer."""
        data = base64.b64encode(json.dumps(value).encode()).decode()
        place = {"kafka-topic": topic, "kafka-partition": "0", "kafka-offset": str(number)}
        message = {"messageId": f"m{number}", "data": data, "attributes": place}
        return self.client.post("/push", json={"message": message}).status_code

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def test_events_and_poison_are_acknowledged_and_counted() -> None:
    scene = Scene()
    with scene.running():
        for number in range(4):
            assert scene.push(SAMPLE, number=number) == 204
        assert scene.push({"x": 1}, number=4) == 204
        assert scene.push(SAMPLE, "no-such-stream", number=5) == 204
    assert scene.sample("guardian_events_total", topic=QUEUE, outcome="committed") == 4
    assert scene.sample("guardian_events_total", topic=QUEUE, outcome="quarantined") == 1
    assert scene.sample("guardian_events_total", topic="unknown", outcome="quarantined") == 1
    assert scene.sample("guardian_batch_records_count") == 6
    assert scene.sample("guardian_commit_seconds_count", outcome="committed") == 6
    assert scene.sample("guardian_waiting_records") == 0
    assert scene.sample("guardian_requests_total", path="push", status="204") == 6
    lag = scene.sample("guardian_watermark_lag_seconds")
    assert lag is not None
    assert lag > 1_000_000
    assert [record.topic for record in scene.store.quarantine()] == [QUEUE, None]
    (found,) = {stored.alert.type for stored in scene.store.alerts()} & {"LONG_QUEUE"}
    assert scene.sample("guardian_alerts_total", type=found, status="confirmed") == 1


@pytest.mark.parametrize(("part", "needs"), [(Part.CORRELATOR, 1), (None, 0)])
def test_alerts_of_other_parts_are_taken(part: Part | None, needs: int) -> None:
    """By an engine that does not raise them itself."""
    queue = alert(site="store", ended_at=AT + 90_000, evidence={"station_id": "SCC1", "ongoing": True})
    data, attributes = alert_message("row-1", queue, UTC)
    scene = Scene(part=part)
    with scene.running():
        for data_sent in (data, data, b"{}"):
            body = {
                "message": {
                    "messageId": "1",
                    "data": base64.b64encode(data_sent).decode(),
                    "attributes": attributes,
                }
            }
            assert scene.client.post(f"/projects/p/topics/{FRAUD_ALERTS}", json=body).status_code == 204
    counts = [stored.alert.count for stored in scene.store.alerts() if stored.alert.type == "STAFFING_NEED"]
    assert counts == [1] * needs
    assert [record.topic for record in scene.store.quarantine()] == [FRAUD_ALERTS]
    assert scene.store.counters()[f"events.{FRAUD_ALERTS}"] == 2


def test_the_same_message_again_changes_nothing() -> None:
    scene = Scene()
    with scene.running():
        for _ in range(3):
            for number in range(4):
                assert scene.push(SAMPLE, number=number) == 204
    (queue,) = [one.alert for one in scene.store.alerts() if one.alert.type == "LONG_QUEUE"]
    assert queue.count == 4


def test_the_path_may_name_the_stream() -> None:
    scene = Scene()
    body = {"message": {"messageId": "1", "data": base64.b64encode(json.dumps(SAMPLE).encode()).decode()}}
    with scene.running():
        assert scene.client.post(f"/projects/p/topics/{QUEUE}", json=body).status_code == 204
    assert scene.sample("guardian_events_total", topic=QUEUE, outcome="committed") == 1


def test_a_commit_that_fails_makes_the_sender_try_again() -> None:
    scene = Scene()
    with scene.running():
        scene.store.trouble = refuse
        assert scene.push(SAMPLE) == 503
        assert scene.push({"x": 1}) == 503
        scene.store.trouble = lambda: None
        assert scene.push(SAMPLE) == 204
    assert scene.sample("guardian_events_total", topic=QUEUE, outcome="failed") == 2
    assert scene.sample("guardian_events_total", topic=QUEUE, outcome="committed") == 1


def test_when_it_is_busy_it_says_so_and_when_it_takes_long_too() -> None:
    """Nobody works here: the first request waits for its time, the second one is not even taken."""
    scene = Scene(answer_s=0.0)
    assert scene.push(SAMPLE) == 503
    assert scene.push(SAMPLE) == 429
    scene.grouping.stop()
    assert scene.push(SAMPLE) == 503


def test_health() -> None:
    scene = Scene()
    assert scene.client.get("/healthz").status_code == 204
    assert scene.client.get("/readyz").status_code == 503
    with scene.running():
        while not scene.grouping.running:
            pass
        assert scene.client.get("/readyz").status_code == 204
    assert scene.client.get("/healthz").status_code == 204
    assert scene.client.get("/readyz").status_code == 503


def test_a_store_that_does_not_answer_is_not_ready_but_alive() -> None:
    scene = Scene()
    with scene.running():
        while not scene.grouping.running:
            pass
        scene.store.trouble = refuse
        assert scene.client.get("/readyz").status_code == 503
        assert scene.client.get("/healthz").status_code == 204


def test_a_worker_that_died_is_not_alive() -> None:
    scene = Scene()

    def die() -> None:
        raise KeyboardInterrupt

    scene.store.trouble = die
    scene.grouping.submit([])
    with pytest.raises(KeyboardInterrupt):
        scene.grouping.run()
    assert scene.client.get("/healthz").status_code == 503


def test_what_goes_wrong_inside_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()

    def fail(*_: object) -> None:
        raise RuntimeError("Jane Doe")

    monkeypatch.setattr(scene.grouping, "submit", fail)
    answer = scene.client.post("/push", json={"message": {"messageId": "1"}})
    assert (answer.status_code, answer.data) == (500, b"")


def test_metrics_are_for_those_beside_us_and_those_with_a_token() -> None:
    scene = Scene(verifier=TokenVerifier(FixedKeys({"k1": PUBLIC}), AUDIENCE, [CALLER]))
    far = {"REMOTE_ADDR": "203.0.113.7"}
    assert b"guardian_waiting_records" in scene.client.get("/metrics").data
    assert scene.client.get("/metrics", environ_overrides=far).status_code == 401
    headers = {"Authorization": f"Bearer {token()}"}
    assert scene.client.get("/metrics", environ_overrides=far, headers=headers).status_code == 200


def test_when_keys_cannot_be_had_callers_are_to_try_again() -> None:
    def no_network() -> tuple[bytes, str]:
        raise OSError

    scene = Scene(verifier=TokenVerifier(GoogleKeys(no_network), AUDIENCE, [CALLER]))
    headers = {"Authorization": f"Bearer {token()}"}
    assert scene.client.post("/tick", headers=headers).status_code == 503


header_names = st.sampled_from(["content-type", "ce-type", "ce-id"])
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.binary(max_size=200), st.dictionaries(header_names, header_values))
def test_whatever_comes_is_answered(body: bytes, headers: dict[str, str]) -> None:
    scene = Scene(answer_s=0.0)
    assert scene.client.post("/push", data=body, headers=headers).status_code in {400, 503}


def test_an_alert_that_only_grows_is_not_counted_again() -> None:
    scene = Scene()
    with scene.running():
        for number in range(6):
            assert scene.push(SAMPLE, number=number) == 204
    samples = [
        sample.value
        for metric in scene.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "guardian_alerts_total"
    ]
    assert samples
    assert set(samples) == {1.0}


# --- Settings

OFF = {"GUARDIAN_STORE": "sqlite:/x/y.db", "GUARDIAN_OIDC": "off"}


def test_settings() -> None:
    part = PartSettings(part=None, store=Path("/x/y.db"), worker="correlator")
    assert correlator_settings(OFF) == CorrelatorSettings(part=part, oidc=None)
    chosen = correlator_settings(
        {
            "GUARDIAN_STORE": "firestore",
            "GUARDIAN_OIDC_AUDIENCE": "a",
            "GUARDIAN_OIDC_EMAILS": " b@c , d@e,",
            "PORT": "9000",
            "GUARDIAN_GROUP_WAIT_MS": "20",
            "GUARDIAN_PART": "correlator",
        }
    )
    assert (chosen.part.store, chosen.part.relay, chosen.part.part) == (FIRESTORE, True, Part.CORRELATOR)
    assert chosen.oidc is not None
    assert chosen.oidc.emails == ("b@c", "d@e")
    assert (chosen.port, chosen.part.limits.most_wait_s) == (9000, 0.02)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"GUARDIAN_STORE": ""}, "GUARDIAN_STORE"),
        ({"GUARDIAN_STORE": "sqlite:"}, "GUARDIAN_STORE"),
        ({"GUARDIAN_STORE": "mysql:x"}, "GUARDIAN_STORE"),
        ({"GUARDIAN_OIDC": ""}, "GUARDIAN_OIDC_AUDIENCE"),
        ({"GUARDIAN_OIDC": "no"}, "GUARDIAN_OIDC"),
        ({"GUARDIAN_OIDC": "", "GUARDIAN_OIDC_AUDIENCE": "a"}, "GUARDIAN_OIDC_EMAILS"),
        (
            {"GUARDIAN_OIDC": "", "GUARDIAN_OIDC_AUDIENCE": "a", "GUARDIAN_OIDC_EMAILS": ","},
            "GUARDIAN_OIDC_EMAILS",
        ),
        ({"GUARDIAN_OIDC_AUDIENCE": "a"}, "GUARDIAN_OIDC"),
        ({"GUARDIAN_PART": "event_checks"}, "GUARDIAN_PART"),
        ({"GUARDIAN_RELAY": "on"}, "GUARDIAN_RELAY"),
        ({"PORT": "0"}, "PORT"),
        ({"PORT": "x"}, "PORT"),
        ({"GUARDIAN_THREADS": "-1"}, "GUARDIAN_THREADS"),
        ({"GUARDIAN_THREADS": "9" * 5_000}, "GUARDIAN_THREADS"),
    ],
)
def test_settings_that_cannot_be_used_are_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        correlator_settings(OFF | changes)
