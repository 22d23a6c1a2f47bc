"""The cloud shape's users: Identity Platform says who somebody is and what they may do."""

from __future__ import annotations

from typing import Protocol

from cloud_run.api.security import ForbiddenError, KeysUnavailableError, Session, UnauthenticatedError
from cloud_run.api.settings import DEFAULT_DATABASE
from guardian.adapters.google import oidc
from guardian.adapters.google.identity import Identified


class Verifier(Protocol):
    """Reads ID tokens."""

    def verify(self, token: str) -> Identified:
        """Raises oidc.UnauthenticatedError, oidc.ForbiddenError, oidc.KeysUnavailableError."""


class IdentityTokens:
    """An `Authenticator` for ID tokens of those whose tenant this database is: none is the default."""

    def __init__(self, verifier: Verifier, database: str = DEFAULT_DATABASE) -> None:
        self._verifier = verifier
        self._database = database

    def authenticate(self, token: str) -> Session:
        """Who has this token. Raises UnauthenticatedError, ForbiddenError, KeysUnavailableError."""
        try:
            found = self._verifier.verify(token)
        except oidc.UnauthenticatedError as error:
            raise UnauthenticatedError(str(error)) from None
        except oidc.ForbiddenError as error:
            raise ForbiddenError(str(error)) from None
        except oidc.KeysUnavailableError as error:
            raise KeysUnavailableError(str(error)) from None
        if (found.user.tenant or DEFAULT_DATABASE) != self._database:
            raise ForbiddenError("of another tenant")
        return Session(found.user, found.expires_at)
