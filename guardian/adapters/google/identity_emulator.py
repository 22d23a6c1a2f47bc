"""Users of the Auth emulator, for work on a machine of one's own.

Its tokens bear no signature: anybody can make one that says anything. So whoever reads them has to be sure
that nothing behind them is real, and that nobody else can reach it.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from guardian.adapters.google.identity import Identified, believable, user_of
from guardian.adapters.google.oidc import CLOCK_SKEW_S, MAX_TOKEN_CHARS, UnauthenticatedError


class UnsignedTokens:
    """Reads the emulator's ID tokens of one project, and checks everything but who made them."""

    def __init__(self, project: str) -> None:
        if not project:
            raise ValueError("a project is needed")
        self._project = project

    def verify(self, token: str) -> Identified:
        """Raises UnauthenticatedError, ForbiddenError, and nothing else."""
        if not token:
            raise UnauthenticatedError("no bearer token")
        if len(token) > MAX_TOKEN_CHARS:
            raise UnauthenticatedError("token too long")
        header, _, rest = token.partition(".")
        content, _, signature = rest.partition(".")
        if signature or _part(header).get("alg") != "none":
            raise UnauthenticatedError("signed: not the emulator's")
        claims = _part(content)
        if claims.get("aud") != self._project:
            raise UnauthenticatedError("made for somebody else")
        expires, now = believable(claims, self._project), time.time()
        if claims["iat"] > now + CLOCK_SKEW_S or expires < now - CLOCK_SKEW_S:
            raise UnauthenticatedError("out of date")
        return Identified(user_of(claims), expires)


def _part(text: str) -> Mapping[str, Any]:
    try:
        part = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise UnauthenticatedError(f"not valid: {type(error).__name__}") from None
    if not isinstance(part, dict):
        raise UnauthenticatedError("not valid")
    return part
