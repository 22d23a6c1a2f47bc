"""The correlator's settings, from the environment. Each is told in docs/correlator.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from guardian.detectors.parts import Part
from guardian.runtime.part import PartSettings, number_setting, part_settings, path_setting
from guardian.runtime.settings import SettingsError


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """audience: what tokens must be made for. emails: who may call. keys: a file of public keys instead of
    Google's own, for places that cannot reach them."""

    audience: str
    emails: tuple[str, ...]
    keys: Path | None = None


class CorrelatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """part: what it decides, and over which store. oidc: None means that anybody may call.

    threads: requests at a time.
    """

    part: PartSettings
    oidc: OidcSettings | None
    host: str = "0.0.0.0"  # noqa: S104 - a container's port; who may call is checked
    port: int = 8080
    threads: int = 100


def correlator_settings(environment: Mapping[str, str]) -> CorrelatorSettings:
    """The settings. Raises SettingsError, naming the variable."""
    worker = environment.get("GUARDIAN_WORKER") or "correlator"
    return CorrelatorSettings(
        part=part_settings(environment, _part(environment), worker),
        oidc=_oidc(environment),
        host=environment.get("GUARDIAN_HOST") or "0.0.0.0",  # noqa: S104
        port=number_setting(environment, "PORT", 8080, 1, 65_535),
        threads=number_setting(environment, "GUARDIAN_THREADS", 100, 1, 1_000),
    )


def _part(environment: Mapping[str, str]) -> Part | None:
    """None: every detector runs here, for a shape without functions."""
    text = environment.get("GUARDIAN_PART") or "all"
    if text == "all":
        return None
    if text == Part.CORRELATOR:
        return Part.CORRELATOR
    raise SettingsError(f"GUARDIAN_PART: expected all or {Part.CORRELATOR}, found {text!r}")


def _oidc(environment: Mapping[str, str]) -> OidcSettings | None:
    """Nobody gets in unseen by mistake: without an audience and callers it must be said to be off."""
    switch = environment.get("GUARDIAN_OIDC", "")
    audience = environment.get("GUARDIAN_OIDC_AUDIENCE", "")
    emails = tuple(
        email for one in environment.get("GUARDIAN_OIDC_EMAILS", "").split(",") if (email := one.strip())
    )
    if switch not in {"", "off"}:
        raise SettingsError(f"GUARDIAN_OIDC: expected off or nothing, found {switch!r}")
    if switch == "off":
        if audience or emails:
            raise SettingsError("GUARDIAN_OIDC: is off, but GUARDIAN_OIDC_AUDIENCE or _EMAILS is set")
        return None
    if not audience or not emails:
        raise SettingsError(
            "GUARDIAN_OIDC_AUDIENCE and GUARDIAN_OIDC_EMAILS: both are needed, or GUARDIAN_OIDC=off"
        )
    return OidcSettings(
        audience=audience, emails=emails, keys=path_setting(environment, "GUARDIAN_OIDC_KEYS")
    )
