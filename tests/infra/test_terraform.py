"""Terraform itself on our files: it formats, validates and applies them, with providers that are mocked.

What it would make is then held against what the code needs: the programs' own settings are read from the
environments that Terraform gives them.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_run.api.settings import api_settings
from cloud_run.correlator.settings import correlator_settings
from cloud_run.history.settings import history_settings
from guardian.adapters.google.gemini_narrator import gemini_settings
from guardian.adapters.history.tables import TABLES
from guardian.adapters.kafka.settings import kafka_settings
from guardian.detectors.parts import Part
from guardian.events.topics import FRAUD_ALERTS, OUTPUT_TOPICS, TOPICS
from guardian.runtime.part import part_settings
from infra.stage import main as stage
from stack.topology import (
    ALERT_NARRATOR,
    BRIDGE,
    HISTORY,
    NOTIFIER,
    PEOPLE,
    PUBSUB_TOPICS,
    subscriptions,
)
from tests.servers.terraform import ROOT, Terraform, terraform_or_skip

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(900), pytest.mark.xdist_group("terraform")]

PROJECT = "shop-prod"
ENVIRONMENTS = ("dev", "prod")
IMAGES = ("bridge", "correlator", "api", "history")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    terraform_or_skip()
    made = Terraform(tmp_path_factory.mktemp("terraform"))
    for name in ENVIRONMENTS:
        made.init(f"environments/{name}")
    # A test takes down what it has made, mocked as it is.
    topics = made.folder / "modules" / "streams" / "main.tf"
    topics.write_text(topics.read_text().replace("prevent_destroy = true", "prevent_destroy = false"))
    return made


@pytest.fixture(scope="module")
def whole(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Everything of production, with all that can be switched on."""
    folder = tmp_path_factory.mktemp("deployment")
    site = folder / "site"
    site.mkdir()
    (site / "settings.toml").write_text('site = "Harbour Street 12"\n')
    (site / "notify.toml").write_text("[channels]\n")
    (site / "products.csv").write_text("sku,name\n")
    assert stage(["--site", str(site), "--out", str(folder / "functions")]) == 0
    resources, wrong = terraform.applied("environments/prod", _test(site, folder / "functions"))
    assert wrong == []
    return resources


def _test(site: Path, functions: Path) -> str:
    images = ", ".join(f'{name} = "r/{name}@sha256:{"a" * 64}"' for name in IMAGES)
    return f"""
mock_provider "google" {{}}
mock_provider "confluent" {{
  mock_resource "confluent_kafka_cluster" {{
    defaults = {{ bootstrap_endpoint = "SASL_SSL://broker.example:9092" }}
  }}
  mock_data "confluent_schema_registry_cluster" {{
    defaults = {{ rest_endpoint = "https://registry.example" }}
  }}
}}

variables {{
  project         = "{PROJECT}"
  site_folder     = "{site}"
  build_folder    = "{functions}"
  images          = {{ {images} }}
  release         = "r2"
  live_release    = "r1"
  narratives      = true
  issues_codes    = true
  flink_statements = [{", ".join(f'"{path.stem}"' for path in (ROOT / "infra/flink").glob("*.sql"))}]
  notify_secrets  = ["SLACK_URL"]
  mail            = ["platform@example.com"]
  billing_account = "000000-000000-000000"
}}

run "whole" {{
  command = apply
}}
"""


def _of(resources: list[dict[str, Any]], kind: str, name: str | None = None) -> list[dict[str, Any]]:
    return [
        one
        for one in resources
        if one["type"] == kind and one["mode"] == "managed" and name in (None, one["name"])
    ]


def _values(resources: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, dict[str, Any]]:
    """By name of what is made, as the cloud calls it."""
    found = _of(resources, kind, name)
    key = next(key for key in ("account_id", "topic_name", "secret_id", "name") if key in found[0]["values"])
    return {one["values"][key]: one["values"] for one in found}


