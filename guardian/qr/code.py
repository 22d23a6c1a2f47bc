"""What a product code says."""

from __future__ import annotations

import msgspec


class ProductCode(msgspec.Struct, frozen=True, kw_only=True):
    """One label.

    product_id: the article. gtin: its GTIN-14 digits, where it has one. serial: identifies the label (the
    qr_id). location: where it was issued for. issued_at: epoch ms. issuer: who issued it. key_id: the key it
    was signed with; "" for codes of the older kind.
    """

    product_id: str
    serial: str
    location: str
    issued_at: int
    issuer: str
    key_id: str = ""
    gtin: str | None = None
