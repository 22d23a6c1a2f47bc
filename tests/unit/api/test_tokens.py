"""Who gets in with which token: our own, and those of Identity Platform, signed with keys made here."""

from __future__ import annotations

import base64
import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt as google_jwt
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from cloud_run.api.access_tokens import LIFE_S, AccessTokens
from cloud_run.api.identity import IdentityTokens
from cloud_run.api.login_limits import OF_A_PAIR, OF_A_USER, OF_AN_ADDRESS, WINDOW_S, LoginLimits
from cloud_run.api.security import ForbiddenError, KeysUnavailableError, UnauthenticatedError
from guardian.adapters.embedded.desk_file import DeskFile
from guardian.adapters.embedded.users import Users
from guardian.adapters.google.identity import IdentityVerifier, identity_keys
from guardian.adapters.google.oidc import FixedKeys
from guardian.desk_ports import Role

NOW = 1_800_000_000.0
PROJECT = "shop-project"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def users(tmp_path: Path) -> Iterator[Users]:
    file = DeskFile(tmp_path / "guardian.db")
    yield Users(file)
    file.close()


def test_a_token_of_ours_is_good_until_it_ends_or_the_user_may_not(users: Users, clock: Clock) -> None:
    boss = users.add("boss", "correct horse", Role.ADMIN, ("*",), by="test", at=1).user
    user = users.add("ann", "correct horse", Role.OPERATOR, ("s1",), by="test", at=1).user
    tokens = AccessTokens(users, clock)
    token = tokens.issue(user)
    assert tokens.authenticate(token).user == user
    assert tokens.authenticate(token).expires_at == NOW + LIFE_S
    assert AccessTokens(users, clock).authenticate(token).user == user  # another process, the same key
    clock.now += LIFE_S
    with pytest.raises(UnauthenticatedError, match="expired"):
        tokens.authenticate(token)
    token = tokens.issue(user)
    users.change(user.id, disabled=True, by="test", at=2)
    with pytest.raises(UnauthenticatedError):
        tokens.authenticate(token)
    assert tokens.authenticate(tokens.issue(boss)).user == boss


def test_a_token_that_is_not_ours(users: Users, clock: Clock) -> None:
    user = users.add("ann", "correct horse", Role.ADMIN, ("*",), by="test", at=1).user
    tokens = AccessTokens(users, clock)
    good = tokens.issue(user)
    claims = {"iss": "business-guardian", "aud": "business-guardian", "sub": user.id, "exp": int(NOW) + 60}
    header = {"alg": "Ed25519", "typ": "at+jwt"}
    other = OKPKey.generate_key("Ed25519")
    ours = OKPKey.import_key(json.loads(users.signing_key(b"")))
    public = ours.as_dict(private=False)["x"]
    nothing = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    forged = [
        "",
        "x",
        "a.b.c",
        good[:-4] + "AAAA",
        f"{nothing}.{good.split('.')[1]}.",
        jwt.encode(header, claims, other, algorithms=["Ed25519"]),
        jwt.encode(
            {"alg": "HS256", "typ": "at+jwt"}, claims, OctKey.import_key(public), algorithms=["HS256"]
        ),
        jwt.encode(header, {**claims, "aud": "x"}, ours, algorithms=["Ed25519"]),
        jwt.encode(header, {**claims, "sub": 5}, ours, algorithms=["Ed25519"]),
        jwt.encode(header, {**claims, "exp": "9"}, ours, algorithms=["Ed25519"]),
        jwt.encode({"alg": "Ed25519"}, claims, ours, algorithms=["Ed25519"]),
        "y" * 5_000,
        "ü.é.ñ",
    ]
    assert tokens.authenticate(jwt.encode(header, claims, ours, algorithms=["Ed25519"])).user == user
    for token in forged:
        with pytest.raises(UnauthenticatedError):
            tokens.authenticate(token)


def test_attempts_are_limited_by_pair_user_and_address(clock: Clock) -> None:
    limits = LoginLimits(clock)
    assert [limits.begin("ann", "a1") for _ in range(OF_A_PAIR)] == [0.0] * OF_A_PAIR
    assert limits.begin("ann", "a1") == WINDOW_S
    assert limits.begin("ann", "a2") == 0.0
    clock.now += WINDOW_S
    assert limits.begin("ann", "a1") == 0.0
    clock.now += WINDOW_S
    tried = [limits.begin("bo", f"b{n}") for n in range(OF_A_USER + 1)]
    assert [wait > 0 for wait in tried] == [False] * OF_A_USER + [True]
    tried = [limits.begin(f"c{n}", "c") for n in range(OF_AN_ADDRESS + 1)]
    assert [wait > 0 for wait in tried] == [False] * OF_AN_ADDRESS + [True]


