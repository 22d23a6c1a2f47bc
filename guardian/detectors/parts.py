"""Which detector runs in which part of the cloud shape. In the embedded product all run in one.

A part decides alone. What its detectors consume is an input stream, emitted inside the part, or alerts:
only these cross from part to part (topic `fraud-alerts`), some time after the events that led to them. So
detectors that feed each other with derived events stay together, and so do those that wait for an alert no
longer than it may take to cross. docs/functions.md tells what else alerts that cross have to stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from guardian.detectors.registry import Site, build
from guardian.engine.engine import foreign_alerts
from guardian.events.catalogue import Catalogue
from guardian.events.topics import FRAUD_ALERTS, TOPICS


class Part(StrEnum):
    """A process, or many alike, that runs some of the detectors over states of its own."""

    QR_VERIFICATION = "qr_verification"
    EVENT_CHECKS = "event_checks"
    CORRELATOR = "correlator"


PARTS: Final[Mapping[Part, frozenset[str]]] = {
    # What a product code says of itself. CODE_REGISTRY emits what the other three decide on.
    Part.QR_VERIFICATION: frozenset(
        {"CODE_REGISTRY", "QR_CODE_TAMPERING", "QR_CODE_CLONED", "QR_LOCATION_MISMATCH"}
    ),
    # One event is enough, or a run of them from one station.
    Part.EVENT_CHECKS: frozenset(
        {"WEIGHT_DISCREPANCY", "READ_ERRORS", "SYSTEM_CRASH", "LONG_QUEUE", "LONG_WAIT"}
    ),
    # Joins of streams, and sums over many alerts.
    Part.CORRELATOR: frozenset(
        {
            # SCANNER_AVOIDANCE and BARCODE_SWITCHING decide on what ITEM_PAIRING emits. INVENTORY_DISCREPANCY
            # waits half a minute for their alerts.
            "ITEM_PAIRING",
            "SCANNER_AVOIDANCE",
            "BARCODE_SWITCHING",
            "INVENTORY_DISCREPANCY",
            # It keeps the checkout sessions, with the alerts of SCANNER_AVOIDANCE and BARCODE_SWITCHING.
            "RAPID_TRANSACTIONS",
            # Many stations at once. CHECKOUT_STATION_ACTION looks at them as of the moment of STAFFING_NEED.
            "STAFFING_NEED",
            "CHECKOUT_STATION_ACTION",
            # SHIPMENT_TRACKING and MARKER_CONDUCT emit what the two after them decide on, and
            # SHIPPED_BUT_PRESENT makes MASS_SHIPMENT_FRAUD suspect at once.
            "SHIPMENT_TRACKING",
            "MARKER_CONDUCT",
            "MASS_SHIPMENT_FRAUD",
            "SHIPPED_BUT_PRESENT",
            # Two streams, or a long memory.
            "QR_MASS_REGENERATION",
            "AFTER_HOURS_QR_MANIPULATION",
            "INVENTORY_MISMATCH",
            "GRADUAL_THEFT",
            "SHELF_WEIGHT_MISMATCH",
            # All alerts there are.
            "THREAT_SCORES",
            # How things are now, by several streams.
            "STOCK_LEVELS",
            "STATION_STATUS",
        }
    ),
}
"""The detectors' ids, by part. Every detector is in exactly one."""


def topics_of(part: Part) -> tuple[str, ...]:
    """The topics a part has to be given: the inputs of its detectors, and `fraud-alerts` if some of them
    consume alerts that are raised in another part."""
    detectors = build(Site(Catalogue.empty(), lateness_ms=0), only=PARTS[part])
    consumed = {given.topic for detector in detectors for given in detector.inputs}
    topics = tuple(topic for topic in TOPICS if topic in consumed)
    return (*topics, FRAUD_ALERTS) if foreign_alerts(detectors) else topics
