"""What can be told of our Terraform by reading it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from guardian.events.topics import OUTPUT_TOPICS, TOPICS
from infra import schemas as value_schemas, topology
from tests.infra.terraform_files import (
    ROOT,
    TERRAFORM,
    Block,
    blocks,
    complaints,
    files,
    plain,
    schemas,
    texts,
)

RESOURCES = list(blocks())


def test_there_is_something_to_check() -> None:
    assert len(RESOURCES) > 80
    assert {block.type for block in RESOURCES if block.kind == "resource"} >= {
        "confluent_kafka_topic",
        "google_cloudfunctions2_function",
        "google_cloud_run_v2_service",
        "google_firestore_index",
        "google_pubsub_subscription",
    }


@pytest.mark.parametrize("block", RESOURCES, ids=str)
def test_the_provider_knows_it(block: Block) -> None:
    known = schemas()[block.kind]
    assert block.type in known, f"{block}: make checks/google.json again (checks/extract.py)"
    assert list(complaints(block.body, known[block.type], str(block))) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"name": '"x"', "topic": '"t"'}, None),
        ({"name": '"x"'}, "x: topic is missing"),
        ({"name": '"x"', "topic": '"t"', "ack_deadline": 10}, "x: no attribute ack_deadline"),
        (
            {"name": '"x"', "topic": '"t"', "effective_labels": {}},
            "x: effective_labels is for the provider to set",
        ),
        ({"name": '"x"', "topic": '"t"', "push": [{"__is_block__": True}]}, "x: no block push"),
        (
            {"name": '"x"', "topic": '"t"', "push_config": [{"__is_block__": True}]},
            "x.push_config: push_endpoint is missing",
        ),
        (
            {"name": '"x"', "topic": '"t"', "dynamic": [{'"retry_policy"': {"content": [{"wait": 1}]}}]},
            "x.retry_policy: no attribute wait",
        ),
        (
            {"name": '"x"', "topic": '"t"', "retry_policy": [{"__is_block__": True}] * 2},
            "x: 2 times retry_policy",
        ),
    ],
)
def test_the_check_itself(body: dict[str, Any], complaint: str | None) -> None:
    schema = schemas()["resource"]["google_pubsub_subscription"]
    assert list(complaints(body, schema, "x")) == ([] if complaint is None else [complaint])


def test_nothing_in_the_schemas_is_unused() -> None:
    used = {(block.kind, block.type) for block in RESOURCES}
    assert {(kind, name) for kind, known in schemas().items() for name in known} == used


# --- One truth ------------------------------------------------------------------------------------------


def test_topology_is_that_of_the_code() -> None:
    assert topology.FILE.read_text("utf-8") == topology.text(), "python -m infra.topology"


def test_partitions_and_retention_are_those_of_the_registry() -> None:
    topics = json.loads(topology.FILE.read_text("utf-8"))["kafka"]
    assert {name: (one["partitions"], one["retention_days"]) for name, one in topics.items()} == {
        name: (one.partitions, one.retention_days) for name, one in {**TOPICS, **OUTPUT_TOPICS}.items()
    }
    (topic,) = (block for block in RESOURCES if block.type == "confluent_kafka_topic")
    assert topic.body["partitions_count"] == "${each.value.partitions}"
    (module,) = (text for path in files() for text in [path.read_text("utf-8")] if 'module "streams"' in text)
    assert re.search(r"topics\s+= local\.topology\.kafka\n", module)


def test_schemas_of_values_are_those_of_the_contracts() -> None:
    found = {path.stem: path.read_text("utf-8") for path in value_schemas.FOLDER.glob("*.json")}
    assert found == value_schemas.schemas(), "python -m infra.schemas"


def test_indexes_and_rules_are_the_files() -> None:
    text = (TERRAFORM / "modules" / "firestore" / "main.tf").read_text("utf-8")
    assert 'jsondecode(file("${var.rules_folder}/firestore.indexes.json"))' in text
    assert 'file("${var.rules_folder}/firestore.rules")' in text
    (root,) = (TERRAFORM / "modules" / "business_guardian").glob("main.tf")
    assert '"${var.repository_root}/firestore_rules"' in root.read_text("utf-8")
    assert (ROOT / "firestore_rules" / "firestore.indexes.json").is_file()


# --- What bites ------------------------------------------------------------------------------------------


def test_every_trigger_has_events_tried_again() -> None:
    functions = [block for block in RESOURCES if block.type == "google_cloudfunctions2_function"]
    triggers = [
        about["content"][0]
        for block in functions
        for entry in block.body.get("dynamic", [])
        for name, about in entry.items()
        if plain(name) == "event_trigger"
    ] + [trigger for block in functions for trigger in block.body.get("event_trigger", [])]
    assert triggers
    assert {plain(trigger["retry_policy"]) for trigger in triggers} == {"RETRY_POLICY_RETRY"}


def test_nothing_is_ordered() -> None:
    subscriptions = [block for block in RESOURCES if block.type == "google_pubsub_subscription"]
    assert subscriptions
    for block in subscriptions:
        assert block.body["enable_message_ordering"] is False, str(block)


def test_every_push_says_who_it_is() -> None:
    pushed = [
        block
        for block in RESOURCES
        if block.type == "google_pubsub_subscription" and "push_config" in block.body
    ]
    assert pushed
    for block in pushed:
        (token,) = block.body["push_config"][0]["oidc_token"]
        assert token["service_account_email"], str(block)
        assert token["audience"], str(block)
    for block in RESOURCES:
        if block.type == "google_cloud_scheduler_job" and "http_target" in block.body:
            assert block.body["http_target"][0]["oidc_token"], str(block)


ROLES = {
    "roles/aiplatform.user",
    "roles/artifactregistry.writer",
    "roles/bigquery.dataEditor",
    "roles/bigquery.dataViewer",
    "roles/bigquery.jobUser",
    "roles/datastore.user",
    "roles/eventarc.eventReceiver",
    "roles/logging.logWriter",
    "roles/pubsub.publisher",
    "roles/pubsub.subscriber",
    "roles/run.invoker",
    "roles/secretmanager.secretAccessor",
    "roles/storage.objectViewer",
}
"""All that any part needs. None of them lets anybody change what somebody may do."""

PROJECT_WIDE = {
    "roles/aiplatform.user",
    "roles/bigquery.jobUser",
    "roles/datastore.user",  # of one database, by its condition
    "roles/eventarc.eventReceiver",
    "roles/logging.logWriter",
}
"""Those that cannot be given for one thing alone."""


@pytest.mark.parametrize("block", [one for one in RESOURCES if "_iam_" in one.type], ids=str)
def test_least_privilege(block: Block) -> None:
    assert block.type.endswith("_iam_member"), "a binding or policy takes away what others have been given"
    role = plain(block.body["role"])
    assert role in (PROJECT_WIDE if block.type == "google_project_iam_member" else ROLES)
    if role == "roles/datastore.user":
        assert "condition" in block.body
    assert not {"allUsers", "allAuthenticatedUsers"} & set(texts(block.body))


def test_no_key_of_a_service_account_is_made() -> None:
    assert not [block for block in RESOURCES if block.type == "google_service_account_key"]


def test_reports_begin_three_minutes_past() -> None:
    reports = sorted((ROOT / "infra" / "bigquery" / "reports").glob("*.sql"))
    if not reports:
        pytest.skip("there are no reports")
    for path in reports:
        head = dict(
            re.findall(r"^-- (name|schedule|description): *(.*?) *$", path.read_text("utf-8"), re.MULTILINE)
        )
        assert head.keys() == {"name", "schedule", "description"}, path
        assert re.fullmatch(r"every \d+ hours|.*:03", head["schedule"]), path
    (config,) = (block for block in RESOURCES if block.type == "google_bigquery_data_transfer_config")
    assert ":03:00Z" in plain(config.body["schedule_options"][0]["start_time"])


def test_tables_have_what_the_module_reads() -> None:
    folder = ROOT / "infra" / "bigquery" / "schemas"
    if not folder.is_dir():
        pytest.skip("there are no tables")
    settings = json.loads((folder / "tables.json").read_text("utf-8"))
    tables = {path.stem: path for path in folder.glob("*.json") if path.name != "tables.json"}
    assert settings.keys() == tables.keys()
    for name, about in settings.items():
        assert about.keys() <= {
            "partition_field",
            "cluster_fields",
            "description",
            "expiration_days",
            "topic",
        }, name
        columns = {column["name"]: column for column in json.loads(tables[name].read_text("utf-8"))}
        assert columns[about["partition_field"]]["type"] in {"TIMESTAMP", "DATETIME", "DATE"}, name
        assert set(about["cluster_fields"]) <= columns.keys(), name
        assert len(about["cluster_fields"]) <= 4, name
        assert about.get("topic", next(iter(TOPICS))) in {**TOPICS, **OUTPUT_TOPICS}, name
