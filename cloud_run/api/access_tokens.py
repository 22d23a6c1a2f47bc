"""The access tokens of the embedded product: signed by us (Ed25519), good for some minutes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from cloud_run.api.security import Session, UnauthenticatedError
from guardian.adapters.embedded.users import Users
from guardian.desk_ports import User

LIFE_S: Final = 600
VERIFIED: Final = 1_000
"""Tokens whose signatures are remembered to be good."""
LONGEST: Final = 4_096
"""Characters in the longest token that is looked at."""

_ISSUER: Final = "business-guardian"
_ALGORITHMS: Final = ["Ed25519"]


class AccessTokens:
    """Makes and reads them. What a user may do is looked up each time, so that it can be taken away."""

    def __init__(self, users: Users, clock: Callable[[], float]) -> None:
        """clock: epoch seconds."""
        self._users = users
        self._clock = clock
        new = OKPKey.generate_key("Ed25519").as_dict(private=True)
        self._key = OKPKey.import_key(json.loads(users.signing_key(json.dumps(new).encode())))
        # A signature that was good once stays good, and takes as long to verify as some requests to answer.
        self._verified = lru_cache(VERIFIED)(self._verify)

    def issue(self, user: User) -> str:
        """A token for a user, good for `LIFE_S`."""
        now = int(self._clock())
        claims = {"iss": _ISSUER, "aud": _ISSUER, "sub": user.id, "iat": now, "exp": now + LIFE_S}
        return jwt.encode({"alg": "Ed25519", "typ": "at+jwt"}, claims, self._key, algorithms=_ALGORITHMS)

    def authenticate(self, token: str) -> Session:
        """Who has this token. Raises UnauthenticatedError."""
        if not token:
            raise UnauthenticatedError("no bearer token")
        if len(token) > LONGEST:
            raise UnauthenticatedError("token too long")
        subject, expires = self._verified(token)
        if expires <= self._clock():
            raise UnauthenticatedError("expired")
        user = self._users.active(subject)
        if user is None:
            raise UnauthenticatedError("the user may no longer come in")
        return Session(user, expires)

    def _verify(self, token: str) -> tuple[str, int]:
        """Whom a token of ours is for, and until when. Raises UnauthenticatedError."""
        try:
            read = jwt.decode(token, self._key, algorithms=_ALGORITHMS)
            claims = read.claims
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UnauthenticatedError(f"not valid: {type(error).__name__}") from None
        expires, subject = claims.get("exp"), claims.get("sub")
        if claims.get("iss") != _ISSUER or claims.get("aud") != _ISSUER or read.header.get("typ") != "at+jwt":
            raise UnauthenticatedError("made for something else")
        if type(expires) is not int or type(subject) is not str:
            raise UnauthenticatedError("says nothing of use")
        return subject, expires
