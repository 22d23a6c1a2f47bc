"""Where the dashboard's built pages are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from guardian.runtime.settings import SettingsError

VARIABLE: Final = "GUARDIAN_DASHBOARD"
BUILT: Final = Path(__file__).parents[2] / "cloud_run" / "dashboard" / "dist"
"""Where a checkout builds them. A wheel carries them at the same place beside this package."""


def dashboard_pages(environment: Mapping[str, str], built: Path = BUILT) -> Path | None:
    """Their folder: the one that the environment names, else the one that was built, if there is one.

    Raises SettingsError when there are none in the folder that is named.
    """
    if named := environment.get(VARIABLE):
        if not (Path(named) / "index.html").is_file():
            raise SettingsError(f"{VARIABLE}: there are no built pages in {named}")
        return Path(named)
    return built if (built / "index.html").is_file() else None
