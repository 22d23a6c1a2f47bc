"""Who is using the cloud shape: ID tokens of Identity Platform (Firebase Authentication).

What a user may do is in their custom claims, set by an administrator: `role`, `sites` (a list, with `*` in it
for all) and, where several businesses share a project, `tenant`: the database that is theirs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from guardian.adapters.google.oidc import (
    CLOCK_SKEW_S,
    FETCH_TIMEOUT_S,
    MAX_KEYS_BYTES,
    MAX_TOKEN_CHARS,
    ForbiddenError,
    GoogleKeys,
    Keys,
    UnauthenticatedError,
)
from guardian.desk_ports import Role, User

CERTIFICATES_URL: Final = (
    "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
)
LONGEST_LIFE_S: Final = 3_600
"""ID tokens are good for an hour."""

_SITE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class Identified(msgspec.Struct, frozen=True):
    """A user, and when their token ends, epoch seconds."""

    user: User
    expires_at: int


class IdentityVerifier:
    """Reads ID tokens of one project. For many threads."""

    def __init__(self, keys: Keys, project: str) -> None:
        """keys: those that tokens are signed with (`identity_keys` for Google's own)."""
        if not project:
            raise ValueError("a project is needed")
        self._keys = keys
        self._project = project

    def verify(self, token: str) -> Identified:
        """Raises UnauthenticatedError, ForbiddenError, KeysUnavailableError, and nothing else."""
        if not token:
            raise UnauthenticatedError("no bearer token")
        if len(token) > MAX_TOKEN_CHARS:
            raise UnauthenticatedError("token too long")
        try:
            claims, expires = self._claims(token)
        except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UnauthenticatedError(f"not valid: {type(error).__name__}") from None
        return Identified(user_of(claims), expires)

    def _claims(self, token: str) -> tuple[Mapping[str, Any], int]:
        header = jwt.decode_header(token)  # type: ignore[no-untyped-call]
        key_id = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(key_id, str):
            raise UnauthenticatedError("not signed as Google signs")
        key = self._keys.key(key_id)
        if key is None:
            raise UnauthenticatedError("signed with an unknown key")
        claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
            token, certs={key_id: key}, audience=self._project, clock_skew_in_seconds=CLOCK_SKEW_S
        )
        return claims, believable(claims, self._project)


def identity_keys(fetch: Callable[[], tuple[bytes, str]] | None = None) -> GoogleKeys:
    """The keys that Google signs ID tokens with. fetch: gives the key set and its Cache-Control header."""
    return GoogleKeys(fetch or _fetch)


def believable(claims: Mapping[str, Any], project: str) -> int:
    """When a token with these claims ends, epoch seconds; that it has not ended is not looked at here.

    Raises UnauthenticatedError unless it was made by Identity Platform, for this project, and for an hour.
    """
    issued, expires, logged_in = (claims.get(name) for name in ("iat", "exp", "auth_time"))
    if type(issued) is not int or type(expires) is not int or type(logged_in) is not int:
        raise UnauthenticatedError("no believable times")
    if expires - issued > LONGEST_LIFE_S or logged_in > time.time() + CLOCK_SKEW_S:
        raise UnauthenticatedError("no believable times")
    if claims.get("iss") != f"https://securetoken.google.com/{project}":
        raise UnauthenticatedError("made by somebody else")
    return expires


def user_of(claims: Mapping[str, Any]) -> User:
    """Whose claims these are, and what they may do. Raises UnauthenticatedError, ForbiddenError."""
    subject, role, sites = claims.get("sub"), claims.get("role"), claims.get("sites")
    if not isinstance(subject, str) or not 0 < len(subject) <= 128:
        raise UnauthenticatedError("nobody's")
    if not isinstance(role, str) or role not in set(Role):
        raise ForbiddenError("no role")
    if (
        not isinstance(sites, list)
        or not sites
        or not all(isinstance(site, str) and _SITE.fullmatch(site) for site in sites)
    ):
        raise ForbiddenError("no sites")
    name = claims.get("name") or claims.get("email") or subject
    tenant = claims.get("tenant", "")
    if not isinstance(tenant, str):
        raise ForbiddenError("no tenant")
    return User(
        id=subject,
        name=str(name)[:200],
        role=Role(role),
        sites=tuple(sites),
        tenant=tenant,
    )


def _fetch() -> tuple[bytes, str]:
    answer = Request()(CERTIFICATES_URL, method="GET", timeout=FETCH_TIMEOUT_S)
    if answer.status != 200 or len(answer.data) > MAX_KEYS_BYTES:
        raise OSError(f"status {answer.status}")
    return bytes(answer.data), str(answer.headers.get("cache-control", ""))
