"""Codes that nobody of ours issued like that, or that stick on the wrong goods."""

from __future__ import annotations

from random import Random

from simulators.warehouse.labels import LabelPrinter
from simulators.warehouse.people import MINUTE_MS
from simulators.warehouse.records import Label
from simulators.warehouse.scenarios.scenario import Cast, Demand, Scenario, Story, When, story
from simulators.warehouse.site import Site

_ALTERED, _FOREIGN, _UNSIGNED, _LEGACY, _SWAPPED, _MIXED = (
    "altered_field",
    "foreign_key",
    "unsigned",
    "altered_legacy",
    "swapped",
    "mixed",
)
_WAYS = (_ALTERED, _FOREIGN, _UNSIGNED, _LEGACY, _SWAPPED)
_SPREAD_MS = 60 * MINUTE_MS


def _demand(variant: str, rng: Random) -> Demand:
    # One more than are tampered with: its label is stuck on the others.
    number = rng.randint(2, 6)
    return Demand(when=When.DAY, lasts_ms=_SPREAD_MS + MINUTE_MS, articles=(number, number), people=2)


def _play(cast: Cast, site: Site, rng: Random) -> Story:
    journal, printer = site.journal, site.printer
    *targets, other = cast.articles
    times, codes = [], []
    for article in targets:
        way = cast.variant if cast.variant != _MIXED else rng.choice(_WAYS)
        time = cast.start + rng.randint(0, _SPREAD_MS)
        scanner = rng.choice(cast.people).scanner
        label = printer.issue(
            other if way == _SWAPPED else article, site.config.starts_ms, legacy=way == _LEGACY
        )
        codes.append(label.serial)
        for _ in range(rng.randint(1, 2)):
            if way == _SWAPPED:
                journal.scan(time, label, article.shelf, scanner, product=article.product_id, in_full=True)
            else:
                text = _forge(printer, way, label)
                journal.scan_text(time, text, article.product_id, article.shelf, scanner)
            times.append(time)
            time += rng.randint(5_000, 50_000)
    return story(cast, SCENARIO, max(times), first_wrong=min(times), codes=codes)


def _forge(printer: LabelPrinter, way: str, label: Label) -> str:
    """What a forger makes of a label."""
    if way == _FOREIGN:
        return printer.foreign(label)
    return printer.unsigned_text(label.text) if way == _UNSIGNED else printer.altered(label)


SCENARIO = Scenario("tampered_labels", False, (*_WAYS, _MIXED), _demand, _play)
