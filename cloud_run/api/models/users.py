"""Users, as the API tells them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from guardian.adapters.embedded.users import (
    LONGEST_NAME,
    LONGEST_PASSWORD,
    MOST_SITES,
    SHORTEST_PASSWORD,
    Account,
)
from guardian.desk_ports import Role, User


class UserItem(BaseModel):
    """A user. sites: `*` for all."""

    id: str
    name: str
    role: Role
    sites: list[str]
    tenant: str

    @classmethod
    def of(cls, user: User) -> UserItem:
        """From the user as the desk knows them."""
        return cls(id=user.id, name=user.name, role=user.role, sites=list(user.sites), tenant=user.tenant)


class AccountItem(UserItem):
    """A user as the administrator sees them."""

    disabled: bool
    created_at: str

    @classmethod
    def of_account(cls, account: Account, created_at: str) -> AccountItem:
        """From the account, and when it was made as a text."""
        about = UserItem.of(account.user).model_dump()
        return cls(**about, disabled=account.disabled, created_at=created_at)


class AccountList(BaseModel):
    """Every user."""

    items: list[AccountItem]


class NewUser(BaseModel):
    """A user to be."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    password: str = Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
    role: Role = Role.VIEWER
    sites: list[str] = Field(min_length=1, max_length=MOST_SITES)


class UserPath(BaseModel):
    """Which user."""

    user_id: str


class UserChange(BaseModel):
    """What to change of a user; what is not given stays."""

    role: Role | None = None
    sites: list[str] | None = Field(default=None, min_length=1, max_length=MOST_SITES)
    disabled: bool | None = None
    password: str | None = Field(default=None, min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
