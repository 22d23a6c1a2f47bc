"""Codes of the older kind: JSON with an HMAC. They are still verified, and no longer issued.

`hash_signature` is the hexadecimal HMAC-SHA-256 of `product_id|location|timestamp|qr_id|generated_by`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from guardian.qr.code import ProductCode
from guardian.qr.link import LinkError, check_field

VERSION = "2.0"
FIELDS = (
    "qr_id",
    "product_id",
    "location",
    "timestamp",
    "generated_by",
    "hash_signature",
    "version",
)

_SERIAL = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CLAIM = re.compile(r'"qr_id"\s*:\s*"([A-Za-z0-9._:-]{1,128})"')
_MAX_MS = 2**53


class LegacyError(ValueError):
    """A text that is no code of the older kind; says what is wrong."""


class LegacyCode(NamedTuple):
    """A code taken apart. signed: what the MAC is over. mac: hexadecimal; None if there is none."""

    code: ProductCode
    signed: bytes
    mac: str | None


def claimed_serial(text: str) -> str | None:
    """The qr_id that a text claims, without looking any closer. Cheap."""
    match = _CLAIM.search(text)
    return match.group(1) if match is not None else None


def mac_of(secret: bytes, signed: bytes) -> str:
    """The MAC a genuine code carries."""
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()


def write(secret: bytes, code: ProductCode, timestamp: str) -> str:
    """A code of the older kind, as its issuers wrote it. timestamp: in their own words."""
    signed = _signed(code.product_id, code.location, timestamp, code.serial, code.issuer)
    values = (
        code.serial,
        code.product_id,
        code.location,
        timestamp,
        code.issuer,
        mac_of(secret, signed),
        VERSION,
    )
    return json.dumps(dict(zip(FIELDS, values, strict=True)))


def read(text: str) -> LegacyCode:
    """Takes a code apart. Raises LegacyError if it is none.

    Fields may come in any order, but each once, and written the way JSON writers do (with or without
    spaces after separators): another spelling of the same values is no code.
    """
    try:
        pairs: Any = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise LegacyError("not JSON") from None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise LegacyError("not an object")
    fields = dict(pairs)
    if len(fields) != len(pairs) or not fields.keys() <= set(FIELDS):
        raise LegacyError("fields that such a code does not have, or one of them twice")
    mac = fields.get("hash_signature")
    for name in FIELDS:
        value = fields.get(name)
        if name == "hash_signature" and value is None:
            continue
        if name == "timestamp" and isinstance(value, int) and not isinstance(value, bool):
            continue
        if not isinstance(value, str) or not value or "|" in value:
            raise LegacyError(f"{name}: expected a text without '|'")
        try:
            check_field(name, value)
        except LinkError as error:
            raise LegacyError(str(error)) from None
    if fields["version"] != VERSION:
        raise LegacyError(f"version: expected {VERSION}")
    if not _SERIAL.fullmatch(fields["qr_id"]):
        raise LegacyError("qr_id: characters that such a code does not have")
    if not _plainly_spelt(text, fields):
        raise LegacyError("not spelt as such codes are")
    timestamp = str(fields["timestamp"])
    code = ProductCode(
        product_id=fields["product_id"],
        serial=fields["qr_id"],
        location=fields["location"],
        issued_at=_issued_at(timestamp),
        issuer=fields["generated_by"],
    )
    return LegacyCode(code, _signed(code.product_id, code.location, timestamp, code.serial, code.issuer), mac)


def _signed(product: str, location: str, timestamp: str, serial: str, issuer: str) -> bytes:
    return "|".join((product, location, timestamp, serial, issuer)).encode("utf-8", "surrogatepass")


def _plainly_spelt(text: str, fields: dict[str, Any]) -> bool:
    return any(
        text == json.dumps(fields, separators=separators, ensure_ascii=ascii_only)
        for separators in ((", ", ": "), (",", ":"))
        for ascii_only in (True, False)
    )


def _issued_at(timestamp: str) -> int:
    """Epoch ms of what the issuer wrote; raises LegacyError if it is no time."""
    try:
        if timestamp.isdecimal():
            number = int(timestamp)
            if not number <= _MAX_MS:
                raise ValueError(timestamp)
            return number
        moment = datetime.fromisoformat(timestamp)
    except ValueError:
        raise LegacyError("timestamp: expected ISO-8601 or epoch milliseconds") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
