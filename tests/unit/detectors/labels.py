"""Labels for cases, genuine and forged, and what verifies them."""

from __future__ import annotations

from guardian.qr.code import ProductCode
from guardian.qr.keys import KeyRing, PublicKeys, SigningKey
from guardian.qr.legacy import write as write_legacy
from guardian.qr.sign import sign
from guardian.qr.verify import Verifier
from guardian.testing import at

SHELF = "WH1/A-01"
SECRET = b"the secret of the older codes"

OURS, REVOKED, FOREIGN = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))


def keys_with(*, revoked: str = "") -> PublicKeys:
    """Our public keys. revoked: one that is revoked besides."""
    ring = KeyRing()
    for number in (1, 2):
        ring.add(bytes([number]) * 32, created_at=0)
    for key_id in filter(None, (REVOKED.key_id, revoked)):
        ring.revoke(key_id)
    return ring.public()


VERIFIER = Verifier(keys_with(), SECRET)
PUBLIC_ONLY = Verifier(keys_with())


def _code(product: str, serial: str, location: str, issued: float) -> ProductCode:
    return ProductCode(
        product_id=product, serial=serial, location=location, issued_at=at(issued), issuer="E1"
    )


def label(product: str, serial: str, location: str = SHELF, *, issued: float = -3_600.0) -> str:
    """A genuine label. issued: seconds after the start of all cases."""
    return sign(_code(product, serial, location, issued), OURS)


def foreign(product: str, serial: str) -> str:
    """A label of somebody else's."""
    return sign(_code(product, serial, SHELF, 0), FOREIGN)


def revoked_key(product: str, serial: str) -> str:
    """A label that was genuine once: its key has been revoked."""
    return sign(_code(product, serial, SHELF, 0), REVOKED)


def old_label(product: str, serial: str, *, secret: bytes = SECRET) -> str:
    """A genuine label of the older kind."""
    return write_legacy(secret, _code(product, serial, SHELF, 0), "2025-08-01T00:00:00+00:00")


def altered(text: str) -> str:
    """A genuine label for another place than was signed."""
    changed = text.replace("A-01", "A-09")
    assert changed != text
    return changed


def unsigned(text: str) -> str:
    """A genuine label without its signature."""
    return text.rpartition("&")[0]
