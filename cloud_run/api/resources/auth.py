"""Coming in, staying in and leaving: the embedded product's users, and where else they are."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import urlsplit

import structlog
from flask import Response, request
from flask_openapi3 import OpenAPI

from cloud_run.api.access_tokens import LIFE_S
from cloud_run.api.answers import answer, answers, resource
from cloud_run.api.login_limits import LoginLimits
from cloud_run.api.models.auth import (
    FirebaseLogin,
    LoggedIn,
    Login,
    LoginConfig,
    LoginLink,
    PasswordLogin,
)
from cloud_run.api.models.users import UserItem
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem
from cloud_run.api.security import API, current_user, public
from guardian.adapters.embedded.users import REFRESH_LIFE_MS
from guardian.desk_ports import User

COOKIE: Final = "guardian_refresh"

log = structlog.get_logger("api")


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `auth/…`, of which without users of ours there is only `auth/config`; and `me`."""
    api = resource("auth", "Coming in, staying in and leaving.", public=True)

    @api.get("/auth/config", summary="How people log in here", responses=answers(LoginConfig, 404))
    @public
    def config() -> Response:
        return answer(_config(parts))

    about = resource("me", "The user who is asking.")

    @about.get("/me", summary="The user who is asking", responses=answers(UserItem))
    def me() -> Response:
        return answer(UserItem.of(current_user()))

    app.register_api(about)
    if parts.accounts is None:
        app.register_api(api)
        return
    users, tokens = parts.accounts.users, parts.accounts.tokens
    limits = LoginLimits(parts.clock)

    @api.post("/auth/login", summary="Log in", responses=answers(LoggedIn, 429))
    @public
    def login(body: Login) -> Response:
        address = request.remote_addr or ""
        if wait := limits.begin(body.username, address):
            parts.metrics.login("too_many")
            raise Problem(
                429,
                "too-many-attempts",
                "too many attempts to log in",
                headers={"Retry-After": str(math.ceil(wait))},
            )
        user = users.check(body.username, body.password)
        if user is None:
            parts.metrics.login("refused")
            log.warning("login_refused")
            raise Problem(401, "unauthenticated", "no user has this name and password")
        limits.succeeded(body.username, address)
        parts.metrics.login("in")
        return entered(user, users.begin(user, int(parts.clock() * 1000)))

    @api.post("/auth/link", summary="Log in by a link that is good once", responses=answers(LoggedIn))
    @public
    def link(body: LoginLink) -> Response:
        _from_our_pages()
        at = int(parts.clock() * 1000)
        user = users.follow(body.token, at)
        if user is None:
            parts.metrics.login("refused")
            log.warning("login_refused")
            raise Problem(401, "unauthenticated", "this link has been used, or is too old")
        parts.metrics.login("in")
        return entered(user, users.begin(user, at))

    @api.post("/auth/refresh", summary="Stay logged in", responses=answers(LoggedIn))
    @public
    def refresh() -> Response:
        _from_our_pages()
        token = request.cookies.get(COOKIE, "")
        renewed = users.renew(token, int(parts.clock() * 1000)) if token else None
        if renewed is None:
            response = Problem(401, "unauthenticated", "log in again").response()
            _forget(response)
            return response
        return entered(*renewed)

    @api.post("/auth/logout", summary="Leave", responses=answers(None, status=204))
    @public
    def logout() -> Response:
        _from_our_pages()
        if token := request.cookies.get(COOKIE, ""):
            users.end(token)
        response = Response(status=204)
        _forget(response)
        return response

    def entered(user: User, refresh_token: str) -> Response:
        response = answer(
            LoggedIn(access_token=tokens.issue(user), expires_in=LIFE_S, user=UserItem.of(user))
        )
        response.set_cookie(
            COOKIE,
            refresh_token,
            max_age=REFRESH_LIFE_MS // 1000,
            path=f"{API}/auth",
            secure=request.is_secure or not parts.settings.on_loopback,
            httponly=True,
            samesite="Strict",
        )
        return response

    app.register_api(api)


def _config(parts: Parts) -> LoginConfig:
    if parts.accounts is not None:
        return LoginConfig(PasswordLogin(kind="password"))
    firebase = parts.settings.firebase
    if firebase is None:
        raise Problem(404, "not-found", "people cannot log in here: GUARDIAN_FIREBASE_API_KEY is not set")
    return LoginConfig(
        FirebaseLogin(
            kind="firebase",
            project_id=firebase.project,
            api_key=firebase.api_key,
            database=firebase.database,
            auth_emulator=firebase.auth_emulator,
            firestore_emulator=firebase.firestore_emulator,
        )
    )


def _forget(response: Response) -> None:
    response.delete_cookie(COOKIE, path=f"{API}/auth", httponly=True, samesite="Strict")


def _from_our_pages() -> None:
    """Refuses what another site's page has sent, should a browser let it."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Problem(403, "forbidden", "sent by a page of another site")
