"""Who is told of an alert, and when it is news: from the alert, what was told before, and the time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import tzinfo
from enum import StrEnum
from typing import Final

import msgspec

from guardian.alerts.document import AlertDocument
from guardian.alerts.model import Severity, Status
from guardian.events.hours import Hours

SEVERITIES: Final = {severity: rank for rank, severity in enumerate(Severity)}
"""By rank, the least first."""

CLEARED: Final = "cleared"
STATES: Final = (
    CLEARED,
    *(f"{status}-{severity}" for status in (Status.SUSPECTED, Status.CONFIRMED) for severity in Severity),
)
"""All that a person can be told about one alert, see `state_of`."""


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which alerts go to which channels. types and sites: empty for all. severity: this or more."""

    channels: tuple[str, ...]
    severity: Severity = Severity.LOW
    types: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours in which a channel rests. hours: "22:00-06:00", in the site's zone, may run over midnight.

    breaks: alerts of this severity or more are told all the same; None: nothing is.
    """

    hours: str
    breaks: Severity | None = Severity.CRITICAL


class Verdict(StrEnum):
    """Whether a channel is told now. QUIET: it is news, but the channel rests."""

    TELL = "tell"
    KNOWN = "known"
    QUIET = "quiet"


def channels_for(alert: AlertDocument, routes: Collection[Route]) -> list[str]:
    """The channels that alerts of this kind go to, each once, in the order of the routes."""
    found: dict[str, None] = {}
    for route in routes:
        if (
            (alert.status == Status.CLEARED or SEVERITIES[alert.severity] >= SEVERITIES[route.severity])
            and (not route.types or alert.type in route.types)
            and (not route.sites or alert.site in route.sites)
        ):
            found.update(dict.fromkeys(route.channels))
    return list(found)


def state_of(alert: AlertDocument) -> str:
    """What there is to tell about the alert now: one of `STATES`."""
    return CLEARED if alert.status == Status.CLEARED else f"{alert.status}-{alert.severity}"


def verdict(
    alert: AlertDocument, told: Collection[str], quiet: Quiet | None, zone: tzinfo, at: int
) -> Verdict:
    """Whether a channel is told of the alert at a time (epoch ms).

    told: the states it was told before. Suspected, then confirmed is news, and so is a higher severity; the
    same again and anything less is not. That it was cleared is news for those who were told that it was not.
    Raises HoursError for hours that cannot be read.
    """
    if not _is_news(alert, told):
        return Verdict.KNOWN
    if quiet is not None and _rests(alert, quiet, zone, at):
        return Verdict.QUIET
    return Verdict.TELL


def _is_news(alert: AlertDocument, told: Collection[str]) -> bool:
    if alert.status == Status.CLEARED:
        return bool(told) and CLEARED not in told
    before = [state.split("-", 1) for state in told if state != CLEARED]
    if not before:
        return CLEARED not in told
    status_rises = alert.status == Status.CONFIRMED and all(s != Status.CONFIRMED for s, _ in before)
    return status_rises or all(SEVERITIES[alert.severity] > SEVERITIES[Severity(s)] for _, s in before)


def _rests(alert: AlertDocument, quiet: Quiet, zone: tzinfo, at: int) -> bool:
    if quiet.breaks is not None and SEVERITIES[alert.severity] >= SEVERITIES[quiet.breaks]:
        return False
    return not Hours(quiet.hours, zone=zone).closed(at)
