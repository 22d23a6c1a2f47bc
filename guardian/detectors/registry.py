"""Every detector there is, and how to build it from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from guardian.detectors.store.barcode_switching import BarcodeSwitching
from guardian.detectors.store.checkout_station_action import (
    CheckoutStationAction,
    CheckoutStationActionParams,
)
from guardian.detectors.store.inventory_discrepancy import InventoryDiscrepancy, InventoryDiscrepancyParams
from guardian.detectors.store.item_pairing import ItemPairing, ItemPairingParams
from guardian.detectors.store.long_queue import LongQueue, LongQueueParams
from guardian.detectors.store.long_wait import LongWait, LongWaitParams
from guardian.detectors.store.rapid_transactions import RapidTransactions, RapidTransactionsParams
from guardian.detectors.store.read_errors import ReadErrors, ReadErrorsParams
from guardian.detectors.store.scanner_avoidance import ScannerAvoidance
from guardian.detectors.store.staffing_need import StaffingNeed, StaffingNeedParams
from guardian.detectors.store.station_status import StationStatus, StationStatusParams
from guardian.detectors.store.system_crash import SystemCrash, SystemCrashParams
from guardian.detectors.store.weight_discrepancy import WeightDiscrepancy, WeightDiscrepancyParams
from guardian.detectors.warehouse.after_hours_qr_manipulation import (
    AfterHoursQrManipulation,
    AfterHoursQrManipulationParams,
)
from guardian.detectors.warehouse.code_episodes import CodeEpisodeParams
from guardian.detectors.warehouse.code_registry import CodeRegistry, CodeRegistryParams
from guardian.detectors.warehouse.gradual_theft import GradualTheft, GradualTheftParams
from guardian.detectors.warehouse.inventory_mismatch import InventoryMismatch, InventoryMismatchParams
from guardian.detectors.warehouse.marker_conduct import MarkerConduct, MarkerConductParams
from guardian.detectors.warehouse.mass_shipment_fraud import MassShipmentFraud, MassShipmentFraudParams
from guardian.detectors.warehouse.qr_code_cloned import QrCodeCloned
from guardian.detectors.warehouse.qr_code_tampering import QrCodeTampering
from guardian.detectors.warehouse.qr_location_mismatch import QrLocationMismatch, QrLocationMismatchParams
from guardian.detectors.warehouse.qr_mass_regeneration import QrMassRegeneration, QrMassRegenerationParams
from guardian.detectors.warehouse.shelf_weight_mismatch import (
    ShelfWeightMismatch,
    ShelfWeightMismatchParams,
)
from guardian.detectors.warehouse.shipment_tracking import ShipmentTracking, ShipmentTrackingParams
from guardian.detectors.warehouse.shipped_but_present import ShippedButPresent, ShippedButPresentParams
from guardian.detectors.warehouse.stock_levels import StockLevels, StockLevelsParams
from guardian.detectors.warehouse.threat_scores import ThreatScores, ThreatScoresParams
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue
from guardian.events.hours import Hours
from guardian.qr.verify import Verifier


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a detector that has none."""


class Site(msgspec.Struct, frozen=True):
    """What detectors may need to know of the site besides their own parameters.

    codes: verifies product codes; None: the site has none of its own keys, so nothing can be verified.
    """

    catalogue: Catalogue
    lateness_ms: int
    hours: Hours = Hours()
    codes: Verifier | None = None


class Registered(msgspec.Struct, frozen=True):
    """A detector class, its parameters' type, and how the two become a detector."""

    detector: type[Detector[Any]]
    params: type[msgspec.Struct]
    build: Callable[[Any, Site], Detector[Any]]


def _plain(detector: Any, params: type[msgspec.Struct]) -> Registered:
    return Registered(detector, params, lambda given, site: detector(given, lateness_ms=site.lateness_ms))


def _with_catalogue(detector: Any, params: type[msgspec.Struct]) -> Registered:
    return Registered(
        detector,
        params,
        lambda given, site: detector(given, catalogue=site.catalogue, lateness_ms=site.lateness_ms),
    )


