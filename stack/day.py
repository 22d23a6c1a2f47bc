"""The day that is played: simulated into a folder, or recorded; and the site's settings for it."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from guardian.adapters.embedded.files import find_catalogue
from guardian.cli.simulate import Scenario, simulate_command
from guardian.runtime.composition import KEYS_NAME, LEGACY_NAME, find_beside
from simulators.business_day import ATTACK, BusinessDay
from simulators.warehouse.day import EXPECTED_FILE

BUSINESS: Final = "business"
"""A warehouse and a store together, around the moment the warehouse is attacked."""
SCENARIOS: Final = (BUSINESS, *(scenario.value for scenario in Scenario))
HOURS: Final = 2.0
"""Of the store's day."""
SITE: Final = "stack"
SETTINGS_FILE: Final = "site.toml"
ON_THE_WAY_S: Final = 1.5
"""By how much messages overtake each other between Kafka and a part, on a machine that keeps up."""
MOST_LATE_S: Final = 15.0


def simulate(scenario: str, seed: int, lead_s: float, folder: Path) -> None:
    """Writes a recording as `guardian simulate` does. lead_s: of BUSINESS, what it has before the attack."""
    if scenario != BUSINESS:
        simulate_command(Scenario(scenario), folder, seed, 1, HOURS)
        return
    day = BusinessDay(seed, lead_s, HOURS)
    day.store.write(folder)
    day.warehouse.write(folder)
    # Both have a list of products and one of findings.
    (find_catalogue([folder]) or folder / "catalogue.csv").write_text(day.catalogue_csv(), encoding="utf-8")
    expected = day.store.expected | day.warehouse.expected
    (folder / EXPECTED_FILE).write_text(json.dumps(expected, indent=1), encoding="utf-8")


def first_wrong_ms(folder: Path) -> int | None:
    """When the attack of a simulated day begins, by the truth that lies beside it, epoch ms: the one that a
    business day is about, else the first. None: it does not say."""
    path = folder / EXPECTED_FILE
    told = json.loads(path.read_text("utf-8")).get("scenarios", []) if path.is_file() else []
    begins = {one["name"]: one["first_wrong"] for one in told if one["first_wrong"] is not None}
    first = begins.get(ATTACK) or min(begins.values(), default=None)
    if first is None:
        return None
    moment = datetime.fromisoformat(first)
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def lateness_s(speed: float) -> float:
    """How far out of order events may be, seconds of event time: at ten times real time a second on the way
    is ten seconds of the day. More than `MOST_LATE_S` the detectors' own times do not allow."""
    return min(MOST_LATE_S, max(5.0, speed * ON_THE_WAY_S)) if speed else MOST_LATE_S


def write_settings(day: Path | None, path: Path, site: str, lateness_s: float) -> None:
    """Settings of a site whose day that is: with the keys that lie beside the recording."""
    lines = [f"site = {json.dumps(site)}", f"lateness_s = {lateness_s}"]
    for setting, name in (("qr_keys", KEYS_NAME), ("qr_legacy_secret", LEGACY_NAME)):
        found = find_beside([day], name) if day is not None else None
        if found is not None:
            lines.append(f"{setting} = {json.dumps(str(found.resolve()))}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Simulates a day, and writes its settings beside it: for stacks of containers."""
    parser = argparse.ArgumentParser(description="Simulates a day into a folder, with site.toml.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenario", choices=SCENARIOS, default=BUSINESS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lead", type=float, default=120.0, help="seconds from the beginning to the attack")
    parser.add_argument("--speed", type=float, default=10.0, help="at which it is going to be played")
    given = parser.parse_args()
    simulate(given.scenario, given.seed, given.lead, given.folder)
    write_settings(given.folder, given.folder / SETTINGS_FILE, SITE, lateness_s(given.speed))


if __name__ == "__main__":
    main()
