"""Keys and codes that the tests of product codes share."""

from __future__ import annotations

from typing import Any

import msgspec
from biip.checksums import gs1_standard_check_digit
from hypothesis import strategies as st

from guardian.qr.code import ProductCode
from guardian.qr.keys import PublicKeys, SigningKey
from guardian.qr.verify import Verifier

KEY = SigningKey(bytes(range(32)))
FOREIGN = SigningKey(bytes(range(1, 33)))
SECRET = b"the secret of the older codes"
GTIN = "07032069804988"

CODE = ProductCode(
    product_id="P-1",
    serial="ABCDEFGH23456722",
    location="WH1/A-12",
    issued_at=1_718_000_000_000,
    issuer="E7",
)


def code(**changes: Any) -> ProductCode:
    """A code like CODE, but for the changes."""
    return msgspec.structs.replace(CODE, **changes)


def verifier(*keys: SigningKey, secret: bytes | None = SECRET) -> Verifier:
    """Knows these keys, or KEY alone."""
    return Verifier(PublicKeys([key.public for key in keys or (KEY,)]), secret)


def with_check_digit(payload: str) -> str:
    return f"{payload}{gs1_standard_check_digit(payload)}"


gtins = st.from_regex(r"[0-9]{13}", fullmatch=True).map(with_check_digit)
serials = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True).filter(lambda text: text not in {".", ".."})
# Everything but what codes do not carry: control characters and halves of surrogate pairs.
texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs")) | st.sampled_from("/?#&=%+ |.~ü€\U0001f4e6"),
    min_size=1,
    max_size=24,
)
codes = st.builds(
    ProductCode,
    product_id=texts.filter(lambda text: text not in {".", ".."}),
    serial=serials,
    location=texts,
    issued_at=st.integers(0, 2**53),
    issuer=texts,
    gtin=gtins | st.none(),
)
