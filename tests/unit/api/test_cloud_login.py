"""How people log in in the cloud: what pages are told and may ask, and when the Auth emulator is believed."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cloud_run.api.identity import IdentityTokens
from cloud_run.api.main import Api, main
from cloud_run.api.security import ForbiddenError, UnauthenticatedError
from cloud_run.api.settings import ApiSettings, FirebaseSettings, api_settings
from guardian.adapters.google.identity_emulator import UnsignedTokens
from guardian.desk_ports import Role
from guardian.runtime.settings import SettingsError

PROJECT = "shop-project"
CLOUD = {"GUARDIAN_STORE": "firestore", "GOOGLE_CLOUD_PROJECT": PROJECT}
EMULATED = {
    **CLOUD,
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
    "FIRESTORE_EMULATOR_HOST": "localhost:8081",
}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    content = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "uid-1",
        "iat": now - 10,
        "exp": now + 600,
        "auth_time": now - 100,
        "email": "ann@example.com",
        "role": "operator",
        "sites": ["s1"],
    }
    content |= {
        name: now + value[0] if isinstance(value, tuple) else value for name, value in changes.items()
    }
    return {name: value for name, value in content.items() if value is not None}


def token(content: object, header: object = None, signature: str = "") -> str:
    parts = [{"alg": "none", "typ": "JWT"} if header is None else header, content]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*coded, signature])


def test_a_token_of_the_emulator_says_who_somebody_is() -> None:
    content = claims()
    session = IdentityTokens(UnsignedTokens(PROJECT)).authenticate(token(content))
    assert session.expires_at == content["exp"]
    user = session.user
    assert (user.id, user.name, user.role, user.sites) == (
        "uid-1",
        "ann@example.com",
        Role.OPERATOR,
        ("s1",),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other-project"},
        {"aud": None},
        {"iss": "https://securetoken.google.com/other-project"},
        {"exp": (-60,), "iat": (-700,)},
        {"exp": (86_400,)},
        {"iat": (600,), "exp": (900,)},
        {"iat": "now"},
        {"auth_time": None},
        {"auth_time": (600,)},
        {"sub": ""},
    ],
)
def test_a_token_of_the_emulator_that_is_not_for_us(changes: dict[str, Any]) -> None:
    with pytest.raises(UnauthenticatedError):
        IdentityTokens(UnsignedTokens(PROJECT)).authenticate(token(claims(**changes)))


@pytest.mark.parametrize("changes", [{"role": None}, {"role": "god"}, {"sites": []}, {"sites": "*"}])
def test_a_user_of_the_emulator_without_rights(changes: dict[str, Any]) -> None:
    with pytest.raises(ForbiddenError):
        IdentityTokens(UnsignedTokens(PROJECT)).authenticate(token(claims(**changes)))


def test_what_is_no_token_of_the_emulator() -> None:
    tokens = IdentityTokens(UnsignedTokens(PROJECT))
    for text in (
        "",
        "x",
        "..",
        "a.b.",
        "ü.é.",
        "z" * 10_000,
        token(claims(), signature="c2lnbmVk"),
        token(claims(), {"alg": "RS256", "kid": "k1"}),
        token(claims(), {}),
        token(claims(), []),
        token([]),
        token("text"),
    ):
        with pytest.raises(UnauthenticatedError):
            tokens.authenticate(text)


def test_the_emulator_is_believed_where_nothing_is_real() -> None:
    settings = api_settings(EMULATED)
    assert settings.identity is not None
    assert settings.identity.emulator == "127.0.0.1:9099"
    assert settings.firebase == FirebaseSettings(
        project=PROJECT,
        api_key="emulator",
        auth_emulator="127.0.0.1:9099",
        firestore_emulator="localhost:8081",
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"FIRESTORE_EMULATOR_HOST": ""}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIREBASE_AUTH_EMULATOR_HOST": "10.0.0.5:9099"}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIREBASE_AUTH_EMULATOR_HOST": "emulators:9099"}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1"}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:99999"}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1.evil.example:80"}, "FIREBASE_AUTH_EMULATOR_HOST"),
        ({"FIRESTORE_EMULATOR_HOST": "10.0.0.5:8081"}, "FIRESTORE_EMULATOR_HOST"),
        ({"FIRESTORE_EMULATOR_HOST": "localhost:80; script-src *"}, "FIRESTORE_EMULATOR_HOST"),
        ({"GUARDIAN_HOST": "0.0.0.0"}, "GUARDIAN_HOST"),
    ],
)
def test_the_emulator_is_not_believed_by_accident(change: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=f"^{named}:"):
        api_settings(EMULATED | change)
    with capture_logs():
        assert main(EMULATED | change) == 2


def test_without_a_store_in_the_cloud_the_emulator_is_nobody() -> None:
    settings = api_settings(EMULATED | {"GUARDIAN_STORE": "sqlite:guardian.db"})
    assert settings.identity is None
    assert settings.firebase is None


def test_a_dashboard_in_the_cloud_needs_a_key_and_one_project() -> None:
    assert api_settings(CLOUD).firebase is None
    with pytest.raises(SettingsError, match=r"^GUARDIAN_FIREBASE_API_KEY:"):
        api_settings(CLOUD | {"GUARDIAN_DASHBOARD": "dist"})
    with pytest.raises(SettingsError, match=r"^GUARDIAN_FIREBASE_API_KEY:"):
        api_settings(CLOUD | {"GUARDIAN_FIREBASE_API_KEY": "not a key"})
    keyed = CLOUD | {"GUARDIAN_FIREBASE_API_KEY": "AIzaSyA-1_x", "GUARDIAN_FIRESTORE_DATABASE": "acme"}
    assert api_settings(keyed).firebase == FirebaseSettings(
        project=PROJECT, api_key="AIzaSyA-1_x", database="acme"
    )
    with pytest.raises(SettingsError, match=r"^GUARDIAN_IDENTITY_PROJECT:"):
        api_settings(keyed | {"GUARDIAN_IDENTITY_PROJECT": "other"})


def told(settings: ApiSettings) -> tuple[int, Any, str]:
    """What a page is told before anybody has logged in: status and content; and what it may ask."""
    with capture_logs() as logs:
        api = Api(settings)
    try:
        answer = api.app.test_client().get("/api/v1/auth/config")
    finally:
        api.close()
    emulated = settings.identity is not None and settings.identity.emulator is not None
    assert ("tokens_are_not_verified" in [line["event"] for line in logs]) == emulated
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    return answer.status_code, answer.json, policy.get("connect-src", "'self'")


def test_a_page_is_told_where_to_log_in_and_may_ask_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(ApiSettings(store=tmp_path / "guardian.db")) == (200, {"kind": "password"}, "'self'")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", EMULATED["FIRESTORE_EMULATOR_HOST"])
    assert told(api_settings(EMULATED)) == (
        200,
        {
            "kind": "firebase",
            "project_id": PROJECT,
            "api_key": "emulator",
            "database": "(default)",
            "auth_emulator": "127.0.0.1:9099",
            "firestore_emulator": "localhost:8081",
        },
        "'self' http://127.0.0.1:9099 http://localhost:8081",
    )
    # The client is one of the emulator's here too, so that none needs credentials; what is told is not.
    status, content, asks = told(api_settings(CLOUD | {"GUARDIAN_FIREBASE_API_KEY": "AIza"}))
    assert (status, content["api_key"], content["auth_emulator"]) == (200, "AIza", None)
    assert asks == (
        "'self' https://identitytoolkit.googleapis.com https://securetoken.googleapis.com"
        " https://firestore.googleapis.com"
    )
    status, _, asks = told(api_settings(CLOUD))
    assert (status, asks) == (404, "'self'")
