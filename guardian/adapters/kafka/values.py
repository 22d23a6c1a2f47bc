"""Values as producers wrote them → plain JSON.

Most values are JSON as they stand. A value that begins with a zero byte is framed by the Confluent Schema
Registry: zero, four bytes of schema id, then the value as that schema says. JSON Schema and Avro are read.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import fastavro
import msgspec
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from guardian.adapters.kafka.settings import RegistrySettings

FRAME_BYTES: Final = 5
SCHEMAS_KEPT: Final = 1_000
NOT_FOUND_FOR_S: Final = 60.0
"""How long an unknown schema id is not asked for again: a flood of broken frames must not become one of
requests."""
MAX_REFERENCES: Final = 50

_encode = msgspec.json.Encoder(decimal_format="number").encode


class UndecodableError(ValueError):
    """The value cannot be read, now or later; says why, for people."""


class RegistryUnavailableError(Exception):
    """The registry does not answer, or not to us: the value may well be readable later."""


_Payload = Callable[[bytes], bytes]
_T = TypeVar("_T")


class ValueReader:
    """Reads values; what it learns of schemas it keeps. One thread's business."""

    def __init__(
        self, registry: SchemaRegistryClient | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """registry: without one, framed values are undecodable. clock: seconds, monotonic."""
        self._registry = registry
        self._clock = clock
        self._schemas: dict[int, _Payload] = {}
        self._unusable: dict[int, tuple[float, str]] = {}

    def read(self, raw: bytes) -> bytes:
        """The value as JSON; as it stands if it is not framed.

        Raises UndecodableError, and RegistryUnavailableError when it is worth trying again.
        """
        if not raw.startswith(b"\0"):
            return raw
        if len(raw) <= FRAME_BYTES:
            raise UndecodableError(f"a schema registry frame of only {len(raw)} bytes")
        number = int.from_bytes(raw[1:FRAME_BYTES])
        payload = self._schemas.get(number)
        if payload is None:
            payload = self._learn(number)
        try:
            return payload(raw[FRAME_BYTES:])
        except Exception as error:  # whatever a decoder does with hostile bytes
            reason = f"schema {number}: {type(error).__name__}: {error}"
            raise UndecodableError(reason[:500]) from None

    def _learn(self, number: int) -> _Payload:
        if self._registry is None:
            raise UndecodableError(f"framed with schema {number}, and no schema registry is configured")
        now = self._clock()
        until, reason = self._unusable.get(number, (0.0, ""))
        if now < until:
            raise UndecodableError(reason)
        try:
            payload = _payload_of(self._registry, number)
        except UndecodableError as error:
            if len(self._unusable) >= SCHEMAS_KEPT:
                self._unusable.clear()
            self._unusable[number] = now + NOT_FOUND_FOR_S, str(error)
            raise
        if len(self._schemas) >= SCHEMAS_KEPT:
            self._schemas.clear()
        self._schemas[number] = payload
        return payload


def value_reader(settings: RegistrySettings | None) -> ValueReader:
    """A reader with the registry of the settings, if there is one."""
    if settings is None:
        return ValueReader()
    return ValueReader(SchemaRegistryClient.new_client(settings.client_config()))


def _payload_of(registry: SchemaRegistryClient, number: int) -> _Payload:
    schema = _ask(partial(registry.get_schema, number), f"schema {number}")
    if schema.schema_type == "JSON":
        return _json
    if schema.schema_type != "AVRO":
        raise UndecodableError(f"schema {number} is {schema.schema_type}; JSON and AVRO are read")
    try:
        named: dict[str, Any] = {}
        for reference in _references(registry, schema):
            fastavro.parse_schema(msgspec.json.decode(reference.schema_str or ""), named_schemas=named)
        parsed = fastavro.parse_schema(msgspec.json.decode(schema.schema_str or ""), named_schemas=named)
    except (RegistryUnavailableError, UndecodableError):
        raise
    except Exception as error:  # the registry hands out whatever somebody has registered
        raise UndecodableError(f"schema {number}: {type(error).__name__}: {error}"[:500]) from None

    def avro(payload: bytes) -> bytes:
        stream = io.BytesIO(payload)
        value = fastavro.schemaless_reader(stream, parsed, None)
        if stream.tell() != len(payload):
            raise ValueError(f"{len(payload) - stream.tell()} bytes too many")
        return _encode(value)

    return avro


def _json(payload: bytes) -> bytes:
    msgspec.json.decode(payload)
    return payload


def _references(registry: SchemaRegistryClient, schema: Schema) -> list[Schema]:
    """Every schema that `schema` leans on, those without needs first."""
    found: dict[tuple[str, int], Schema] = {}
    begun: set[tuple[str, int]] = set()

    def visit(each: Schema) -> None:
        for reference in each.references or []:
            key = str(reference.subject), int(reference.version or 0)
            if key in begun:
                continue
            begun.add(key)
            if len(begun) > MAX_REFERENCES:
                raise UndecodableError(f"more than {MAX_REFERENCES} schemas in one")
            version = _ask(partial(registry.get_version, *key), f"schema {key[0]} {key[1]}")
            needed = version.schema
            visit(needed)
            found[key] = needed

    visit(schema)
    return list(found.values())


def _ask(question: Callable[[], _T], what: str) -> _T:
    """The registry's answer; its refusals told apart from its absence."""
    try:
        return question()
    except SchemaRegistryError as error:
        if error.http_status_code == 404:
            raise UndecodableError(f"{what} is unknown to the registry") from None
        raise RegistryUnavailableError(f"{what}: {error}") from error
    except Exception as error:  # its transport has errors of its own
        raise RegistryUnavailableError(f"{what}: {type(error).__name__}: {error}") from error
