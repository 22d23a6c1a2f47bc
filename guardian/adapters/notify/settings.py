"""Who is told of what: a TOML file, whose secrets lie in the environment or in files of their own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Final

import msgspec

from guardian.adapters.notify.backoff import Backoff
from guardian.adapters.notify.mail import Encryption, MailChannel, MailServer
from guardian.adapters.notify.notifier import ChannelRules, Notifier
from guardian.adapters.notify.post import Target
from guardian.adapters.notify.slack import SlackChannel
from guardian.adapters.notify.webhook import WebhookChannel
from guardian.alerts.routing import Quiet, Route
from guardian.events.hours import Hours
from guardian.events.times import parse_zone
from guardian.ports import Channel, NoticeRecords

LONGEST_SECRET: Final = 4096
MOST_TIME_S: Final = 60.0
MOST_ATTEMPTS: Final = 10
MOST_TOGETHER_S: Final = 100.0
"""Less than a claim on a notice lasts: nobody else may begin while we are still at it."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class NotifySettingsError(ValueError):
    """Settings that cannot be used; says where, and shows no secret."""


class _Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    quiet: Quiet | None = None
    timeout_s: float = 10.0


class SlackSettings(_Rules, frozen=True, kw_only=True, tag="slack"):
    """url: "env:NAME" or "file:PATH" of the incoming webhook's URL."""

    url: str


class WebhookSettings(_Rules, frozen=True, kw_only=True, tag="webhook"):
    """url and secret: "env:NAME" or "file:PATH"."""

    url: str
    secret: str


class MailSettings(_Rules, frozen=True, kw_only=True, tag="mail"):
    """password: "env:NAME" or "file:PATH"; empty without a login."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    encryption: Encryption = "starttls"
    username: str = ""
    password: str = ""


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """zone: a site's that is not in zones. Both as in the site's own settings: "Europe/Berlin"."""

    channels: dict[str, SlackSettings | WebhookSettings | MailSettings]
    routes: tuple[Route, ...]
    zone: str = "UTC"
    zones: dict[str, str] = {}
    retries: Backoff = Backoff()


def load_notifier(path: Path, environment: Mapping[str, str], records: NoticeRecords) -> Notifier:
    """A notifier with the channels and routes of a TOML file. Raises NotifySettingsError."""
    try:
        settings = msgspec.convert(tomllib.loads(path.read_text("utf-8")), NotifySettings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise NotifySettingsError(f"{path}: {error}") from None
    try:
        return _notifier(settings, environment, records)
    except ValueError as error:
        raise NotifySettingsError(f"{path}: {error}") from None


def _notifier(settings: NotifySettings, environment: Mapping[str, str], records: NoticeRecords) -> Notifier:
    backoff = settings.retries
    if not (1 <= backoff.attempts <= MOST_ATTEMPTS and backoff.first_s >= 0 and 0 <= backoff.jitter <= 1):
        raise ValueError(f"retries: expected 1 to {MOST_ATTEMPTS} attempts, and a jitter from 0 to 1")
    if not 0 <= backoff.most_s <= MOST_TIME_S:
        raise ValueError(f"retries.most_s: at most {MOST_TIME_S:g}")
    longest = max((given.timeout_s for given in settings.channels.values()), default=0.0) + backoff.most_s
    if backoff.attempts * longest > MOST_TOGETHER_S:
        raise ValueError(f"timeouts and retries of one channel together: at most {MOST_TOGETHER_S:g} s")
    for route in settings.routes:
        if unknown := [name for name in route.channels if name not in settings.channels]:
            raise ValueError(f"routes: there is no channel {unknown[0]!r}")
    return Notifier(
        settings.routes,
        {name: _rules(name, given, environment) for name, given in settings.channels.items()},
        records,
        zone=parse_zone(settings.zone),
        zones=_zones(settings.zones),
        backoff=backoff,
    )


def _zones(given: Mapping[str, str]) -> dict[str, tzinfo]:
    return {site: parse_zone(zone) for site, zone in given.items()}


def _rules(
    name: str, given: SlackSettings | WebhookSettings | MailSettings, environment: Mapping[str, str]
) -> ChannelRules:
    if not _NAME.fullmatch(name):
        raise ValueError(f"channels: {name!r}: expected lower-case letters, digits and dashes, at most 40")
    try:
        if not 0 < given.timeout_s <= MOST_TIME_S:
            raise ValueError(f"timeout_s: expected more than 0 and at most {MOST_TIME_S:g}")
        if given.quiet is not None:
            Hours(given.quiet.hours)
        return ChannelRules(_channel(given, environment), given.quiet)
    except ValueError as error:
        raise ValueError(f"channels.{name}: {error}") from None


def _channel(
    given: SlackSettings | WebhookSettings | MailSettings, environment: Mapping[str, str]
) -> Channel:
    if isinstance(given, SlackSettings):
        return SlackChannel(Target(_secret("url", given.url, environment)), timeout_s=given.timeout_s)
    if isinstance(given, WebhookSettings):
        return WebhookChannel(
            Target(_secret("url", given.url, environment)),
            _secret("secret", given.secret, environment).encode(),
            timeout_s=given.timeout_s,
        )
    server = MailServer(
        host=given.host,
        port=given.port,
        encryption=given.encryption,
        username=given.username,
        password=_secret("password", given.password, environment) if given.password else "",
        timeout_s=given.timeout_s,
    )
    return MailChannel(server, given.sender, given.recipients)


def _secret(field: str, where: str, environment: Mapping[str, str]) -> str:
    """The secret that "env:NAME" or "file:PATH" names. One written down in its place is not shown."""
    kind, _, name = where.partition(":")
    if kind == "env":
        value = environment.get(name, "")
    elif kind == "file":
        try:
            with Path(name).open(encoding="utf-8") as opened:
                value = opened.read(LONGEST_SECRET + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ValueError(f"{field}: {name}: {reason}") from None
    else:
        raise ValueError(f'{field}: expected "env:NAME" or "file:PATH"')
    value = value.strip()
    if not value or len(value) > LONGEST_SECRET:
        raise ValueError(f"{field}: {name}: {'empty' if not value else 'too long'}")
    return value
