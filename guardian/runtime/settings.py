"""Settings of one site: defaults, then a TOML file, then the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec


class SettingsError(ValueError):
    """A settings file that cannot be used; says where and why."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One site's settings.

    site: its name, in every alert. zone: "UTC", "+05:30" or "Europe/Berlin"; naive times are in it.
    lateness_s: how far out of order events may arrive, seconds of event time.
    idle_after_s: live streams silent for this long let deadlines pass by the clock.
    detectors: parameters by detector id, as `guardian detectors` lists them.
    """

    site: str = "store"
    zone: str = "UTC"
    lateness_s: float = 5.0
    idle_after_s: float = 10.0
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
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Settings)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
