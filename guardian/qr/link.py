"""How a product code is written: one URL, with exactly one spelling.

With a GTIN it is a GS1 Digital Link, else a link of the same shape (docs/codes.md):

    https://HOST/01/GTIN14/21/SERIAL?pid=PRODUCT&loc=PLACE&iat=MS&iss=ISSUER&kid=KEY&sig=SIGNATURE
    https://HOST/p/PRODUCT/21/SERIAL?loc=PLACE&iat=MS&iss=ISSUER&kid=KEY&sig=SIGNATURE

What is signed is the text before "&sig=". A text is genuine only if writing again what was read from it
gives the very same text, so no other spelling of the same values can pass. Reading itself is more generous,
so that people can be told what an altered label claims.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI

from guardian.qr.code import ProductCode

MAX_CHARS: Final = 2_048
MAX_FIELD_CHARS: Final = 256
SIGNATURE_BYTES: Final = 64

_SIGNATURE = "&sig="
_SIGNATURE_CHARS = 86
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?")
# The characters of GS1's serials (AI 21) that need no escape in a URL.
_SERIAL = re.compile(r"[A-Za-z0-9._-]{1,20}")
_GTIN = re.compile(r"[0-9]{14}")
_GTIN_LENGTHS = frozenset({8, 12, 13, 14})
_TIME = re.compile(r"[0-9]{1,16}")
_URL = re.compile(
    r"https://(?P<host>[^/?#]+)/(?:01/(?P<gtin>[^/?#]+)|p/(?P<product>[^/?#]+))/21/(?P<serial>[^/?#]+)"
    r"(?:[?#](?P<query>.*))?",
    re.DOTALL,
)
_CLAIM = re.compile(r"https://[^/?#]+/(?:01|p)/[^/?#]+/21/([A-Za-z0-9._-]{1,20})(?![^?#])")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
# Nobody prints these on a label, and no store of records takes half a surrogate pair.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Segments of a path that whoever follows the link would resolve away.
_DOTS = frozenset({".", ".."})
_MAX_MS = 2**53


class LinkError(ValueError):
    """A text that is no code, or values that cannot be written as one; says what is wrong."""


class Link(NamedTuple):
    """What a link claims.

    code: None where a field is missing or cannot be what it stands for. signature: None where the link claims
    none; empty where it cannot be read. signed: the text that the signature is over; None if the link is not
    spelt the one way it could have been signed.
    """

    code: ProductCode | None
    signature: bytes | None
    signed: str | None


def claimed_serial(text: str) -> str | None:
    """The serial that a link claims, without looking any closer; None if it is no link. Cheap."""
    match = _CLAIM.match(text)
    return match.group(1) if match is not None else None


def write_unsigned(host: str, code: ProductCode) -> str:
    """The text that is to be signed. Raises LinkError for values that a code cannot carry."""
    _check(host, code)
    if not code.key_id:
        raise LinkError("key_id: required, but empty")
    told = [
        ("loc", _quote(code.location)),
        ("iat", str(code.issued_at)),
        ("iss", _quote(code.issuer)),
        ("kid", _quote(code.key_id)),
    ]
    if code.gtin is None:
        path = f"p/{_quote(code.product_id)}"
    else:
        path = f"01/{code.gtin}"
        told.insert(0, ("pid", _quote(code.product_id)))
    query = "&".join(f"{name}={value}" for name, value in told)
    text = f"https://{host}/{path}/21/{code.serial}?{query}"
    if len(text) + len(_SIGNATURE) + _SIGNATURE_CHARS > MAX_CHARS:
        raise LinkError(f"too long for a code: more than {MAX_CHARS} characters")
    return text


def with_signature(unsigned: str, signature: bytes) -> str:
    """The whole code."""
    return f"{unsigned}{_SIGNATURE}{urlsafe_b64encode(signature).decode().rstrip('=')}"


def read(text: str) -> Link:
    """What a link claims. Raises LinkError for a text that has not the shape of a code."""
    if len(text) > MAX_CHARS:
        raise LinkError(f"longer than {MAX_CHARS} characters")
    match = _URL.fullmatch(text)
    if match is None:
        raise LinkError("not a product link")
    # Of a repeated field the first is told; the link is not spelt as it was signed in any case.
    fields: dict[str, str] = {}
    for part in (match["query"] or "").split("&"):
        name, _, value = part.partition("=")
        fields.setdefault(name, value)
    sent = fields.get("sig")
    signature = None if sent is None else _signature(sent)
    try:
        code = _claim(match, fields)
    except LinkError:
        return Link(None, signature, None)
    if not signature or not code.key_id:
        return Link(code, signature, None)
    try:
        signed = write_unsigned(match["host"], code)
    except LinkError:  # spelt the right way it would be too long
        return Link(code, signature, None)
    return Link(code, signature, signed if text == with_signature(signed, signature) else None)


def _claim(match: re.Match[str], fields: dict[str, str]) -> ProductCode:
    gtin, product, serial = match["gtin"], match["product"], match["serial"]
    time = fields.get("iat", "")
    if not _TIME.fullmatch(time):
        raise LinkError("iat: expected milliseconds since 1970")
    code = ProductCode(
        product_id=_unquote(fields.get("pid", "") if product is None else product),
        serial=serial,
        location=_unquote(fields.get("loc", "")),
        issued_at=int(time),
        issuer=_unquote(fields.get("iss", "")),
        key_id=_unquote(fields.get("kid", "")),
        gtin=gtin,
    )
    _check(match["host"], code)
    if gtin is not None:
        _check_digital_link(f"https://{match['host']}/01/{gtin}/21/{serial}", gtin, serial)
    return code


def _check(host: str, code: ProductCode) -> None:
    """Raises LinkError for values that a code cannot carry."""
    if not _HOST.fullmatch(host):
        raise LinkError(f"host: not a lower-case host name: {host[:64]!r}")
    if not _SERIAL.fullmatch(code.serial) or code.serial in _DOTS:
        raise LinkError("serial: expected 1 to 20 letters, digits, '.', '_' or '-'")
    if not 0 <= code.issued_at <= _MAX_MS:
        raise LinkError("issued_at: expected milliseconds since 1970")
    for name in ("product_id", "location", "issuer"):
        check_field(name, getattr(code, name))
    if code.key_id:
        check_field("key_id", code.key_id)
    if code.product_id in _DOTS:
        raise LinkError("product_id: a path cannot hold a name of dots alone")
    if code.gtin is not None and not _is_gtin(code.gtin):
        raise LinkError("gtin: expected 14 digits, the last of them the check digit")


def check_field(name: str, text: str) -> None:
    """Raises LinkError unless this is a text that a code can carry."""
    if not 1 <= len(text) <= MAX_FIELD_CHARS:
        raise LinkError(f"{name}: expected 1 to {MAX_FIELD_CHARS} characters, found {len(text)}")
    if _UNWRITABLE.search(text):
        raise LinkError(f"{name}: has control characters")


def _signature(sent: str) -> bytes:
    """The signature; empty if it cannot be one."""
    try:
        signature = urlsafe_b64decode(f"{sent}==") if len(sent) == _SIGNATURE_CHARS else b""
    except ValueError:
        return b""
    return signature if len(signature) == SIGNATURE_BYTES else b""


def gtin_14(digits: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits as 14 digits. Raises LinkError."""
    if len(digits) not in _GTIN_LENGTHS or not _is_gtin(digits.zfill(14)):
        raise LinkError("gtin: expected 8, 12, 13 or 14 digits, the last of them the check digit")
    return digits.zfill(14)


def _is_gtin(digits: str) -> bool:
    if not _GTIN.fullmatch(digits):
        return False
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


def _check_digital_link(text: str, gtin: str, serial: str) -> None:
    """Raises LinkError unless GS1 reads these two from the link, and nothing else."""
    try:
        parsed = GS1DigitalLinkURI.parse(text)
    except (ParseError, ValueError) as error:  # ValueError: what urllib says of hosts it will not take
        raise LinkError(f"no GS1 Digital Link: {str(error)[:120]}") from None
    if [(each.ai.ai, each.value) for each in parsed.element_strings] != [("01", gtin), ("21", serial)]:
        raise LinkError("no GS1 Digital Link of one GTIN and one serial")


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _quote(text: str) -> str:
    """Percent-encoding of RFC 3986: unreserved characters stay, the bytes of all others become %XX."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise LinkError("not a text: lone surrogate") from None
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in encoded)


def _unquote(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text.encode()).decode()
    except ValueError:
        raise LinkError("broken escape") from None
