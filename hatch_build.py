"""Puts the dashboard's built pages into wheels and source distributions.

They lie at the same place as in a checkout, where `guardian.runtime.dashboard_pages` finds them. Whoever
installs either of them needs no Node: only building the pages does (`make dashboard`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = "cloud_run/dashboard/dist"


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the pages where they are built, and says so where they are not: the rest works without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files."""
        if version == "editable":
            return  # the checkout itself
        if (Path(self.root) / PAGES / "index.html").is_file():
            build_data["force_include"][str(Path(self.root) / PAGES)] = PAGES
        else:
            self.app.display_warning(
                f"no dashboard in this {self.target_name}: there are no built pages in {PAGES}; "
                "`make dashboard` builds them (Node 20.19 or newer)"
            )