def _with_hours(detector: Any, params: type[msgspec.Struct]) -> Registered:
    return Registered(
        detector,
        params,
        lambda given, site: detector(given, hours=site.hours, lateness_ms=site.lateness_ms),
    )


def _with_codes(detector: Any, params: type[msgspec.Struct]) -> Registered:
    return Registered(
        detector,
        params,
        lambda given, site: detector(given, codes=site.codes, lateness_ms=site.lateness_ms),
    )


def _catalogue_only(detector: Any) -> Registered:
    return Registered(
        detector,
        Nothing,
        lambda given, site: detector(catalogue=site.catalogue, lateness_ms=site.lateness_ms),
    )


def _with_alert_types(detector: Any, params: type[msgspec.Struct]) -> Registered:
    return Registered(
        detector,
        params,
        lambda given, site: detector(given, types=alert_types(), lateness_ms=site.lateness_ms),
    )


REGISTRY: Mapping[str, Registered] = {
    entry.detector.about.id: entry
    for entry in (
        _with_catalogue(ItemPairing, ItemPairingParams),
        _catalogue_only(ScannerAvoidance),
        _catalogue_only(BarcodeSwitching),
        _with_catalogue(WeightDiscrepancy, WeightDiscrepancyParams),
        _plain(SystemCrash, SystemCrashParams),
        _plain(ReadErrors, ReadErrorsParams),
        _plain(LongQueue, LongQueueParams),
        _plain(LongWait, LongWaitParams),
        _plain(InventoryDiscrepancy, InventoryDiscrepancyParams),
        _plain(StaffingNeed, StaffingNeedParams),
        _plain(CheckoutStationAction, CheckoutStationActionParams),
        _plain(RapidTransactions, RapidTransactionsParams),
        _with_codes(CodeRegistry, CodeRegistryParams),
        _plain(QrCodeTampering, CodeEpisodeParams),
        _plain(QrCodeCloned, CodeEpisodeParams),
        _plain(QrLocationMismatch, QrLocationMismatchParams),
        _plain(QrMassRegeneration, QrMassRegenerationParams),
        _with_hours(AfterHoursQrManipulation, AfterHoursQrManipulationParams),
        _plain(ShipmentTracking, ShipmentTrackingParams),
        _with_hours(MarkerConduct, MarkerConductParams),
        _plain(MassShipmentFraud, MassShipmentFraudParams),
        _plain(ShippedButPresent, ShippedButPresentParams),
        _plain(InventoryMismatch, InventoryMismatchParams),
        _plain(GradualTheft, GradualTheftParams),
        _with_catalogue(ShelfWeightMismatch, ShelfWeightMismatchParams),
        _with_alert_types(ThreatScores, ThreatScoresParams),
        _plain(StockLevels, StockLevelsParams),
        _plain(StationStatus, StationStatusParams),
    )
}
"""By id, in the order people meet them."""


def alert_types() -> list[str]:
    """The types of all alerts that detectors raise."""
    return [name for name, entry in REGISTRY.items() if entry.detector.about.severities]


def build(
    site: Site, params: Mapping[str, Mapping[str, Any]] | None = None, only: frozenset[str] | None = None
) -> list[Detector[Any]]:
    """Builds the detectors (those in `only`, or all).

    params: settings by detector id and parameter name. Raises msgspec.ValidationError for a parameter that
    does not exist or has the wrong type, KeyError for a detector that does not exist, TimeSettingsError for
    time settings that contradict each other.
    """
    given = dict(params or {})
    built = []
    for name, entry in REGISTRY.items():
        values = msgspec.convert(given.pop(name, {}), entry.params)
        if only is None or name in only:
            built.append(entry.build(values, site))
    if given:
        raise KeyError(f"no such detector: {', '.join(sorted(given))}; there are {', '.join(REGISTRY)}")
    return built