def _service_environment(service: dict[str, Any]) -> dict[str, str]:
    (container,) = service["template"][0]["containers"]
    return {one["name"]: one["value"] or "from-a-secret" for one in container["env"]} | {"PORT": "8080"}


@pytest.fixture
def services(whole: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return _values(whole, "google_cloud_run_v2_service")


@pytest.fixture
def functions(whole: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return _values(whole, "google_cloudfunctions2_function")


@pytest.fixture
def accounts(whole: list[dict[str, Any]]) -> dict[str, str]:
    """Addresses of the service accounts by name."""
    made = _values(whole, "google_service_account")
    return {name: account["email"] for name, account in made.items()}


# --- The files ------------------------------------------------------------------------------------------


def test_format() -> None:
    terraform_or_skip()
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-no-color", str(ROOT / "infra" / "terraform")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_valid(terraform: Terraform, name: str) -> None:
    told = json.loads(terraform.run(f"environments/{name}", "validate", "-json").stdout)
    assert told["diagnostics"] == []


def test_a_mistake_is_found(terraform: Terraform, tmp_path: Path) -> None:
    """Else the tests above could say yes to everything."""
    spoilt = Terraform(tmp_path)
    path = spoilt.folder / "modules" / "pubsub" / "main.tf"
    path.write_text(
        path.read_text().replace("ack_deadline_seconds", "ack_deadline").replace(".id\n", ".identity\n")
    )
    spoilt.init("environments/dev")
    told = json.loads(spoilt.run("environments/dev", "validate", "-json", check=False).stdout)
    summaries = {one["summary"] for one in told["diagnostics"]}
    assert summaries >= {"Unsupported argument", "Unsupported attribute"}


# --- Delivery -------------------------------------------------------------------------------------------


def _pushed(whole: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from _values(whole, "google_pubsub_subscription", "push").items()


def test_every_part_is_given_its_topics(
    whole: list[dict[str, Any]], functions: dict[str, dict[str, Any]]
) -> None:
    topics = {one["id"]: name for name, one in _values(whole, "google_pubsub_topic").items()}
    triggered = {
        name.replace("-", "_"): topics[one["event_trigger"][0]["pubsub_topic"]]
        for name, one in functions.items()
        if one["event_trigger"]
    }
    assert triggered == {ALERT_NARRATOR: FRAUD_ALERTS, NOTIFIER: FRAUD_ALERTS}
    expected = {
        one.name: one
        for one in subscriptions(PROJECT)
        if one.part not in {*triggered, BRIDGE, HISTORY, PEOPLE}
    }
    found = dict(_pushed(whole))
    assert found.keys() == expected.keys()
    for name, one in expected.items():
        made = found[name]
        assert topics[made["topic"]] == one.topic
        assert one.path is not None
        assert made["push_config"][0]["push_endpoint"].endswith(one.path)
        assert made["ack_deadline_seconds"] == one.ack_deadline_s
    assert set(topics.values()) == {*PUBSUB_TOPICS, "dead-letters"}


def test_what_fails_comes_again(whole: list[dict[str, Any]], functions: dict[str, dict[str, Any]]) -> None:
    pushed_to = {one["push_config"][0]["push_endpoint"].split("/projects/")[0] for _, one in _pushed(whole)}
    for name, function in functions.items():
        if function["event_trigger"]:
            assert function["event_trigger"][0]["retry_policy"] == "RETRY_POLICY_RETRY", name
        else:
            assert function["service_config"][0]["uri"] in pushed_to, name
    waits = {one.name: (f"{one.first_retry_s}s", f"{one.longest_retry_s}s") for one in subscriptions(PROJECT)}
    for name, one in _pushed(whole):
        (policy,) = one["retry_policy"]
        assert (policy["minimum_backoff"], policy["maximum_backoff"]) == waits[name]


def test_ordering_and_dead_letters_exclude_each_other(whole: list[dict[str, Any]]) -> None:
    made = _values(whole, "google_pubsub_subscription")
    assert [name for name, one in made.items() if one["dead_letter_policy"]]
    for name, one in made.items():
        assert not (one["dead_letter_policy"] and one["enable_message_ordering"]), name


def test_dead_letters_can_be_moved(whole: list[dict[str, Any]]) -> None:
    """Without these rights of Pub/Sub's own agent nothing ever gets to the dead-letter topic."""
    agent = re.compile(r"serviceAccount:service-.*@gcp-sa-pubsub\.iam\.gserviceaccount\.com")
    (topic,) = _of(whole, "google_pubsub_topic_iam_member", "dead_letters")
    assert agent.fullmatch(topic["values"]["member"])
    given = {
        one["values"]["subscription"]
        for one in _of(whole, "google_pubsub_subscription_iam_member", "dead_letters")
        if agent.fullmatch(one["values"]["member"]) and one["values"]["role"] == "roles/pubsub.subscriber"
    }
    made = _values(whole, "google_pubsub_subscription")
    assert given == {one["id"] for one in made.values() if one["dead_letter_policy"]}


def test_every_push_is_signed_and_let_in(
    whole: list[dict[str, Any]],
    services: dict[str, dict[str, Any]],
    functions: dict[str, dict[str, Any]],
    accounts: dict[str, str],
) -> None:
    audiences = {
        services["correlator"]["uri"]: services["correlator"]["custom_audiences"][0],
        **{one["service_config"][0]["uri"]: one["service_config"][0]["uri"] for one in functions.values()},
    }
    for name, one in _pushed(whole):
        (token,) = one["push_config"][0]["oidc_token"]
        assert token["service_account_email"] == accounts["guardian-push"], name
        assert (
            token["audience"] == audiences[one["push_config"][0]["push_endpoint"].split("/projects/")[0]]
        ), name
    let_in: dict[str, set[str]] = {}
    for one in _of(whole, "google_cloud_run_v2_service_iam_member"):
        assert one["values"]["role"] == "roles/run.invoker"
        let_in.setdefault(one["values"]["name"], set()).add(one["values"]["member"])
    push, scheduler = (f"serviceAccount:{accounts[f'guardian-{name}']}" for name in ("push", "scheduler"))
    assert let_in["correlator"] == {push, scheduler}
    assert let_in["event-checks"] == let_in["qr-verification"] == {push}
    assert let_in.keys() == {"correlator", *functions}, "nobody calls the workers; the API asks for itself"


def test_correlator_knows_its_callers(services: dict[str, dict[str, Any]], accounts: dict[str, str]) -> None:
    oidc = correlator_settings(_service_environment(services["correlator"])).oidc
    assert oidc is not None
    assert oidc.audience == services["correlator"]["custom_audiences"][0]
    assert set(oidc.emails) == {accounts["guardian-push"], accounts["guardian-scheduler"]}


def test_history_may_do_what_it_does_and_nothing_else(
    whole: list[dict[str, Any]],
) -> None:
    account = _values(whole, "google_service_account")["guardian-history"]
    members = {f"serviceAccount:{account['email']}", account["member"]}
    given: dict[str, set[str]] = {}
    for one in whole:
        if "_iam_" in one["type"] and one["values"].get("member") in members:
            about = one["values"]
            over = about.get("subscription") or about.get("dataset_id") or about.get("bucket") or "project"
            given.setdefault(about["role"], set()).add(over)
    made = _values(whole, "google_pubsub_subscription")
    pulled = {made[one.name]["id"] for one in subscriptions(PROJECT) if one.part == HISTORY}
    assert given.pop("roles/pubsub.subscriber") == pulled
    assert given.pop("roles/bigquery.dataEditor") == {"guardian"}
    assert given.pop("roles/datastore.user") == {"project"}
    assert len(given.pop("roles/storage.objectViewer")) == 1
    assert given == {}


def test_what_history_cannot_take_is_tried_again_and_put_aside(whole: list[dict[str, Any]]) -> None:
    made = _values(whole, "google_pubsub_subscription")
    waits = {one.name: (f"{one.first_retry_s}s", f"{one.longest_retry_s}s") for one in subscriptions(PROJECT)}
    for one in subscriptions(PROJECT):
        if one.part == HISTORY:
            (dead,), (retry,) = made[one.name]["dead_letter_policy"], made[one.name]["retry_policy"]
            assert dead["max_delivery_attempts"] == 100
            assert (retry["minimum_backoff"], retry["maximum_backoff"]) == waits[one.name]
            assert made[one.name]["message_retention_duration"] == "604800s"


def test_rows_expire_when_their_tables_say(whole: list[dict[str, Any]]) -> None:
    found = {
        one["values"]["table_id"]: one["values"]["time_partitioning"][0]
        for one in _of(whole, "google_bigquery_table", "these")
    }
    assert found.keys() == TABLES.keys()
    for name, partitioning in found.items():
        table = TABLES[name]
        assert partitioning["field"] == table.partition
        days = (partitioning["expiration_ms"] or 0) / 86_400_000
        assert days == table.expiration_days, name
    assert {table.expiration_days for table in TABLES.values()} == {0, 400}


def test_history_gets_every_topic_once(whole: list[dict[str, Any]]) -> None:
    topics = {one["id"]: name for name, one in _values(whole, "google_pubsub_topic").items()}
    kept = [
        topics[one["values"]["topic"]]
        for one in _of(whole, "google_pubsub_subscription")
        if one["values"]["bigquery_config"]
    ]
    assert sorted(kept) == sorted({*TOPICS, FRAUD_ALERTS})


# --- What each part is told -----------------------------------------------------------------------------


def test_correlator_environment(services: dict[str, dict[str, Any]]) -> None:
    settings = correlator_settings(_service_environment(services["correlator"]))
    assert settings.part.part == Part.CORRELATOR
    assert settings.part.store == "firestore"
    assert settings.part.relay
    assert settings.part.project == PROJECT
    assert settings.part.catalogue == Path("site/products.csv")
    assert settings.threads >= services["correlator"]["template"][0]["max_instance_request_concurrency"]


@pytest.mark.parametrize("part", [Part.QR_VERIFICATION, Part.EVENT_CHECKS])
def test_deciding_function_environment(functions: dict[str, dict[str, Any]], part: Part) -> None:
    (config,) = functions[part.replace("_", "-")]["service_config"]
    settings = part_settings(config["environment_variables"], part, "worker")
    assert (settings.store, settings.relay, settings.project) == ("firestore", True, PROJECT)
    assert settings.site_settings == Path("site/settings.toml")
    assert int(config["environment_variables"]["THREADS"]) >= config["max_instance_request_concurrency"]


def test_api_environment(services: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    environment = _service_environment(services["api"])
    (tmp_path / "index.html").touch()
    settings = api_settings(environment | {"GUARDIAN_DASHBOARD": str(tmp_path)})  # of the image
    assert settings.store == "firestore"
    assert settings.host == "0.0.0.0"
    assert settings.project == PROJECT
    assert settings.identity is not None
    assert settings.identity.project == PROJECT
    assert settings.firebase is not None
    assert settings.qr_key is not None
    mounted = {one["mount_path"] for one in services["api"]["template"][0]["containers"][0]["volume_mounts"]}
    assert mounted == {"/app/site", str(settings.qr_key.parent)}
    assert (
        settings.threads
        >= services["api"]["template"][0]["max_instance_request_concurrency"]
        > settings.streams
    )


def test_history_environment(services: dict[str, dict[str, Any]]) -> None:
    environment = _service_environment(services["history"])
    settings = history_settings(environment)
    assert (settings.project, settings.dataset) == (PROJECT, f"{PROJECT}.guardian")
    assert settings.catalogue == Path("site/products.csv")
    assert settings.site_settings == Path("site/settings.toml")
    assert settings.database == "(default)"
    (container,) = services["history"]["template"][0]["containers"]
    assert {one["mount_path"] for one in container["volume_mounts"]} == {"/app/site"}
    assert services["history"]["template"][0]["scaling"][0]["max_instance_count"] == 1


def test_bridge_environment(services: dict[str, dict[str, Any]]) -> None:
    environment = _service_environment(services["bridge"])
    kafka = kafka_settings(environment)
    assert kafka.bootstrap == "broker.example:9092"
    assert kafka.credentials is not None
    assert kafka.registry is not None
    assert kafka.registry.credentials is not None
    assert environment["GOOGLE_CLOUD_PROJECT"] == PROJECT
    assert environment["GUARDIAN_ALERTS_SUBSCRIPTION"] in {
        one.name for one in subscriptions(PROJECT) if one.part == BRIDGE
    }


def test_narrator_and_notifier_environment(functions: dict[str, dict[str, Any]]) -> None:
    narrator = functions["alert-narrator"]["service_config"][0]["environment_variables"]
    assert gemini_settings(narrator).project == PROJECT
    notifier = functions["notifier"]["service_config"][0]
    assert notifier["environment_variables"]["GUARDIAN_NOTIFY_SETTINGS"] == "site/notify.toml"
    assert [one["key"] for one in notifier["secret_environment_variables"]] == ["SLACK_URL"]


def test_nothing_is_told_that_nobody_reads(
    services: dict[str, dict[str, Any]], functions: dict[str, dict[str, Any]]
) -> None:
    code = "".join(
        path.read_text("utf-8")
        for folder in ("guardian", "cloud_run", "functions")
        for path in (ROOT / folder).rglob("*.py")
    )
    # Names that are put together: the prefix of a password's variables, and its end.
    known = set(re.findall(r"\b[A-Z][A-Z_]{4,}\b", code)) | {
        f"{prefix}{end}"
        for prefix in re.findall(r"\"(GUARDIAN_\w+_)\"", code)
        for end in ("USERNAME", "PASSWORD", "PASSWORD_FILE")
    }
    told = {name for one in services.values() for name in _service_environment(one)}
    for one in functions.values():
        told |= one["service_config"][0]["environment_variables"].keys()
    assert told - known == {"PORT", "THREADS"} - known


def test_secrets_can_be_read_by_who_is_given_them(
    whole: list[dict[str, Any]], services: dict[str, dict[str, Any]], functions: dict[str, dict[str, Any]]
) -> None:
    readers = {
        (one["values"]["secret_id"], one["values"]["member"])
        for one in _of(whole, "google_secret_manager_secret_iam_member")
    }
    ids = {name: one["id"] for name, one in _values(whole, "google_secret_manager_secret").items()}
    given = []
    for service in services.values():
        (template,) = service["template"]
        for variable in template["containers"][0]["env"]:
            for source in variable["value_source"]:
                given.append((source["secret_key_ref"][0]["secret"], template["service_account"]))
        given += [
            (volume["secret"][0]["secret"], template["service_account"])
            for volume in template["volumes"]
            if volume["secret"]
        ]
    for function in functions.values():
        (config,) = function["service_config"]
        given += [
            (one["secret"], config["service_account_email"]) for one in config["secret_environment_variables"]
        ]
    assert {secret for secret, _ in given} == {
        "kafka-bridge",
        "kafka-schemas",
        "notify-slack-url",
        "qr-private-keys",
    }
    for secret, email in given:
        assert (ids[secret], f"serviceAccount:{email}") in readers


def test_every_part_has_an_identity_of_its_own(
    services: dict[str, dict[str, Any]], functions: dict[str, dict[str, Any]]
) -> None:
    identities = [one["template"][0]["service_account"] for one in services.values()]
    identities += [one["service_config"][0]["service_account_email"] for one in functions.values()]
    assert len(identities) == len(set(identities)) == 8


# --- How they run ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bridge", "correlator", "history"])
def test_always_there(services: dict[str, dict[str, Any]], name: str) -> None:
    (template,) = services[name]["template"]
    assert template["scaling"][0]["min_instance_count"] >= 1
    assert template["containers"][0]["resources"][0]["cpu_idle"] is False


@pytest.mark.parametrize("name", ["api", "bridge", "correlator", "history"])
def test_probed(services: dict[str, dict[str, Any]], name: str) -> None:
    (container,) = services[name]["template"][0]["containers"]
    assert container["liveness_probe"][0]["http_get"][0]["path"] == "/healthz"
    assert container["startup_probe"][0]["http_get"][0]["path"] in {"/healthz", "/readyz"}


@pytest.mark.parametrize("name", ["api", "correlator"])
def test_a_candidate_gets_no_traffic(services: dict[str, dict[str, Any]], name: str) -> None:
    assert services[name]["template"][0]["revision"] == f"{name}-r2"
    assert [(one["revision"], one["percent"], one["tag"] or "") for one in services[name]["traffic"]] == [
        (f"{name}-r1", 100, ""),
        (f"{name}-r2", 0, "candidate"),
    ]


def test_topics_of_kafka(whole: list[dict[str, Any]]) -> None:
    made = _values(whole, "confluent_kafka_topic")
    assert {
        name: (one["partitions_count"], int(one["config"]["retention.ms"]) / 86_400_000)
        for name, one in made.items()
    } == {name: (one.partitions, one.retention_days) for name, one in {**TOPICS, **OUTPUT_TOPICS}.items()}


def test_firestore(whole: list[dict[str, Any]]) -> None:
    file = json.loads((ROOT / "firestore_rules" / "firestore.indexes.json").read_text("utf-8"))
    indexes = [one["values"] for one in _of(whole, "google_firestore_index")]
    assert sorted(
        (
            one["collection"],
            [(field["field_path"], field["order"] or field["array_config"]) for field in one["fields"]],
        )
        for one in indexes
    ) == sorted(
        (
            one["collectionGroup"],
            [(field["fieldPath"], field.get("order") or field["arrayConfig"]) for field in one["fields"]],
        )
        for one in file["indexes"]
    )
    fields = {
        (one["values"]["collection"], one["values"]["field"]): one["values"]
        for one in _of(whole, "google_firestore_field")
    }
    assert fields.keys() == {
        *((one["collectionGroup"], one["fieldPath"]) for one in file["fieldOverrides"]),
        ("notices", "delete_at"),
    }
    assert fields["notices", "delete_at"]["ttl_config"]
    rules = (ROOT / "firestore_rules" / "firestore.rules").read_text("utf-8")
    (ruleset,) = _of(whole, "google_firebaserules_ruleset")
    assert ruleset["values"]["source"][0]["files"][0]["content"] == rules


def test_somebody_is_told(whole: list[dict[str, Any]]) -> None:
    (channel,) = _of(whole, "google_monitoring_notification_channel")
    policies = _of(whole, "google_monitoring_alert_policy")
    assert {one["name"] for one in policies} == {
        "api",
        "bridge",
        "dead_letters",
        "errors",
        "history",
        "lag",
        "latency",
        "quarantine",
    }
    for one in policies:
        assert one["values"]["notification_channels"] == [channel["values"]["id"]]
    (budget,) = _of(whole, "google_billing_budget")
    assert len(budget["values"]["threshold_rules"]) == 4


def test_archives_are_those_that_were_staged(
    whole: list[dict[str, Any]], functions: dict[str, dict[str, Any]]
) -> None:
    for name, function in functions.items():
        (build,) = function["build_config"]
        assert re.fullmatch(
            rf"{name.replace('-', '_')}-[0-9a-f]{{16}}\.zip",
            build["source"][0]["storage_source"][0]["object"],
        )
        source = (ROOT / "functions" / name.replace("-", "_") / "main.py").read_text("utf-8")
        assert f"def {build['entry_point']}(" in source
