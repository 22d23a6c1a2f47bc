"""Logging in, as the API tells it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, RootModel

from cloud_run.api.models.users import UserItem
from guardian.adapters.embedded.users import LONGEST_NAME, LONGEST_PASSWORD


class Login(BaseModel):
    """Who wants to come in."""

    username: str = Field(min_length=1, max_length=LONGEST_NAME)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class LoginLink(BaseModel):
    """The token of a link that logs in once, as `guardian demo` makes them."""

    token: str = Field(min_length=1, max_length=200)


class LoggedIn(BaseModel):
    """access_token: for `Authorization: Bearer …`. expires_in: seconds. The refresh token is in a cookie."""

    access_token: str
    expires_in: int
    user: UserItem


class PasswordLogin(BaseModel):
    """Users are kept here: `auth/login`, and the live stream."""

    kind: Literal["password"]


class FirebaseLogin(BaseModel):
    """Users are those of Identity Platform, and alerts are watched in Firestore. Nothing of it is secret.

    auth_emulator, firestore_emulator: `host:port` of what is there instead of Google, else null.
    """

    kind: Literal["firebase"]
    project_id: str
    api_key: str
    database: str
    auth_emulator: str | None
    firestore_emulator: str | None


class LoginConfig(RootModel[PasswordLogin | FirebaseLogin]):
    """How people log in here."""
