"""How a webhook's body is signed, and how its receiver checks that."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

TIMESTAMP_HEADER: Final = "Guardian-Timestamp"
SIGNATURE_HEADER: Final = "Guardian-Signature"
KEY_HEADER: Final = "Guardian-Notice"
"""The notice's key: the same again for another attempt, so that a receiver can pass over what it has."""

SHORTEST_SECRET: Final = 16
"""Bytes."""


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature: "v1=" and HMAC-SHA-256 of timestamp, a dot and the body, in hexadecimal digits.

    timestamp: seconds since 1970, in decimal digits, as sent in its header.
    """
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_genuine(
    secret: bytes, timestamp: str, signature: str, body: bytes, *, now_s: float, tolerance_s: float = 300.0
) -> bool:
    """What a receiver checks, before it reads the body: signed by us, and not long ago."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now_s - int(timestamp)) > tolerance_s:
        return False
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode("utf-8", "replace"))
