"""Why a value does not fit its contract, in words: which field, what was expected, what was found.

msgspec says "Expected `float | null`, got `str` - at `$.data.price`". A person who has to mend a producer
wants `data.price: expected number, found string "12,50"`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import msgspec

from guardian.events.wording import found

_LOCATED = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key` in `)?\$(?P<path>[\w.\[\]]*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<bound>[^,]*)(?:, got `(?P<got>[^`]+)`)?")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_STEP = re.compile(r"\.?(\w+)|\[(\d+)\]|(\[\.\.\.\])")
_KINDS = {"int": "integer", "float": "number", "str": "string", "bool": "boolean"}
_MAX_KEY_CHARS = 80
_MAX_OWN_WORDS = 200


class Unparsed:
    """Stands for a document that could not be parsed, so that nothing can be looked up in it."""


class Fault(NamedTuple):
    """field: path, None for the value as a whole. reason: begins with the field where there is one."""

    field: str | None
    reason: str


def fault_in(field: str | None, what: str) -> Fault:
    """The fault `what` ("expected number, found null") of `field`."""
    return Fault(field, f"{field}: {what}" if field else what)


def fault_of(error: msgspec.ValidationError, document: Any, contract: type[msgspec.Struct]) -> Fault:
    """The fault behind `error`, which decoding `document` (parsed JSON, or Unparsed) as `contract` raised."""
    located = _LOCATED.fullmatch(str(error))
    if located is None:  # a wording of a later msgspec: better its own words than none
        return Fault(None, str(error)[:_MAX_OWN_WORDS])
    what, path = located["what"], located["path"] or ""
    if missing := _MISSING.fullmatch(what):
        return fault_in(f"{path}.{missing['name']}".lstrip("."), "required, but missing")
    if located["key"] or path.endswith("[...]"):
        return _fault_of_entry(what, path.removesuffix("[...]"), document, contract, bool(located["key"]))
    value = _look_up(document, path)
    field = path.lstrip(".") or None
    if what.startswith("Invalid enum value"):
        names = _names_of(contract, field)
        return fault_in(field, f"expected one of {', '.join(names)}{_and_found(value)}")
    return fault_in(field, _in_words(what, value))


def _fault_of_entry(
    what: str, path: str, document: Any, contract: type[msgspec.Struct], in_key: bool
) -> Fault:
    """A fault inside a mapping, of which msgspec does not say the key: the first entry that has it."""
    field = path.lstrip(".")
    mapping, kind = _look_up(document, path), _kinds_of(contract).get(field)
    if kind is None or not isinstance(mapping, dict):
        return fault_in(field, _in_words(what, Unparsed))
    for key, value in mapping.items():
        try:
            msgspec.convert({key: value}, kind)
        except msgspec.ValidationError:
            if in_key:
                return fault_in(field, f"a key: {_in_words(what, key)}")
            return fault_in(f"{field}.{key[:_MAX_KEY_CHARS]}", _in_words(what, value))
    return fault_in(field, _in_words(what, Unparsed))


def _in_words(what: str, value: Any) -> str:
    expected = _EXPECTED.fullmatch(what)
    if expected is None:
        return f"{what[:1].lower()}{what[1:]}{_and_found(value)}"
    kinds = [_KINDS.get(kind, kind) for kind in expected["kinds"].split(" | ") if kind != "null"]
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")
    text = f"expected {' or '.join(kinds)}{expected['bound'].removesuffix('.0')}"
    if value is Unparsed and expected["got"]:
        return f"{text}, found {_KINDS.get(expected['got'], expected['got'])}"
    return text + _and_found(value)


def _and_found(value: Any) -> str:
    return "" if value is Unparsed else f", found {found(value)}"


def _look_up(document: Any, path: str) -> Any:
    value = document
    for name, index, _ in _STEP.findall(path):
        try:
            value = value[int(index) if index else name]
        except (LookupError, TypeError, ValueError):
            # The document is not shaped as the error says: the path goes through a mended shorthand.
            return Unparsed if not isinstance(value, str | int | float) else value
    return value


@cache
def _kinds_of(contract: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(contract)}


@cache
def _names_of(contract: type[msgspec.Struct], field: str | None) -> tuple[str, ...]:
    """The values a field with a fixed choice can have."""
    match msgspec.inspect.type_info(contract):
        case msgspec.inspect.StructType(fields=fields):
            for each in fields:
                if each.encode_name == field and isinstance(each.type, msgspec.inspect.LiteralType):
                    return tuple(str(value) for value in each.type.values)
    return ()
