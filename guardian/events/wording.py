"""How a rejection says what it found: short, and never more than MAX_FOUND_CHARS of somebody's data."""

from __future__ import annotations

import json
from typing import Any

MAX_FOUND_CHARS = 80
_SHOWN_CHARS = 48


class OddNumber:
    """Stands in a parsed document for a number that is none: NaN, or one too large to hold."""

    __slots__ = ("text", "why")

    def __init__(self, text: str, why: str) -> None:
        self.text = text
        self.why = why


def found(value: Any) -> str:
    """A JSON value as people read it: `string "12,50"`, `integer 55`, `null`, `array of 3 items`."""
    match value:
        case None:
            text = "null"
        case bool():
            text = f"boolean {'true' if value else 'false'}"
        case str():
            text = f"string {_quoted(value)}"
        case int():
            # str() of an integer with thousands of digits is refused by Python itself.
            text = f"integer {value}" if value.bit_length() <= 128 else "integer of more than 38 digits"
        case float():
            text = f"number {value!r}"
        case list() | tuple():
            text = f"array of {len(value)} items"
        case dict():
            text = f"object with {len(value)} fields"
        case OddNumber():
            text = f"{value.text[:_SHOWN_CHARS]}, which is {value.why}"
        case _:
            text = type(value).__name__
    return text[:MAX_FOUND_CHARS]


def _quoted(text: str) -> str:
    # Escaping can make six characters of one, so it is the escaped text that must be measured.
    shown = json.dumps(text[:_SHOWN_CHARS], ensure_ascii=not text.isprintable())
    if len(text) <= _SHOWN_CHARS and len(shown) <= _SHOWN_CHARS + 2:
        return shown
    return f'{shown[: _SHOWN_CHARS + 1].rstrip(chr(34))}…" ({len(text)} long)'