def test_who_gets_in_starts_anew(clock: Clock) -> None:
    limits = LoginLimits(clock)
    for _ in range(200):
        assert limits.begin("ann", "a1") == 0.0
        limits.succeeded("ann", "a1")


# --- Identity Platform


def make_key() -> tuple[Any, str]:
    """A private key, and a certificate for it as Google publishes them."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    signer = crypt.RSASigner.from_string(pem, "k1")  # type: ignore[no-untyped-call]
    return signer, certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def key() -> tuple[Any, str]:
    return make_key()


class In(NamedTuple):
    """So many seconds from when the test runs: long runs collect their cases much earlier."""

    s: int


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    content = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "uid-1",
        "iat": now - 10,
        "exp": now + 600,
        "auth_time": now - 100,
        "name": "Ann",
        "role": "analyst",
        "sites": ["s1", "s2"],
        "tenant": "acme",
    }
    content |= {name: now + value.s if isinstance(value, In) else value for name, value in changes.items()}
    return {name: value for name, value in content.items() if value is not None}


def signed(signer: Any, content: dict[str, Any]) -> str:
    return google_jwt.encode(signer, content).decode()  # type: ignore[no-untyped-call]


def test_an_id_token_says_who_somebody_is_and_what_they_may_do(key: tuple[Any, str]) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT), "acme")
    content = claims()
    session = tokens.authenticate(signed(key[0], content))
    assert session.expires_at == content["exp"]
    user = session.user
    assert (user.id, user.name, user.role, user.sites, user.tenant) == (
        "uid-1",
        "Ann",
        Role.ANALYST,
        ("s1", "s2"),
        "acme",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other-project"},
        {"iss": "https://accounts.google.com"},
        {"iss": "https://securetoken.google.com/other-project"},
        {"exp": In(-60), "iat": In(-700)},
        {"exp": In(86_400)},
        {"iat": In(600), "exp": In(900)},
        {"auth_time": In(600)},
        {"auth_time": None},
        {"sub": ""},
        {"sub": "x" * 129},
        {"sub": None},
    ],
)
def test_an_id_token_that_is_not_for_us(key: tuple[Any, str], changes: dict[str, Any]) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT), "acme")
    with pytest.raises(UnauthenticatedError):
        tokens.authenticate(signed(key[0], claims(**changes)))


@pytest.mark.parametrize(
    "changes",
    [{"role": None}, {"role": "god"}, {"role": ["admin"]}, {"sites": None}, {"sites": []}, {"sites": "*"}],
)
def test_a_genuine_token_of_somebody_without_rights(key: tuple[Any, str], changes: dict[str, Any]) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT), "acme")
    with pytest.raises(ForbiddenError):
        tokens.authenticate(signed(key[0], claims(**changes)))


@pytest.mark.parametrize(
    ("tenant", "database", "may"),
    [
        (None, "(default)", True),  # no claim at all
        ("", "(default)", True),
        ("(default)", "(default)", True),
        ("acme", "(default)", False),
        ("acme", "acme", True),
        ("acme", "acme-2", False),
        ("ACME", "acme", False),
        (None, "acme", False),
        ("", "acme", False),
        ("(default)", "acme", False),
        (5, "(default)", False),
        (False, "(default)", False),
        ([], "(default)", False),
        (["acme"], "acme", False),
    ],
)
def test_a_tenant_is_a_database(key: tuple[Any, str], tenant: Any, database: str, may: bool) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT), database)
    token = signed(key[0], claims(tenant=tenant, sites=["*"], role="admin"))
    if may:
        assert tokens.authenticate(token).user.tenant == (tenant or "")
    else:
        with pytest.raises(ForbiddenError):
            tokens.authenticate(token)


def test_a_claim_of_nothing_is_no_tenant(key: tuple[Any, str]) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT))
    with pytest.raises(ForbiddenError):
        tokens.authenticate(signed(key[0], {**claims(), "tenant": None}))


def test_a_token_signed_by_somebody_else_and_keys_that_cannot_be_had(key: tuple[Any, str]) -> None:
    tokens = IdentityTokens(IdentityVerifier(FixedKeys({"k1": key[1]}), PROJECT), "acme")
    stranger, _ = make_key()
    for token in ("", "x", "a.b.c", "z" * 10_000, signed(stranger, claims())):
        with pytest.raises(UnauthenticatedError):
            tokens.authenticate(token)

    def fails() -> tuple[bytes, str]:
        raise OSError("no network")

    waiting = IdentityTokens(IdentityVerifier(identity_keys(fails), PROJECT))
    with pytest.raises(KeysUnavailableError):
        waiting.authenticate(signed(key[0], claims()))
    fetched = identity_keys(lambda: (json.dumps({"k1": key[1]}).encode(), "max-age=60"))
    good = IdentityTokens(IdentityVerifier(fetched, PROJECT), "acme")
    assert good.authenticate(signed(key[0], claims())).user.id == "uid-1"
