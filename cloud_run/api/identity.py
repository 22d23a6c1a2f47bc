"""The cloud shape's users: Identity Platform says who somebody is and what they may do."""

from __future__ import annotations

from cloud_run.api.security import ForbiddenError, KeysUnavailableError, Session, UnauthenticatedError
from guardian.adapters.google import oidc
from guardian.adapters.google.identity import IdentityVerifier


class IdentityTokens:
    """An `Authenticator` for ID tokens."""

    def __init__(self, verifier: IdentityVerifier) -> None:
        self._verifier = verifier

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
        return Session(found.user, found.expires_at)
