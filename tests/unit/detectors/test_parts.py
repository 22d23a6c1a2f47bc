"""Parts: every detector in exactly one, each part able to decide alone, and what crosses between them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from guardian.detectors.parts import PARTS, Part, topics_of
from guardian.detectors.registry import REGISTRY, Site, build
from guardian.engine.detector import Detector
from guardian.engine.engine import foreign_alerts
from guardian.events.catalogue import Catalogue
from guardian.events.topics import (
    FRAUD_ALERTS,
    INVENTORY_DIGITAL,
    POS,
    QR_SCANS,
    QUEUE,
    RECOGNITION,
    RFID,
    TOPICS,
)
from guardian.runtime.composition import build_engine
from guardian.runtime.settings import Settings, SettingsError


def detectors_of(part: Part) -> list[Detector[Any]]:
    return build(Site(Catalogue.empty(), lateness_ms=5_000), only=PARTS[part])


def test_every_detector_is_in_exactly_one_part() -> None:
    assert PARTS.keys() == set(Part)
    assert Counter(name for names in PARTS.values() for name in names) == Counter(REGISTRY.keys())


@pytest.mark.parametrize("part", Part)
def test_a_part_can_decide_alone(part: Part) -> None:
    """What its detectors consume is an input stream, emitted inside, or an alert that somebody raises."""
    detectors = detectors_of(part)
    emitted = {topic for detector in detectors for topic in detector.emits}
    consumed = {given.topic for detector in detectors for given in detector.inputs}
    assert consumed <= {*TOPICS, *emitted, FRAUD_ALERTS}
    assert foreign_alerts(detectors) <= REGISTRY.keys()


def test_what_crosses() -> None:
    """Contents of an alert may cross in any order, and crossing takes a while.

    So before a type is added here: does it ever change its severity or status (then an old content may come
    after a new one), and does the detector that consumes it wait long enough?
    """
    crossing = {part: foreign_alerts(detectors_of(part)) for part in Part}
    assert crossing == {
        Part.QR_VERIFICATION: frozenset(),
        Part.EVENT_CHECKS: frozenset(),
        Part.CORRELATOR: {
            "WEIGHT_DISCREPANCY",
            "READ_ERRORS",
            "SYSTEM_CRASH",
            "LONG_QUEUE",
            "LONG_WAIT",
            "QR_CODE_TAMPERING",
            "QR_CODE_CLONED",
            "QR_LOCATION_MISMATCH",
        },
    }


def test_topics() -> None:
    assert topics_of(Part.QR_VERIFICATION) == (QR_SCANS, INVENTORY_DIGITAL)
    assert topics_of(Part.EVENT_CHECKS) == (POS, RFID, QUEUE, RECOGNITION)
    assert topics_of(Part.CORRELATOR) == (*TOPICS, FRAUD_ALERTS)


def test_an_engine_of_a_part_has_its_detectors_alone() -> None:
    settings = Settings(detectors={"LONG_QUEUE": {"max_customers": 2}})
    for part in Part:
        engine = build_engine(settings, Catalogue.empty(), part=part)
        assert {detector.about.id for detector in engine.detectors} == PARTS[part]
    assert len(build_engine(settings, Catalogue.empty()).detectors) == len(REGISTRY)


def test_settings_of_other_parts_are_checked() -> None:
    for wrong in ({"LONG_QUEUE": {"most": 1}}, {"NOBODY": {}}):
        with pytest.raises(SettingsError):
            build_engine(
                msgspec.convert({"detectors": wrong}, Settings),
                Catalogue.empty(),
                part=Part.QR_VERIFICATION,
            )
