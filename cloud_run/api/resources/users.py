"""The embedded product's users, for administrators."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.models.users import AccountItem, AccountList, NewUser, UserChange, UserPath
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem, bad_value, not_found
from cloud_run.api.security import current_user, requires
from guardian.adapters.embedded.users import Account, AccountError
from guardian.desk_ports import ALL_SITES, NotFoundError, Role, User


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `users`, where they are ours."""
    if parts.accounts is None:
        return
    users = parts.accounts.users
    api = resource("users", "Users, for administrators.")

    @api.get("/users", summary="Every user", responses=answers(AccountList))
    @requires(Role.ADMIN)
    def listed() -> Response:
        asking = current_user()
        return answer(AccountList(items=[_item(one) for one in users.list() if _within(one.user, asking)]))

    @api.post("/users", summary="A new user", responses=answers(AccountItem, status=201))
    @requires(Role.ADMIN)
    def add(body: NewUser) -> Response:
        _check_grant(tuple(body.sites))
        try:
            account = users.add(
                body.name, body.password, body.role, tuple(body.sites), by=current_user().id, at=now()
            )
        except AccountError as error:
            raise bad_value(error.field, str(error)) from None
        return answer(_item(account), 201)

    @api.patch("/users/<string:user_id>", summary="Change a user", responses=answers(AccountItem, 404))
    @requires(Role.ADMIN)
    def change(path: UserPath, body: UserChange) -> Response:
        if not any(one.user.id == path.user_id and _within(one.user, current_user()) for one in users.list()):
            raise not_found("user")
        sites = None if body.sites is None else tuple(body.sites)
        if sites is not None:
            _check_grant(sites)
        try:
            account = users.change(
                path.user_id,
                by=current_user().id,
                at=now(),
                role=body.role,
                sites=sites,
                disabled=body.disabled,
                password=body.password,
            )
        except AccountError as error:
            raise bad_value(error.field, str(error)) from None
        except NotFoundError:
            raise not_found("user") from None
        return answer(_item(account))

    def now() -> int:
        return int(parts.clock() * 1000)

    app.register_api(api)


def _item(account: Account) -> AccountItem:
    return AccountItem.of_account(account, iso(account.created_at))


def _within(user: User, asking: User) -> bool:
    """Whether somebody works only where the administrator does."""
    return ALL_SITES in asking.sites or set(user.sites) <= set(asking.sites)


def _check_grant(sites: tuple[str, ...]) -> None:
    """Nobody gives what they do not have."""
    asking = current_user()
    if ALL_SITES not in asking.sites and not set(sites) <= set(asking.sites):
        raise Problem(403, "forbidden", "these are not all sites of yours")
