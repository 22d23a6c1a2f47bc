"""Values framed by a schema registry, read with the client's own in-memory registry."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from hypothesis import given, strategies as st

from guardian.adapters.kafka.settings import RegistrySettings
from guardian.adapters.kafka.values import (
    NOT_FOUND_FOR_S,
    RegistryUnavailableError,
    UndecodableError,
    ValueReader,
    value_reader,
)

PLACE = {"type": "record", "name": "Place", "fields": [{"name": "aisle", "type": "int"}]}
READING = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "sku", "type": "string"},
        {"name": "place", "type": "Place"},
        {"name": "weight", "type": ["null", "double"], "default": None},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {
            "name": "price",
            "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2},
            "default": "\0",
        },
    ],
}


def registry() -> SchemaRegistryClient:
    return SchemaRegistryClient.new_client({"url": "mock://test"})


def framed(number: int, payload: bytes) -> bytes:
    return b"\0" + number.to_bytes(4) + payload


def test_plain_values_are_left_alone() -> None:
    assert ValueReader().read(b'{"a": 1}') == b'{"a": 1}'
    assert ValueReader().read(b"") == b""


def test_json_schema() -> None:
    client = registry()
    number = client.register_schema("a-value", Schema('{"type": "object"}', "JSON"))
    reader = ValueReader(client)
    assert reader.read(framed(number, b'{"a": 1}')) == b'{"a": 1}'
    with pytest.raises(UndecodableError):
        reader.read(framed(number, b'{"a": '))


def test_avro_with_a_reference_and_logical_types() -> None:
    client = registry()
    client.register_schema("place", Schema(json.dumps(PLACE), "AVRO"))
    reference = SchemaReference("Place", "place", 1)
    number = client.register_schema("reading-value", Schema(json.dumps(READING), "AVRO", [reference]))
    named: dict[str, Any] = {}
    fastavro.parse_schema(PLACE, named_schemas=named)
    schema = fastavro.parse_schema(READING, named_schemas=named)
    out = io.BytesIO()
    value = {
        "sku": "P-1",
        "place": {"aisle": 3},
        "weight": None,
        "at": 1_748_944_800_000,
        "price": b"\x04\xd2",
    }
    fastavro.schemaless_writer(out, schema, value)
    reader = ValueReader(client)
    assert json.loads(reader.read(framed(number, out.getvalue()))) == {
        "sku": "P-1",
        "place": {"aisle": 3},
        "weight": None,
        "at": "2025-06-03T10:00:00Z",
        "price": 12.34,
    }
    with pytest.raises(UndecodableError, match="too many"):
        reader.read(framed(number, out.getvalue() + b"!"))


@given(st.binary(max_size=60))
def test_garbage_is_undecodable_and_nothing_else(payload: bytes) -> None:
    client = registry()
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "string"}]}
    number = client.register_schema("r-value", Schema(json.dumps(schema), "AVRO"))
    reader = ValueReader(client)
    for raw in (framed(number, payload), framed(number + 1, payload), b"\0" + payload):
        try:
            json.loads(reader.read(raw))
        except UndecodableError:
            pass


def test_without_a_registry_a_frame_is_undecodable() -> None:
    with pytest.raises(UndecodableError, match="no schema registry is configured"):
        value_reader(None).read(framed(1, b"{}"))


def test_other_kinds_of_schema_are_undecodable() -> None:
    client = registry()
    number = client.register_schema("p-value", Schema('syntax = "proto3";', "PROTOBUF"))
    with pytest.raises(UndecodableError, match="PROTOBUF"):
        ValueReader(client).read(framed(number, b"x"))


class _Registry:
    """Answers as it is told."""

    def __init__(self, answer: Exception | Schema) -> None:
        self.answer = answer
        self.asked = 0

    def get_schema(self, number: int) -> Schema:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_an_unknown_schema_is_asked_for_again_after_a_while() -> None:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    now = [0.0]
    fake = _Registry(SchemaRegistryError(404, 40403, "Schema not found"))
    reader = ValueReader(fake, clock=lambda: now[0])  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(UndecodableError, match="unknown"):
            reader.read(framed(5, b"{}"))
    assert fake.asked == 1
    now[0] = NOT_FOUND_FOR_S + 1
    fake.answer = Schema("{}", "JSON")
    assert reader.read(framed(5, b"{}")) == b"{}"
    assert reader.read(framed(5, b"[]")) == b"[]"
    assert fake.asked == 2


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_registry_that_refuses_is_no_fault_of_the_value(status: int) -> None:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    fake = _Registry(SchemaRegistryError(status, status * 100, "no"))
    with pytest.raises(RegistryUnavailableError):
        ValueReader(fake).read(framed(5, b"{}"))  # type: ignore[arg-type]


def test_a_registry_that_is_away_is_no_fault_of_the_value() -> None:
    with pytest.raises(RegistryUnavailableError):
        value_reader(RegistrySettings("http://127.0.0.1:9")).read(framed(1, b"{}"))
