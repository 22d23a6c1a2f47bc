"""Puts the product together: which detectors, with which settings, and what decodes for them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import tzinfo
from pathlib import Path

import msgspec
import structlog

from guardian.detectors.parts import PARTS, Part
from guardian.detectors.registry import Site, build
from guardian.engine.engine import Engine
from guardian.events.catalogue import Catalogue, CatalogueError
from guardian.events.decode import Decoder
from guardian.events.hours import Hours, HoursError
from guardian.events.times import TimeParser, parse_zone
from guardian.qr.keys import KeyRingError, PublicKeys
from guardian.qr.verify import Verifier
from guardian.runtime.settings import Settings, SettingsError

log = structlog.get_logger()

DAY_MS = 86_400_000
KEYS_NAME = "qr_keys.json"
LEGACY_NAME = "qr_legacy_secret.txt"


def load_catalogue(path: Path | None) -> Catalogue:
    """The catalogue at `path`, or an empty one. Bad rows are logged and left out; raises SettingsError."""
    if path is None:
        return Catalogue.empty()
    try:
        catalogue = Catalogue.from_csv_text(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, CatalogueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    for problem in catalogue.problems:
        log.warning("catalogue_row_skipped", file=path.name, problem=problem)
    return catalogue


def find_beside(folders: Iterable[Path | str], name: str) -> Path | None:
    """A file of this name in one of the folders given, if there is one: beside the recordings in it."""
    return next((path for folder in folders if (path := Path(folder) / name).is_file()), None)


def site_codes(settings: Settings, folders: Iterable[Path | str] = ()) -> Verifier | None:
    """What verifies product codes: with the keys of the settings, else those beside recordings, if any.

    Raises SettingsError.
    """
    folders = list(folders)
    keys = settings.qr_keys or find_beside(folders, KEYS_NAME)
    secret = settings.qr_legacy_secret or find_beside(folders, LEGACY_NAME)
    if keys is None:
        return None
    path = keys
    try:
        public = PublicKeys.from_json(keys.read_text("utf-8"))
        if secret is None:
            return Verifier(public)
        path = secret
        return Verifier(public, secret.read_bytes().strip())
    except (OSError, UnicodeDecodeError, KeyRingError) as error:
        raise SettingsError(f"{path}: {error}") from error


def site_zone(settings: Settings) -> tzinfo:
    """The site's time zone. Raises SettingsError."""
    try:
        return parse_zone(settings.zone)
    except ValueError as error:
        raise SettingsError(f"zone: {error}") from error


def site_hours(settings: Settings) -> Hours:
    """The site's working hours. Raises SettingsError."""
    given = settings.hours
    try:
        return Hours(given.work, given.days, given.roster, site_zone(settings))
    except HoursError as error:
        raise SettingsError(f"hours: {error}") from error


def build_engine(
    settings: Settings, catalogue: Catalogue, codes: Verifier | None = None, part: Part | None = None
) -> Engine:
    """An engine set up for the site, with the detectors of a part, or with all of them. Raises SettingsError.

    codes: verifies product codes, see `site_codes`; without it only what needs no key is judged. Settings of
    detectors of other parts are checked too.
    """
    site = Site(catalogue, settings.lateness_ms, site_hours(settings), codes)
    try:
        detectors = build(site, settings.detectors, only=None if part is None else PARTS[part])
    except (msgspec.ValidationError, KeyError, ValueError) as error:
        raise SettingsError(f"detectors: {error}") from error
    return Engine(detectors, site=settings.site, lateness_ms=settings.lateness_ms, zone=site_zone(settings))


def decoder_now(settings: Settings) -> tuple[Decoder, TimeParser]:
    """A decoder that takes times up to a day from now, and its parser, to move that limit along."""
    times = TimeParser(site_zone(settings), latest())
    return Decoder(times), times


def latest() -> int:
    """The latest event time that is believed, epoch ms: no clock is more than a day ahead by honest means."""
    return int(time.time() * 1000) + DAY_MS
