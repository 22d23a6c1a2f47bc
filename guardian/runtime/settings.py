"""Settings of one site: defaults, then a TOML file, then the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from guardian.events.hours import DAYS


class SettingsError(ValueError):
    """A settings file that cannot be used; says where and why."""


class WorkingHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the site works, as `guardian.events.hours.Hours` reads it.

    work: "06:00-22:00", may run over midnight. days: of the week, on which work begins.
    roster: the spans of those who work at other hours, by employee id.
    """

    work: str = "06:00-22:00"
    days: tuple[str, ...] = DAYS
    roster: dict[str, str] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site's settings.

    site: its name, in every alert. zone: "UTC", "+05:30" or "Europe/Berlin"; naive times are in it.
    lateness_s: how far out of order events may arrive, seconds of event time.
    idle_after_s: live streams silent for this long let deadlines pass by the clock.
    hours: when people are at work. qr_keys: file with the public keys that product codes are signed with.
    qr_legacy_secret: file with the secret of the codes of the older kind, where there are such.
    detectors: parameters by detector id, as `guardian detectors` lists them.
    """

    site: str = "store"
    zone: str = "UTC"
    lateness_s: float = 5.0
    idle_after_s: float = 10.0
    hours: WorkingHours = WorkingHours()
    qr_keys: Path | None = None
    qr_legacy_secret: Path | None = None
    detectors: dict[str, dict[str, Any]] = {}

    @property
    def lateness_ms(self) -> int:
        """Allowed lateness in milliseconds."""
        return int(self.lateness_s * 1000)


def load_settings(path: Path | None) -> Settings:
    """Settings from a TOML file, or the defaults without one. Raises SettingsError."""
    if path is None:
        return Settings()
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings, dec_hook=_path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _path(type_: type, value: object) -> object:
    if type_ is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected a path, found {value!r}")
