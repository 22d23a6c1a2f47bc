"""Who is asking, what that user may do, and what browsers are told not to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from flask import Flask, Response, current_app, g, request

from cloud_run.api.problems import Problem
from guardian.desk_ports import Role, User

API = "/api/v1"

_ROLE = "_required_role"
_SELF = "'self'"
_View = TypeVar("_View", bound=Callable[..., Any])

# 'self' alone, except for pictures that the page draws and styles that its libraries set.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; object-src 'none';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=()",
}


class Session(msgspec.Struct, frozen=True):
    """A user who has proved who they are. expires_at: epoch seconds, when that has to be done again."""

    user: User
    expires_at: float


class UnauthenticatedError(Exception):
    """There is no token, or not a valid one. The text is for the log, and holds nothing of the token."""


class ForbiddenError(Exception):
    """The token is genuine, and its owner may not use this product. The text is for the log."""


class KeysUnavailableError(Exception):
    """Nobody can tell now whether a token is good: try again."""


class Authenticator(Protocol):
    """Reads bearer tokens."""

    def authenticate(self, token: str) -> Session:
        """Who has this token. Raises UnauthenticatedError, ForbiddenError, KeysUnavailableError."""


def requires(role: Role) -> Callable[[_View], _View]:
    """Marks a view: only users of this role, or one above, may ask. Without it, every user may."""

    def mark(view: _View) -> _View:
        setattr(view, _ROLE, role)
        return view

    return mark


def public(view: _View) -> _View:
    """Marks a view that anybody may ask."""
    setattr(view, _ROLE, None)
    return view


def current_user() -> User:
    """The user who is asking. Only in views that are not `public`."""
    return current_session().user


def current_session() -> Session:
    """The session of the user who is asking."""
    session: Session = g.session
    return session


def bearer_token() -> str:
    """The token of the present request, empty if it has none.

    A browser cannot set a header on a WebSocket, so there it comes as a second sub-protocol: `bearer, TOKEN`.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if (
        len(offered) == 2
        and offered[0] == "bearer"
        and request.headers.get("Upgrade", "").lower() == "websocket"
    ):
        return offered[1]
    return ""


def site_scope(wanted: str | None) -> tuple[str, ...] | None:
    """The sites to look in for a user who asks for one or, with None, for all of theirs."""
    user = current_user()
    if wanted is None:
        return user.scope
    return (wanted,) if user.sees(wanted) else ()


def protect(app: Flask, authenticator: Authenticator, asked_by_pages: Sequence[str] = ()) -> None:
    """Lets nobody below /api/v1 in who has not proved who they are, and sets the headers of every answer.

    asked_by_pages: addresses (`https://host`) that the pages may ask besides this server.
    """
    policy = f"{_POLICY}; connect-src {' '.join((_SELF, *asked_by_pages))}" if asked_by_pages else _POLICY
    headers = {"Content-Security-Policy": policy, **_HEADERS}

    def check() -> None:
        if not request.path.startswith(f"{API}/") or request.endpoint is None:
            return
        role = getattr(current_app.view_functions[request.endpoint], _ROLE, Role.VIEWER)
        if role is None:
            return
        try:
            session = authenticator.authenticate(bearer_token())
        except UnauthenticatedError as error:
            g.refused = str(error)
            raise Problem(
                401, "unauthenticated", "log in first", headers={"WWW-Authenticate": "Bearer"}
            ) from None
        except ForbiddenError as error:
            g.refused = str(error)
            raise Problem(403, "forbidden", "your account may not use this product") from None
        except KeysUnavailableError:
            raise Problem(503, "keys-unavailable", "nobody can be let in at present: try again") from None
        if not session.user.may(role):
            raise Problem(403, "forbidden", f"this needs the role {role.value}")
        g.session = session

    def harden(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.path.startswith(f"{API}/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(check)
    app.after_request(harden)
