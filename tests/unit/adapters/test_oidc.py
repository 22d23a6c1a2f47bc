"""Bearer tokens, signed with keys of our own: who gets in, and who does not."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import crypt, jwt
from hypothesis import given, settings, strategies as st

from guardian.adapters.google.oidc import (
    LEAST_KEPT_S,
    MAX_TOKEN_CHARS,
    RETRY_S,
    FixedKeys,
    ForbiddenError,
    GoogleKeys,
    KeysUnavailableError,
    TokenVerifier,
    UnauthenticatedError,
)

AUDIENCE = "https://correlator.example"
CALLER = "push@project.iam.gserviceaccount.com"


class In(NamedTuple):
    """So many seconds from when the token is made: long runs collect their cases much earlier."""

    s: int


def pem_pair() -> tuple[str, str]:
    """Private and public key."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


PRIVATE, PUBLIC = pem_pair()
OTHER_PRIVATE, _ = pem_pair()
CLAIMS: dict[str, Any] = {
    "iss": "https://accounts.google.com",
    "aud": AUDIENCE,
    "email": CALLER,
    "email_verified": True,
    "sub": "1",
    "iat": In(-10),
    "exp": In(3_000),
}


def token(private: str = PRIVATE, key_id: str | None = "k1", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        name: now + value.s if isinstance(value, In) else value
        for name, value in (CLAIMS | changes).items()
        if value is not None
    }
    signer = crypt.RSASigner.from_string(private, key_id)
    return jwt.encode(signer, claims).decode()


def verifier() -> TokenVerifier:
    return TokenVerifier(FixedKeys({"k1": PUBLIC}), AUDIENCE, ["other@example", CALLER])


def test_a_caller_gets_in() -> None:
    assert verifier().verify(f"Bearer {token()}") == CALLER
    assert verifier().verify(f"bearer  {token(iss='accounts.google.com')}") == CALLER


UNAUTHENTICATED: dict[str, Callable[[], str | None]] = {
    "nothing": lambda: None,
    "empty": lambda: "",
    "no token": lambda: "Bearer ",
    "another scheme": lambda: f"Basic {token()}",
    "not a token": lambda: "Bearer x",
    "three dots": lambda: "Bearer a.b.c",
    "another's key": lambda: f"Bearer {token(OTHER_PRIVATE)}",
    "an unknown key": lambda: f"Bearer {token(key_id='k2')}",
    "no key id": lambda: f"Bearer {token(key_id=None)}",
    "another audience": lambda: f"Bearer {token(aud='https://else.example')}",
    "several audiences": lambda: f"Bearer {token(aud=[AUDIENCE])}",
    "no audience": lambda: f"Bearer {token(aud=None)}",
    "another issuer": lambda: f"Bearer {token(iss='https://accounts.example.com')}",
    "no issuer": lambda: f"Bearer {token(iss=None)}",
    "an issuer of another kind": lambda: f"Bearer {token(iss=['https://accounts.google.com'])}",
    "out of date": lambda: f"Bearer {token(iat=In(-4_000), exp=In(-60))}",
    "not yet": lambda: f"Bearer {token(iat=In(600))}",
    "no end": lambda: f"Bearer {token(exp=None)}",
    "good for ever": lambda: f"Bearer {token(exp=In(10**9))}",
    "an end of another kind": lambda: f"Bearer {token(exp=str(int(time.time()) + 60))}",
    "an end that is no number": lambda: f"Bearer {token(exp=float('nan'))}",
    "too long": lambda: f"Bearer {token(more='x' * MAX_TOKEN_CHARS)}",
    "beyond ASCII": lambda: "Bearer ä.ö.ü",
    "surrogates": lambda: "Bearer \ud800.a.b",
}


@pytest.mark.parametrize("made", UNAUTHENTICATED.values(), ids=UNAUTHENTICATED.keys())
def test_without_a_valid_token_nobody_gets_in(made: Callable[[], str | None]) -> None:
    header = made()
    with pytest.raises(UnauthenticatedError) as caught:
        verifier().verify(header)
    if header and len(header) > 20:
        assert header.split(" ")[1][:20] not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"email": "somebody@project.iam.gserviceaccount.com"},
        {"email": CALLER.upper()},
        {"email": None},
        {"email": [CALLER]},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
    ],
    ids=str,
)
def test_a_genuine_token_of_somebody_else_is_not_enough(changes: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenError):
        verifier().verify(f"Bearer {token(**changes)}")


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES256", None, ["RS256"]])
def test_only_one_way_of_signing_counts(algorithm: object) -> None:
    """HS256 with the public key as the secret is the classic among them."""
    _, claims, signature = token().split(".")
    header = segment({"alg": algorithm, "typ": "JWT", "kid": "k1"})
    for forged in (f"{header}.{claims}.{signature}", f"{header}.{claims}."):
        with pytest.raises(UnauthenticatedError):
            verifier().verify(f"Bearer {forged}")


