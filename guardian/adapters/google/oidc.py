"""Who calls: the OIDC tokens with which Pub/Sub, Eventarc and Cloud Scheduler sign their requests."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final, Protocol

import structlog
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

log = structlog.get_logger("oidc")

ISSUERS: Final = ("https://accounts.google.com", "accounts.google.com")
CERTIFICATES_URL: Final = "https://www.googleapis.com/oauth2/v1/certs"
MAX_TOKEN_CHARS: Final = 8_192
CLOCK_SKEW_S: Final = 10
"""How far the caller's clock may be off."""
LONGEST_LIFE_S: Final = 86_400
"""Google's tokens live for an hour; one that is good for ever is not one of them."""

KEPT_S: Final = 3_600.0
"""How long fetched keys are used where the answer does not say."""
LEAST_KEPT_S: Final = 60.0
"""Between two fetches at least: a made-up key id must not make us ask Google each time."""
RETRY_S: Final = 2.0
"""Between two fetches while there are no keys at all."""
FETCH_TIMEOUT_S: Final = 5.0
MAX_KEYS_BYTES: Final = 1 << 20

_MAX_AGE = re.compile(r"max-age=([0-9]{1,9})", re.ASCII)


class UnauthenticatedError(Exception):
    """There is no token, or not a valid one. The text is for the log, and holds nothing of the token."""


class ForbiddenError(Exception):
    """The token is genuine, and its owner may not do this."""


class KeysUnavailableError(Exception):
    """The keys that tokens are signed with could not be had, so nobody can tell: try again."""


class Keys(Protocol):
    """The public keys that tokens may be signed with, by key id."""

    def key(self, key_id: str) -> str | None:
        """The key or certificate in PEM, or None. Raises KeysUnavailableError."""


class FixedKeys:
    """Keys that are known beforehand."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        """keys: PEM by key id."""
        self._keys = dict(keys)

    @classmethod
    def from_file(cls, path: Path) -> FixedKeys:
        """From a JSON object of PEM by key id. Raises OSError, ValueError."""
        return cls(_key_set(path.read_bytes()))

    def key(self, key_id: str) -> str | None:
        """The key, or None."""
        return self._keys.get(key_id)


class GoogleKeys:
    """Google's own keys: fetched when they are needed, and kept for as long as the answer allows.

    A key id that is not among them is looked for once more, at most every `LEAST_KEPT_S`: keys change. While
    they cannot be fetched, those of before are used. May be called by many threads.
    """

    def __init__(
        self,
        fetch: Callable[[], tuple[bytes, str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """fetch: gives the key set and its Cache-Control header, or raises. clock: seconds, monotonic."""
        self._fetch = fetch or _fetch_certificates
        self._clock = clock
        self._lock = Lock()
        self._keys: dict[str, str] = {}
        self._asked: float | None = None
        self._good_until = 0.0

    def key(self, key_id: str) -> str | None:
        """The certificate, or None if Google has none of this id. Raises KeysUnavailableError."""
        with self._lock:
            now = self._clock()
            pause = LEAST_KEPT_S if self._keys else RETRY_S
            may_ask = self._asked is None or now - self._asked >= pause
            if may_ask and (now >= self._good_until or key_id not in self._keys):
                self._asked = now
                self._refresh(now)
            if not self._keys:
                raise KeysUnavailableError("the keys could not be fetched")
            return self._keys.get(key_id)

    def _refresh(self, now: float) -> None:
        try:
            body, cache_control = self._fetch()
            keys = _key_set(body)
        except Exception as error:
            log.warning("oidc_keys_not_fetched", error=type(error).__name__)
            return
        given = _MAX_AGE.search(cache_control)
        self._keys, self._good_until = keys, now + (float(given[1]) if given else KEPT_S)


class TokenVerifier:
    """Takes bearer tokens of the service accounts that may call, for this service. For many threads."""

    def __init__(self, keys: Keys, audience: str, emails: Sequence[str]) -> None:
        """audience: what the token must be made for, as the subscription is set up. emails: who may call."""
        if not audience or not emails:
            raise ValueError("an audience and at least one e-mail are needed")
        self._keys = keys
        self._audience = audience
        self._emails = [email.encode() for email in emails]

    def verify(self, authorization: str | None) -> str:
        """The e-mail of the caller, whose `Authorization` header this is.

        Raises UnauthenticatedError, ForbiddenError, KeysUnavailableError, and nothing else.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("no bearer token")
        if len(token) > MAX_TOKEN_CHARS:
            raise UnauthenticatedError("token too long")
        claims = self._claims(token)
        email = claims.get("email")
        if claims.get("email_verified") is not True or not isinstance(email, str):
            raise ForbiddenError("no verified e-mail")
        caller = email.encode("utf-8", "replace")
        if not sum(hmac.compare_digest(caller, allowed) for allowed in self._emails):
            raise ForbiddenError("not one of the callers")
        return email

    def _claims(self, token: str) -> Mapping[str, Any]:
        """What a token says that is signed, in date, and made for us by Google."""
        try:
            header = jwt.decode_header(token)  # type: ignore[no-untyped-call]
            key_id = header.get("kid")
            if header.get("alg") != "RS256" or not isinstance(key_id, str):
                raise UnauthenticatedError("not signed as Google signs")
            key = self._keys.key(key_id)
            if key is None:
                raise UnauthenticatedError("signed with an unknown key")
            claims: Mapping[str, Any] = jwt.decode(  # type: ignore[no-untyped-call]
                token, certs={key_id: key}, audience=self._audience, clock_skew_in_seconds=CLOCK_SKEW_S
            )
            issued, expires = claims.get("iat"), claims.get("exp")
        except (UnauthenticatedError, KeysUnavailableError):
            raise
        except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UnauthenticatedError(f"not valid: {type(error).__name__}") from None
        if type(issued) is not int or type(expires) is not int or expires - issued > LONGEST_LIFE_S:
            raise UnauthenticatedError("no believable times")
        if claims.get("iss") not in ISSUERS:
            raise UnauthenticatedError("made by somebody else")
        return claims


def _key_set(body: bytes) -> dict[str, str]:
    """Raises ValueError unless it is a JSON object of texts."""
    keys = json.loads(body)
    if not isinstance(keys, dict) or not keys or not all(isinstance(pem, str) for pem in keys.values()):
        raise ValueError("expected a JSON object of PEM texts by key id")
    return keys


def _fetch_certificates() -> tuple[bytes, str]:
    answer = Request()(CERTIFICATES_URL, method="GET", timeout=FETCH_TIMEOUT_S)
    if answer.status != 200 or len(answer.data) > MAX_KEYS_BYTES:
        raise OSError(f"status {answer.status}")
    return bytes(answer.data), str(answer.headers.get("cache-control", ""))
