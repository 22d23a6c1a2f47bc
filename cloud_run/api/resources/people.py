"""Names of the people who work on alerts, for everybody who works with them."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.answers import answer, answers, resource
from cloud_run.api.models.people import PeopleList, PeopleQuery, Person
from cloud_run.api.parts import Parts
from cloud_run.api.security import current_user
from guardian.desk_ports import ALL_SITES, Role, User


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `people`. Where users are not ours nobody is listed: only the identity provider knows them."""
    api = resource("people", "The people who work on alerts.")

    @api.get(
        "/people",
        summary="Names of the people who share a site with the one who asks",
        responses=answers(PeopleList),
    )
    def people(query: PeopleQuery) -> Response:
        asking = current_user()
        known = [] if parts.accounts is None else parts.accounts.users.list()
        site = query.for_site
        found = [
            Person(id=one.user.id, name=one.user.name)
            for one in known
            if _meet(one.user, asking)
            and (site is None or (asking.sees(site) and not one.disabled and can_be_given(one.user, site)))
        ]
        return answer(PeopleList(items=found))

    app.register_api(api)


def can_be_given(user: User, site: str) -> bool:
    """Whether somebody could do something about an alert of a site."""
    return user.may(Role.OPERATOR) and user.sees(site)


def _meet(one: User, other: User) -> bool:
    """Whether there is a site that both may see."""
    everywhere = ALL_SITES in one.sites or ALL_SITES in other.sites
    return everywhere or not set(one.sites).isdisjoint(other.sites)
