"""How well alerts agree with what was to be found in a warehouse: by kind of finding, and by scenario.

An alert and a finding are the same if they are about the same things (article, person, code…) and their
spans overlap, give or take a margin. Cleared alerts do not count. Alerts that only report what a day lists
as tolerated (a secondary effect, a case on the very edge of a rule) are neither asked for nor held against
anyone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from simulators.accuracy import Accuracy, Score

Alert = Mapping[str, Any]
Finding = Mapping[str, Any]

MARGIN_S: Final = 180.0
"""By how much the spans of findings are widened: a decision may cite a reading somewhat before or after."""

KINDS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "qr_code_tampering": ("QR_CODE_TAMPERING", ("product_id",)),
    "qr_code_cloned": ("QR_CODE_CLONED", ("qr_id",)),
    "qr_location_mismatch": ("QR_LOCATION_MISMATCH", ("qr_id",)),
    "qr_mass_regeneration": ("QR_MASS_REGENERATION", ("employee_id",)),
    "inventory_mismatch": ("INVENTORY_MISMATCH", ("product_id", "location")),
    "shipped_but_present": ("SHIPPED_BUT_PRESENT", ("product_id",)),
    "mass_shipment_fraud": ("MASS_SHIPMENT_FRAUD", ()),
    "after_hours_qr_manipulation": ("AFTER_HOURS_QR_MANIPULATION", ("employee_id",)),
    "gradual_theft": ("GRADUAL_THEFT", ("product_id", "location")),
    "shelf_weight_mismatch": ("SHELF_WEIGHT_MISMATCH", ("product_id", "location")),
}
"""By the name of the expected findings: the type of the alerts that report them, and what they are about."""

BACKGROUND: Final = "everyday work"
"""Where false alerts are counted that concern nothing and nobody of any scenario."""


class ScenarioScore(msgspec.Struct, frozen=True):
    """How one scenario of a day fared.

    expected, recalled: findings, and those an alert reports. false: alerts about its articles or people that
    report nothing expected. detected_s: from its first wrong event to the first alert, None if there is none.
    suspected_s, confirmed_s: the same for MASS_SHIPMENT_FRAUD being raised, and being confirmed; marked_s:
    from the first article marked as shipped to its being raised.
    """

    name: str
    honest: bool
    expected: int
    recalled: int
    false: int
    detected_s: float | None = None
    suspected_s: float | None = None
    marked_s: float | None = None
    confirmed_s: float | None = None


class WarehouseAccuracy(msgspec.Struct, frozen=True):
    """The scores of one day, by kind and by scenario."""

    kinds: Accuracy
    scenarios: tuple[ScenarioScore, ...]


def warehouse_accuracy(alerts: Sequence[Alert], expected: Mapping[str, Any]) -> WarehouseAccuracy:
    """Scores alerts, as `guardian replay --alerts` writes them, against a day's expected.json."""
    raised: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert["status"] != "cleared":
            raised[alert["type"]].append(alert)
    tolerated = expected.get("tolerated", ())
    scores = []
    false_alerts: list[Alert] = []
    hits: dict[str, list[tuple[Finding, Alert]]] = defaultdict(list)
    missed: dict[str, int] = defaultdict(int)
    for name, (type_, keys) in KINDS.items():
        wanted = expected[name]
        excused = [finding for finding in tolerated if finding["finding"] == name]
        recalled = 0
        for finding in wanted:
            same = [alert for alert in raised[type_] if _same(alert, finding, keys)]
            recalled += bool(same)
            missed[finding["scenario"] or BACKGROUND] += not same
            hits[finding["scenario"] or BACKGROUND] += [(finding, alert) for alert in same[:1]]
        justified = pardoned = 0
        for alert in raised[type_]:
            if any(_same(alert, finding, keys) for finding in wanted):
                justified += 1
            elif any(_same(alert, finding, keys) for finding in excused):
                pardoned += 1
            else:
                false_alerts.append(alert)
        scores.append(Score(name, len(wanted), len(raised[type_]) - pardoned, recalled, justified))
    cast = expected["scenarios"]
    blamed = [_scenario_of(alert, cast) for alert in false_alerts]
    rows = [
        _scenario_score(one, hits[one["name"]], missed[one["name"]], blamed.count(one["name"]))
        for one in cast
    ]
    rows.append(
        ScenarioScore(
            BACKGROUND,
            True,
            missed[BACKGROUND] + len(hits[BACKGROUND]),
            len(hits[BACKGROUND]),
            blamed.count(BACKGROUND),
        )
    )
    return WarehouseAccuracy(Accuracy(tuple(scores)), tuple(rows))


def _scenario_score(
    scenario: Mapping[str, Any], hits: Sequence[tuple[Finding, Alert]], missed: int, false: int
) -> ScenarioScore:
    first = scenario["first_wrong"]
    begin = None if first is None else _at(first)
    found = [_at(alert["detected_at"]) for _, alert in hits]
    mass = [alert for _, alert in hits if alert["type"] == "MASS_SHIPMENT_FRAUD"]
    suspected = [_at(alert["detected_at"]) for alert in mass]
    confirmed = [_at(alert["evidence"]["decided_at"]) for alert in mass if alert["status"] == "confirmed"]

    def since(times: Sequence[float]) -> float | None:
        return min(times) - begin if times and begin is not None else None

    return ScenarioScore(
        scenario["name"],
        scenario["honest"],
        missed + len(hits),
        len(hits),
        false,
        since(found),
        since(suspected),
        min((_at(alert["detected_at"]) - _at(alert["started_at"]) for alert in mass), default=None),
        since(confirmed),
    )


def _same(alert: Alert, finding: Finding, keys: Sequence[str]) -> bool:
    evidence = alert["evidence"]
    if any(evidence.get(key) != finding[key] for key in keys):
        return False
    return (
        _at(alert["started_at"]) <= _at(finding["end"]) + MARGIN_S
        and _at(alert["ended_at"]) >= _at(finding["start"]) - MARGIN_S
    )


def _scenario_of(alert: Alert, cast: Sequence[Mapping[str, Any]]) -> str:
    """The scenario whose articles or people a false alert is about, while it went on."""
    evidence = alert["evidence"]
    about = {alert["subject"]["id"], evidence.get("product_id"), evidence.get("employee_id")}
    about.update(evidence.get("employee_ids", ()))
    at = _at(alert["event_time"])
    for scenario in cast:
        inside = _at(scenario["start"]) - 3600 <= at <= _at(scenario["end"]) + 3600
        if inside and not about.isdisjoint((*scenario["products"], *scenario["employees"])):
            name: str = scenario["name"]
            return name
    return BACKGROUND


def _at(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
