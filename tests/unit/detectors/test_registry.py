"""What holds for every detector there is: complete metadata, and settings that are checked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from guardian.alerts.risk import TYPE_SHARES
from guardian.detectors.registry import REGISTRY, Site, build
from guardian.engine.detector import TimeSettingsError
from guardian.engine.engine import in_stages
from guardian.events.catalogue import Catalogue

SITE = Site(Catalogue.empty(), lateness_ms=5_000)

STORE = {
    "ITEM_PAIRING",
    "SCANNER_AVOIDANCE",
    "BARCODE_SWITCHING",
    "WEIGHT_DISCREPANCY",
    "SYSTEM_CRASH",
    "READ_ERRORS",
    "LONG_QUEUE",
    "LONG_WAIT",
    "INVENTORY_DISCREPANCY",
    "STAFFING_NEED",
    "CHECKOUT_STATION_ACTION",
    "RAPID_TRANSACTIONS",
}


def test_the_store_is_complete() -> None:
    assert REGISTRY.keys() >= STORE


@pytest.mark.parametrize("name", REGISTRY)
def test_metadata_is_complete(name: str) -> None:
    detector = REGISTRY[name].detector
    about = detector.about

    assert about.id == name
    assert about.version >= 1
    assert about.title
    assert about.description.endswith(".")
    assert about.blind_spots.endswith(".")
    assert about.subject
    if detector.emits or detector.publishes:  # is there for others, and raises nothing itself
        assert not about.severities
    else:
        assert about.severities
        assert all(about.severities.values())
        assert about.runbook
        assert all(line.endswith((".", "?")) for line in about.runbook)


@pytest.mark.parametrize("name", REGISTRY)
def test_parameters_have_defaults_and_are_checked(name: str) -> None:
    entry = REGISTRY[name]

    assert entry.params() is not None
    assert entry.params.__struct_config__.frozen
    assert entry.params.__struct_config__.forbid_unknown_fields
    assert entry.params.__doc__


@pytest.mark.parametrize("name", REGISTRY)
def test_retention_covers_what_a_decision_looks_back_on(name: str) -> None:
    (detector,) = build(SITE, only=frozenset({name}))

    assert detector.retention_ms >= detector.span_ms + SITE.lateness_ms


@pytest.mark.parametrize(
    "settings",
    [
        {"SYSTEM_CRASH": {"quiet_s": 5.0}},
        {"SYSTEM_CRASH": {"quiet_s": 3_600.0}},
        {"READ_ERRORS": {"window_s": 4.0}},
        {"LONG_QUEUE": {"quiet_s": 5.0}},
        {"LONG_QUEUE": {"quiet_s": -30.0}},
        {"LONG_WAIT": {"quiet_s": 3_599.0}},
        {"INVENTORY_DISCREPANCY": {"settle_s": 7 * 86_400.0}},
        {"STAFFING_NEED": {"quiet_s": 1.0}},
        {"CHECKOUT_STATION_ACTION": {"idle_s": 86_400.0}},
        {"CHECKOUT_STATION_ACTION": {"check_s": 0.0}},
        {"RAPID_TRANSACTIONS": {"session_quiet_s": 4.0}},
        {"RAPID_TRANSACTIONS": {"window_s": 700.0}},
        {"ITEM_PAIRING": {"window_s": -1.0}},
        {"INVENTORY_MISMATCH": {"window_s": 5.0}},
        {"INVENTORY_MISMATCH": {"quiet_s": 60.0}},
        {"GRADUAL_THEFT": {"settle_s": 5.0}},
        {"GRADUAL_THEFT": {"window_s": 60.0}},
        {"GRADUAL_THEFT": {"window_s": 31 * 86_400.0}},
        {"SHELF_WEIGHT_MISMATCH": {"quiet_s": 5.0}},
        {"THREAT_SCORES": {"half_life_s": 0.0}},
        {"STOCK_LEVELS": {"hold_s": -1.0}},
        {"STOCK_LEVELS": {"hold_s": 31 * 86_400.0}},
        {"STATION_STATUS": {"hold_s": -1.0}},
        {"STATION_STATUS": {"quiet_s": 5.0}},
        {"CODE_REGISTRY": {"within_site_s": -1.0}},
        {"QR_CODE_TAMPERING": {"quiet_s": 5.0}},
        {"QR_CODE_CLONED": {"quiet_s": -1.0}},
        {"QR_LOCATION_MISMATCH": {"settle_s": 31 * 86_400.0}},
        {"QR_MASS_REGENERATION": {"window_s": 3_601.0}},
        {"QR_MASS_REGENERATION": {"window_s": 0.0}},
        {"AFTER_HOURS_QR_MANIPULATION": {"window_s": 3_601.0}},
        {"AFTER_HOURS_QR_MANIPULATION": {"clock_skew_s": 900.0}},
    ],
    ids=str,
)
def test_times_that_contradict_each_other_are_refused(settings: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(TimeSettingsError, match=next(iter(settings))):
        build(SITE, settings)


def test_a_site_with_more_disorder_than_a_window_bears_is_refused() -> None:
    with pytest.raises(TimeSettingsError, match="lateness"):
        build(Site(Catalogue.empty(), lateness_ms=30_000))


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_people"):
        build(SITE, {"LONG_QUEUE": {"max_people": 3}})


def test_a_parameter_of_the_wrong_type_is_named() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_customers"):
        build(SITE, {"LONG_QUEUE": {"max_customers": "three"}})


def test_a_detector_without_parameters_takes_none() -> None:
    with pytest.raises(msgspec.ValidationError, match="window_s"):
        build(SITE, {"SCANNER_AVOIDANCE": {"window_s": 3}})


def test_an_unknown_detector_is_named_and_those_there_are_listed() -> None:
    with pytest.raises(KeyError, match=r"LONG_QEUE.*LONG_QUEUE"):
        build(SITE, {"LONG_QEUE": {}})


def test_settings_of_detectors_that_are_left_out_are_checked_too() -> None:
    with pytest.raises(msgspec.ValidationError, match="nonsense"):
        build(SITE, {"LONG_WAIT": {"nonsense": 1}}, only=frozenset({"LONG_QUEUE"}))


def test_settings_reach_the_detector() -> None:
    (detector,) = build(SITE, {"LONG_QUEUE": {"max_customers": 9}}, only=frozenset({"LONG_QUEUE"}))

    assert detector.params.max_customers == 9  # type: ignore[attr-defined]


def test_whoever_feeds_others_comes_first() -> None:
    order = [detector.about.id for detector in in_stages(build(SITE))]

    for feeder, fed in (
        ("ITEM_PAIRING", "SCANNER_AVOIDANCE"),
        ("ITEM_PAIRING", "BARCODE_SWITCHING"),
        ("SCANNER_AVOIDANCE", "INVENTORY_DISCREPANCY"),
        ("BARCODE_SWITCHING", "INVENTORY_DISCREPANCY"),
        ("LONG_QUEUE", "STAFFING_NEED"),
        ("SYSTEM_CRASH", "STAFFING_NEED"),
        ("STAFFING_NEED", "CHECKOUT_STATION_ACTION"),
        ("WEIGHT_DISCREPANCY", "RAPID_TRANSACTIONS"),
        ("GRADUAL_THEFT", "THREAT_SCORES"),
        ("RAPID_TRANSACTIONS", "THREAT_SCORES"),
        ("CODE_REGISTRY", "QR_CODE_TAMPERING"),
        ("CODE_REGISTRY", "QR_CODE_CLONED"),
        ("CODE_REGISTRY", "QR_LOCATION_MISMATCH"),
    ):
        assert order.index(feeder) < order.index(fed)


def test_threat_scores_hear_of_every_alert_that_is_a_threat() -> None:
    """A new detector's alerts count without anybody having to think of it."""
    (scores,) = build(SITE, only=frozenset({"THREAT_SCORES"}))
    alerts = {name for name, entry in REGISTRY.items() if entry.detector.about.severities}

    assert scores.inputs[0].types == {name for name in alerts if TYPE_SHARES.get(name, 1.0) > 0}
    assert alerts >= TYPE_SHARES.keys()
