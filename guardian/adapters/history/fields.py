"""The fields of a table, in BigQuery's own words, and how a contract becomes a list of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import inspect as shape

Kind = Literal["STRING", "INT64", "FLOAT64", "BOOL", "TIMESTAMP", "DATETIME", "DATE", "RECORD"]
Mode = Literal["REQUIRED", "NULLABLE", "REPEATED"]

TIMES: Final = frozenset(
    {
        "event_time",
        "started_at",
        "ended_at",
        "detected_at",
        "changed_at",
        "predicted_at",
        "as_of",
        "at",
    }
)
"""Fields of our own contracts that hold a time in epoch milliseconds."""

_SENTENCE = re.compile(r"(?<=[.;])\s+(?=\w+(?:, \w+)*: )")
_NAMED = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.+)", re.DOTALL)


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field. fields: those of a RECORD. description: for people, empty where there is none."""

    name: str
    type: Kind
    mode: Mode = "NULLABLE"
    description: str = ""
    fields: tuple[Field, ...] = ()


def fields_of(contract: type[msgspec.Struct], without: frozenset[str] = frozenset()) -> tuple[Field, ...]:
    """The fields of a contract, in its order, described by the docstrings of the contract and its parts.

    What may be of several kinds, or of any, becomes a STRING that holds the text itself or JSON; a mapping
    becomes a repeated RECORD of `key` and `value`. Integers by the names in TIMES are epoch milliseconds.
    """
    info = shape.type_info(contract)
    if not isinstance(info, shape.StructType):
        raise TypeError(f"{contract.__name__} is no struct")
    told = described(contract)
    return tuple(
        _field(field.name, field.type, told.get(field.name, ""))
        for field in info.fields
        if field.name not in without
    )


def described(contract: type[msgspec.Struct]) -> dict[str, str]:
    """What a contract's docstring says of its fields ("quantity: units. weight_g: as weighed, grams")."""
    told: dict[str, str] = {}
    names = {field.name for field in msgspec.structs.fields(contract)}
    for paragraph in (inspect.getdoc(contract) or "").split("\n\n"):
        for sentence in _SENTENCE.split(" ".join(paragraph.split())):
            found = _NAMED.search(sentence)
            if found is None:
                continue
            for name in found["names"].split(", "):
                if name in names:
                    told[name] = found["text"].rstrip(".;")
    return told


def about(contract: type[Any]) -> str:
    """The first sentence of a docstring, without the name of the stream that begins it."""
    first = " ".join((inspect.getdoc(contract) or "").split("\n\n")[0].split())
    if _NAMED.match(first):  # it tells its fields, and nothing of the whole
        return ""
    return re.sub(r"^`[\w-]+`: ", "", first).partition(". ")[0].rstrip(".")


def schema_json(fields: tuple[Field, ...]) -> list[Mapping[str, Any]]:
    """A list of fields as BigQuery takes it."""
    return [
        {
            "name": field.name,
            "type": field.type,
            "mode": field.mode,
            **({"description": field.description} if field.description else {}),
            **({"fields": schema_json(field.fields)} if field.fields else {}),
        }
        for field in fields
    ]


def _field(name: str, of: shape.Type, description: str) -> Field:
    of, nullable = _without_null(of)
    mode: Mode = "NULLABLE" if nullable else "REQUIRED"
    match of:
        case shape.ListType(item_type=item) | shape.VarTupleType(item_type=item):
            one = _field(name, item, description)
            return Field(name, one.type, "REPEATED", description, one.fields)
        case shape.DictType(key_type=key, value_type=value):
            parts = (_field("key", key, ""), _field("value", value, ""))
            if all(part.type != "RECORD" for part in parts) and not isinstance(value, shape.AnyType):
                return Field(name, "RECORD", "REPEATED", description, parts)
            return Field(name, "STRING", mode, description)
        case shape.StructType(cls=contract):
            return Field(name, "RECORD", mode, description or about(contract), fields_of(contract))
        case shape.IntType() if name in TIMES:
            return Field(name, "TIMESTAMP", mode, description)
        case _:
            return Field(name, _kind(of), mode, description)


def _kind(of: shape.Type) -> Kind:
    match of:
        case shape.BoolType():
            return "BOOL"
        case shape.IntType():
            return "INT64"
        case shape.FloatType():
            return "FLOAT64"
        case _:  # texts, enumerations, and what may be of several kinds
            return "STRING"


def _without_null(of: shape.Type) -> tuple[shape.Type, bool]:
    """The type itself, and whether it may be null."""
    if isinstance(of, shape.Metadata):
        return _without_null(of.type)
    if isinstance(of, shape.UnionType):
        rest = [_without_null(each)[0] for each in of.types if not isinstance(each, shape.NoneType)]
        return (rest[0] if len(rest) == 1 else shape.AnyType()), len(rest) < len(of.types)
    return of, False
