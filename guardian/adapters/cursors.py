"""Cursors of pages: where the next one begins, as a word that means nothing to those who carry it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from guardian.desk_ports import CursorError

_LONGEST = 2_000
_INT64 = 1 << 63


def write_cursor(kind: str, values: Sequence[int | str]) -> str:
    """kind: says what the cursor belongs to, so that it is of no use elsewhere."""
    return base64.urlsafe_b64encode(msgspec.json.encode([kind, *values])).decode().rstrip("=")


def read_cursor(cursor: str, kind: str, types: Sequence[type]) -> tuple[Any, ...] | None:
    """The values; None for an empty cursor. Raises CursorError."""
    if not cursor:
        return None
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise CursorError("no cursor of ours")
    try:
        values = msgspec.json.decode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        )
    except (binascii.Error, ValueError, RecursionError):
        raise CursorError("no cursor of ours") from None
    if not isinstance(values, list) or len(values) != len(types) + 1 or values[0] != kind:
        raise CursorError("no cursor of this list")
    for value, type_ in zip(values[1:], types, strict=True):
        if type(value) is not type_ or (isinstance(value, int) and not -_INT64 <= value < _INT64):
            raise CursorError("no cursor of ours")
    return tuple(values[1:])
