"""Makes codes."""

from __future__ import annotations

import msgspec

from guardian.qr.code import ProductCode
from guardian.qr.keys import SigningKey
from guardian.qr.link import with_signature, write_unsigned

DEFAULT_HOST = "id.example.com"


def sign(code: ProductCode, key: SigningKey, host: str = DEFAULT_HOST) -> str:
    """The code as its label carries it, signed with `key`, whose id it is given.

    Raises LinkError for values that a code cannot carry.
    """
    unsigned = write_unsigned(host, msgspec.structs.replace(code, key_id=key.key_id))
    return with_signature(unsigned, key.sign(unsigned.encode()))