def test_a_sound_signature_of_another_kind_does_not_count_either() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = jwt.encode(crypt.ES256Signer.from_string(private, "k1"), CLAIMS).decode()
    keys = FixedKeys({"k1": public.decode()})
    with pytest.raises(UnauthenticatedError, match="as Google signs"):
        TokenVerifier(keys, AUDIENCE, [CALLER]).verify(f"Bearer {signed}")


def test_no_claim_can_be_changed() -> None:
    header, _, signature = token().split(".")
    with pytest.raises(UnauthenticatedError):
        verifier().verify(f"Bearer {header}.{segment(CLAIMS | {'sub': '2'})}.{signature}")


parts = st.text(max_size=30) | st.builds(
    segment,
    st.dictionaries(
        st.sampled_from(["alg", "kid", "iss", "aud", "exp", "iat"]),
        st.sampled_from(["RS256", "k1"]) | st.integers() | st.none() | st.lists(st.none(), max_size=2),
    ),
)


@settings(max_examples=300)
@given(st.lists(parts, max_size=4).map(".".join), st.sampled_from(["Bearer ", "bearer\t", ""]))
def test_garbage_never_raises_anything_else(text: str, scheme: str) -> None:
    with pytest.raises(UnauthenticatedError):
        verifier().verify(scheme + text)


def test_nobody_may_be_let_in_by_an_empty_setting() -> None:
    for audience, emails in (("", [CALLER]), (AUDIENCE, [])):
        with pytest.raises(ValueError, match="audience"):
            TokenVerifier(FixedKeys({}), audience, emails)


def test_keys_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"k1": PUBLIC}))
    assert FixedKeys.from_file(path).key("k1") == PUBLIC
    path.write_text('{"k1": 3}')
    with pytest.raises(ValueError, match="PEM"):
        FixedKeys.from_file(path)


# --- Keys that are fetched


class Google:
    """Gives keys, or does not, and counts how often it was asked."""

    def __init__(self) -> None:
        self.now = 500.0
        self.keys: dict[str, str] | None = {"a": "A"}
        self.asked = 0

    def __call__(self) -> tuple[bytes, str]:
        self.asked += 1
        if self.keys is None:
            raise OSError
        return json.dumps(self.keys).encode(), "public, max-age=600, must-revalidate"

    def client(self) -> GoogleKeys:
        return GoogleKeys(self, lambda: self.now)


def test_keys_are_fetched_once_for_as_long_as_they_are_good() -> None:
    google = Google()
    keys = google.client()
    assert [keys.key("a") for _ in range(5)] == ["A"] * 5
    google.now += 599
    assert keys.key("a") == "A"
    assert google.asked == 1
    google.now += 1
    google.keys = {"a": "A2"}
    assert keys.key("a") == "A2"
    assert google.asked == 2


def test_a_new_key_is_looked_for_but_made_up_ones_do_not_make_us_ask_again_and_again() -> None:
    google = Google()
    keys = google.client()
    assert keys.key("a") == "A"
    google.keys = {"a": "A", "b": "B"}
    assert [keys.key(f"made-up-{number}") for number in range(50)] == [None] * 50
    assert google.asked == 1
    google.now += LEAST_KEPT_S
    assert keys.key("b") == "B"
    assert google.asked == 2


def test_while_keys_cannot_be_fetched_those_of_before_are_used() -> None:
    google = Google()
    keys = google.client()
    assert keys.key("a") == "A"
    google.keys = None
    google.now += 10_000
    assert keys.key("a") == "A"
    assert keys.key("a") == "A"
    assert google.asked == 2


def test_without_any_keys_nobody_can_tell() -> None:
    google = Google()
    google.keys = None
    keys = google.client()
    for _ in range(3):
        with pytest.raises(KeysUnavailableError):
            TokenVerifier(keys, AUDIENCE, [CALLER]).verify(f"Bearer {token()}")
    assert google.asked == 1
    google.keys = {"k1": PUBLIC}
    google.now += RETRY_S
    assert TokenVerifier(keys, AUDIENCE, [CALLER]).verify(f"Bearer {token()}") == CALLER
