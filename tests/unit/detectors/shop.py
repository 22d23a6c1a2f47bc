"""The shop all cases happen in, and what a table of cases is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from guardian.detectors.registry import Site, build
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue, Product
from guardian.testing import Case, Finding
from guardian.testing.play import LATENESS_MS, SITE
from tests.unit.detectors.labels import VERIFIER


def epc(number: int) -> str:
    """A tag's serial, 25 hexadecimal digits."""
    return f"E2{number:023X}"


CATALOGUE = Catalogue(
    (
        Product(
            "SOAP", "Soap", weight_g=100.0, price=1.0, epc_first=int(epc(0), 16), epc_last=int(epc(99), 16)
        ),
        Product("APPLE", "Apples", weight_g=200.0, price=2.0),
        Product("RAZOR", "Razor", weight_g=340.0, price=9.5),
        Product("GUM", "Chewing gum", price=0.5),
        Product("SEEDS", "Seeds", weight_g=8.0, price=3.0),
    )
)


WHERE = Site(CATALOGUE, LATENESS_MS, codes=VERIFIER)
"""What the detectors know of the site."""


class Table(NamedTuple):
    """The cases of one detector. `beside`: the detectors it needs, or whose alerts must be looked at too."""

    detector: str
    cases: Sequence[Case]
    beside: frozenset[str] = frozenset()

    def detectors(self, case: Case) -> list[Detector[Any]]:
        """Builds what the case runs on."""
        return build(WHERE, case.settings, self.beside | {self.detector})


PAIRING = frozenset({"ITEM_PAIRING", "SCANNER_AVOIDANCE", "BARCODE_SWITCHING"})
"""Every decision on what passed and what was paid: an item must not be reported twice."""


def unpaid(sku: str, *, status: str = "confirmed", station: str = "SCC1", **rest: Any) -> Finding:
    """A SCANNER_AVOIDANCE; `rest` is evidence."""
    return Finding(
        "SCANNER_AVOIDANCE", station, "high", {"station_id": station, "sku": sku, **rest}, status=status
    )


def switched(actual: str, scanned: str, *, station: str = "SCC1", **rest: Any) -> Finding:
    """A BARCODE_SWITCHING; `rest` is evidence."""
    evidence = {"station_id": station, "actual_sku": actual, "scanned_sku": scanned, **rest}
    return Finding("BARCODE_SWITCHING", station, "high", evidence)


def long_queue(station: str = "SCC1") -> Finding:
    """A LONG_QUEUE, whatever its extent."""
    return Finding("LONG_QUEUE", station, "medium")


def need(station: str | None = None, stations: int | None = None) -> Finding:
    """A STAFFING_NEED at a station, with so many stations under pressure."""
    evidence = {"station_id": station, "stations_under_pressure": stations, "staff_type": "Cashier"}
    return Finding(
        "STAFFING_NEED", SITE, "low", {name: value for name, value in evidence.items() if value is not None}
    )
