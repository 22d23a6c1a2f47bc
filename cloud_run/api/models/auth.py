"""Logging in, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cloud_run.api.models.users import UserItem
from guardian.adapters.embedded.users import LONGEST_NAME, LONGEST_PASSWORD


class Login(BaseModel):
    """Who wants to come in."""

    username: str = Field(min_length=1, max_length=LONGEST_NAME)
    password: str = Field(min_length=1, max_length=LONGEST_PASSWORD)


class LoggedIn(BaseModel):
    """access_token: for `Authorization: Bearer …`. expires_in: seconds. The refresh token is in a cookie."""

    access_token: str
    expires_in: int
    user: UserItem
