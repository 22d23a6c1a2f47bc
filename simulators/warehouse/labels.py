"""Labels: genuine ones, printed and signed, and what forgers make of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from random import Random
from typing import Final

import msgspec

from guardian.qr.code import ProductCode
from guardian.qr.keys import KeyRing, PublicKeys, SigningKey
from guardian.qr.sign import sign
from simulators.store.records import iso
from simulators.warehouse import places
from simulators.warehouse.articles import Article
from simulators.warehouse.config import DAY_MS, WarehouseConfig
from simulators.warehouse.records import Label

_ISSUER = "WH1-PRINTER"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SERIAL_CHARS = 16
_KEY_BYTES = 32
_ROTATED_MS = 30 * DAY_MS
"""How long before the first day the site began to sign with its newer key."""


class LabelPrinter:
    """Prints genuine labels, and knows how to fake others.

    legacy_secret: what the codes of the older kind are authenticated with.
    """

    def __init__(self, config: WarehouseConfig, rng: Random) -> None:
        self._legacy_share = config.legacy_share
        self._rotated_at = config.starts_ms - _ROTATED_MS
        self._rng = rng
        self._seeds = [rng.randbytes(_KEY_BYTES) for _ in range(3)]
        self._older, self._newer, self._foreign = map(SigningKey, self._seeds)
        self.legacy_secret = rng.randbytes(_KEY_BYTES).hex().encode()
        self._codes: dict[str, ProductCode] = {}

    def public_keys(self) -> str:
        """The keys that verify labels, as a file."""
        return PublicKeys([self._older.public, self._newer.public]).to_json()

    def key_ring(self) -> str:
        """The keys that sign labels, as a file of the site: whoever has it can print labels like ours."""
        older, newer, _ = self._seeds
        ring = KeyRing(legacy_secret=base64.urlsafe_b64encode(self.legacy_secret).decode().rstrip("="))
        ring.add(older, self._rotated_at - _ROTATED_MS)
        ring.add(newer, self._rotated_at)
        return ring.to_json()

    def issue(self, article: Article, time: int, *, legacy: bool | None = None) -> Label:
        """A label for a unit of an article. legacy: None for a few of the older kind."""
        rng = self._rng
        old = rng.random() < self._legacy_share if legacy is None else legacy
        serial = "".join(rng.choices(_ALPHABET, k=_SERIAL_CHARS))
        code = ProductCode(
            product_id=article.product_id,
            serial=serial,
            location=article.shelf,
            issued_at=time,
            issuer=_ISSUER,
            gtin=None if old else article.gtin,
        )
        self._codes[serial] = code
        text = self._legacy(code) if old else sign(code, self._key(time))
        return Label(serial, article.product_id, article.shelf, text, old)

    def altered(self, label: Label) -> str:
        """The label's text with one of its fields changed, its signature left as it was."""
        code = self._codes[label.serial]
        changed = self._rng.choice(
            (
                {"location": f"{places.OTHER_SITE}/A-01"},
                {"product_id": f"{code.product_id}9"},
                {"issued_at": code.issued_at + DAY_MS},
            )
        )
        forged = msgspec.structs.replace(code, **changed)
        if label.legacy:
            fields = json.loads(self._legacy(forged))
            return json.dumps({**fields, "hash_signature": json.loads(label.text)["hash_signature"]})
        unsigned = self.unsigned_text(sign(forged, self._key(code.issued_at)))
        return unsigned + label.text[len(self.unsigned_text(label.text)) :]

    def foreign(self, label: Label) -> str:
        """A label that says the same, signed with a key that is not ours, at times under the name of ours."""
        code = self._codes[label.serial]
        text = sign(code, self._foreign)
        if self._rng.random() < 0.5:
            return text.replace(self._foreign.key_id, self._key(code.issued_at).key_id)
        return text

    @staticmethod
    def unsigned_text(text: str) -> str:
        """A label's text without its signature, which comes last."""
        return text[: text.rindex("&")]

    def _key(self, time: int) -> SigningKey:
        return self._older if time < self._rotated_at else self._newer

    def _legacy(self, code: ProductCode) -> str:
        issued = iso(code.issued_at)
        parts = (code.product_id, code.location, issued, code.serial, code.issuer)
        mac = hmac.new(self.legacy_secret, "|".join(parts).encode(), hashlib.sha256)
        return json.dumps(
            {
                "qr_id": code.serial,
                "product_id": code.product_id,
                "location": code.location,
                "timestamp": issued,
                "generated_by": code.issuer,
                "hash_signature": mac.hexdigest(),
                "version": "2.0",
            }
        )
