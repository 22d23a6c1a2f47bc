"""What producers may write differently from the contract, read as the contract has it.

A value that decodes as it stands never comes here. One that does not gets this second look, which mends
only what has a single meaning:

- an integer where an identifier is expected is its decimal string (barcode 4790015610019);
- a float without a fraction where units are expected is the integer (5.0);
- for an optional field null means "not given", and so does the empty string where a text may not be empty;
- in a manifest, a plain product id is an item without a quantity.

Nothing else changes its type: a price "12,50" or a count "3" is a mistake of its producer. Mending costs
microseconds instead of a fraction of one; the common case pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from msgspec import Struct, inspect

from guardian.events.fields import INTEGER_ALLOWED, SHORT_FOR

_EXACT_BELOW = 2.0**53

Mend = Callable[[Any], Any]


@cache
def mender(contract: type[Struct]) -> Mend:
    """A function from a parsed JSON value to the same with everything mended that `contract` allows.

    It never raises and never changes its argument; what it cannot mend it leaves for validation to name.
    """
    return _mender_of(inspect.type_info(contract)) or _leave


def _mender_of(kind: inspect.Type) -> Mend | None:
    """How to mend a value that should be of this kind; None: it is right or wrong as it stands."""
    match kind:
        case inspect.Metadata(type=inner, extra=dict(extra)):
            if extra.get(INTEGER_ALLOWED):
                return _integer_to_text
            if field := extra.get(SHORT_FOR):
                return _expand_short(field, _mender_of(inner) or _leave)
            return _mender_of(inner)
        case inspect.UnionType(types=kinds):
            others = [each for each in kinds if not isinstance(each, inspect.NoneType)]
            return _mender_of(others[0]) if len(others) == 1 else None
        case inspect.StructType(fields=fields):
            return _mend_fields(fields)
        case inspect.ListType(item_type=inner):
            return _mend_items(_mender_of(inner))
        case inspect.DictType(value_type=inner):
            return _mend_values(_mender_of(inner))
        case inspect.IntType():
            return _whole_float_to_integer
        case _:
            return None


def _leave(value: Any) -> Any:
    return value


def _integer_to_text(value: Any) -> Any:
    # `type() is`: a boolean is an int to isinstance, and true is nobody's identifier.
    return str(value) if type(value) is int else value


def _whole_float_to_integer(value: Any) -> Any:
    # From 2**53 on a float no longer tells neighbouring integers apart.
    if type(value) is float and abs(value) < _EXACT_BELOW and value.is_integer():
        return int(value)
    return value


def _expand_short(field: str, mend: Mend) -> Mend:
    def expand(value: Any) -> Any:
        return mend(value if isinstance(value, dict | list) or value is None else {field: value})

    return expand


def _mend_items(mend: Mend | None) -> Mend | None:
    if mend is None:
        return None
    return lambda value: [mend(item) for item in value] if isinstance(value, list) else value


def _mend_values(mend: Mend | None) -> Mend | None:
    if mend is None:
        return None
    return lambda value: {key: mend(v) for key, v in value.items()} if isinstance(value, dict) else value


def _mend_fields(fields: tuple[inspect.Field, ...]) -> Mend:
    menders = {field.encode_name: _mender_of(field.type) or _leave for field in fields}
    optional = {field.encode_name for field in fields if not field.required}
    never_empty = {field.encode_name for field in fields if _is_never_empty(field.type)}

    def mend(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        mended = {}
        for name, found in value.items():
            not_given = found is None or (found == "" and name in never_empty)
            if not_given and name in optional:
                continue
            # Fields unknown to the contract are left out: validation would skip them anyway.
            if mend_field := menders.get(name):
                mended[name] = mend_field(found)
        return mended

    return mend


def _is_never_empty(kind: inspect.Type) -> bool:
    match kind:
        case inspect.Metadata(type=inner):
            return _is_never_empty(inner)
        case inspect.UnionType(types=kinds):
            return any(_is_never_empty(each) for each in kinds)
        case inspect.StrType(min_length=least):
            return bool(least)
        case _:
            return False
