"""The score table: what counts as found, and what as false."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from simulators.accuracy import Score, Tolerances, accuracy

START = "2025-06-03T10:00:00"


def alert(kind: str, second: float, until: float | None = None, **evidence: Any) -> dict[str, Any]:
    """An alert at SCC1, so many seconds after ten."""
    return {
        "type": kind,
        "status": "confirmed",
        "subject": {"kind": "station", "id": "SCC1"},
        "event_time": moment(second),
        "started_at": moment(second),
        "ended_at": moment(second if until is None else until),
        "evidence": evidence,
    }


def moment(second: float) -> str:
    return f"2025-06-03T10:{int(second) // 60:02}:{second % 60:06.3f}+00:00"


def avoided(second: float, sku: str = "A", station: str = "SCC1") -> dict[str, Any]:
    return {"time": moment(second)[:-6], "station_id": station, "sku": sku}


def span(start: float, end: float, station: str = "SCC1", **more: Any) -> dict[str, Any]:
    return {"station_id": station, "start": moment(start)[:-6], "end": moment(end)[:-6], **more}


def figures(score: Score) -> tuple[int, int, int, int]:
    return score.expected, score.found, score.recalled, score.justified


def test_single_events_pair_one_to_one_within_five_seconds() -> None:
    expected = {
        "scanner_avoidance": [avoided(10), avoided(14), avoided(60, "B"), avoided(90, station="SCC2")]
    }
    alerts = [
        alert("SCANNER_AVOIDANCE", 5, sku="A"),  # pairs with 10
        alert("SCANNER_AVOIDANCE", 10, sku="A"),  # so this one has to take 14
        alert("SCANNER_AVOIDANCE", 12, sku="A"),  # and nothing is left
        alert("SCANNER_AVOIDANCE", 65.5, product_sku="B"),  # too far
        alert("SCANNER_AVOIDANCE", 90, sku="A"),  # another station
    ]
    assert figures(accuracy(alerts, expected)["scanner_avoidance"]) == (4, 5, 2, 2)
    wider = accuracy(alerts, expected, Tolerances(time_s=6.0))
    assert figures(wider["scanner_avoidance"]) == (4, 5, 3, 3)


def test_an_earlier_choice_gives_way_when_more_pairs_are_possible() -> None:
    expected = {"scanner_avoidance": [avoided(10), avoided(17)]}
    alerts = [alert("SCANNER_AVOIDANCE", 13, sku="A"), alert("SCANNER_AVOIDANCE", 9, sku="A")]
    assert figures(accuracy(alerts, expected)["scanner_avoidance"]) == (2, 2, 2, 2)


def test_cleared_alerts_do_not_count() -> None:
    cleared = alert("SCANNER_AVOIDANCE", 10, sku="A") | {"status": "cleared"}
    assert figures(accuracy([cleared], {"scanner_avoidance": [avoided(10)]})["scanner_avoidance"]) == (
        1,
        0,
        0,
        0,
    )


def test_both_articles_of_a_switch_must_be_right() -> None:
    expected = {
        "barcode_switching": [
            {"time": START, "station_id": "SCC1", "actual_sku": "A", "scanned_sku": "B"},
        ]
    }
    right = alert("BARCODE_SWITCHING", 1, actual_sku="A", scanned_sku="B")
    wrong = alert("BARCODE_SWITCHING", 1, actual_sku="B", scanned_sku="A")
    assert figures(accuracy([right, wrong], expected)["barcode_switching"]) == (1, 2, 1, 1)


def test_episodes_may_be_split_or_joined() -> None:
    expected = {"long_queue": [span(0, 20), span(40, 60), span(200, 210), span(0, 60, "RC1")]}
    joined = alert("LONG_QUEUE", 5, 50, station_id="SCC1")
    near = alert("LONG_QUEUE", 220, 230, station_id="SCC1")
    false = alert("LONG_QUEUE", 221, 230, station_id="SCC1")
    assert figures(accuracy([joined, near, false], expected)["long_queue"]) == (4, 3, 3, 2)


def test_a_crash_is_one_alert_with_the_right_length() -> None:
    expected = {"system_crash": [span(0, 95, samples=20)]}
    right = alert("SYSTEM_CRASH", 0, 95, duration_s=95.0)
    short = alert("SYSTEM_CRASH", 0, 50, duration_s=50.0)
    assert figures(accuracy([right], expected)["system_crash"]) == (1, 1, 1, 1)
    assert figures(accuracy([short], expected)["system_crash"]) == (1, 1, 0, 0)
    assert figures(accuracy([right, right], expected)["system_crash"]) == (1, 2, 1, 1)


def test_missing_stock_needs_the_exact_units_of_the_same_count() -> None:
    expected = {"inventory_unexplained": [{"snapshot_time": START, "sku": "A", "units": 2}]}

    def missing(second: float, units: int) -> dict[str, Any]:
        return alert("INVENTORY_DISCREPANCY", 0, sku="A", unexplained=units, snapshot_time=moment(second))

    assert figures(accuracy([missing(2.5, 2)], expected)["inventory_unexplained"]) == (1, 1, 1, 1)
    assert figures(accuracy([missing(4, 2)], expected)["inventory_unexplained"]) == (1, 1, 0, 0)
    assert figures(accuracy([missing(0, 3)], expected)["inventory_unexplained"]) == (1, 1, 0, 0)
    assert figures(accuracy([missing(0, 0)], expected)["inventory_unexplained"]) == (1, 0, 0, 0)


def test_rapid_transactions_name_the_customer() -> None:
    expected = {"rapid_transactions": [span(0, 4, customer_id="C1", count=5)]}
    right = alert("RAPID_TRANSACTIONS", 0, 4, station_id="SCC1", customer_id="C1")
    wrong = alert("RAPID_TRANSACTIONS", 0, 4, station_id="SCC1", customer_id="C2")
    assert figures(accuracy([right, wrong], expected)["rapid_transactions"]) == (1, 2, 1, 1)


def test_undetectable_crimes_are_neither_missed_nor_false() -> None:
    hidden = {"finding": "scanner_avoidance", **avoided(10)}
    expected = {"scanner_avoidance": [avoided(12)], "undetectable": [hidden]}
    one, two = alert("SCANNER_AVOIDANCE", 10, sku="A"), alert("SCANNER_AVOIDANCE", 12, sku="A")
    assert figures(accuracy([], expected)["scanner_avoidance"]) == (1, 0, 0, 0)
    assert figures(accuracy([one], expected)["scanner_avoidance"]) == (1, 1, 1, 1)
    assert figures(accuracy([one, two], expected)["scanner_avoidance"]) == (1, 1, 1, 1)


def test_kinds_without_expectations_are_not_scored() -> None:
    scored = accuracy([alert("READ_ERRORS", 0)], {"read_errors": [], "undetectable": []})
    assert [score.finding for score in scored.scores] == ["read_errors"]
    assert scored.worst == 0.0
    with pytest.raises(KeyError):
        scored["long_queue"]
    assert accuracy([alert("READ_ERRORS", 0)], {}).worst == 1.0


def test_the_table_and_the_overall_figures() -> None:
    expected = {"scanner_avoidance": [avoided(10)], "long_wait": [span(0, 20), span(100, 120)]}
    alerts = [alert("SCANNER_AVOIDANCE", 10, sku="A"), alert("LONG_WAIT", 0, 20, station_id="SCC1")]
    scored = accuracy(alerts, expected)
    assert figures(scored.overall) == (3, 2, 2, 2)
    assert scored.overall.recall == pytest.approx(2 / 3)
    assert scored.overall.precision == 1.0
    assert scored.worst == 0.5
    assert scored.table().splitlines()[-1].split() == ["overall", "3", "2", "0.667", "1.000"]


def test_times_without_a_zone_are_of_the_zone_given() -> None:
    found = alert("SCANNER_AVOIDANCE", 0, sku="A") | {"event_time": "2025-06-03T04:30:00Z"}
    zone = timezone(timedelta(hours=5, minutes=30))
    scored = accuracy([found], {"scanner_avoidance": [avoided(0)]}, Tolerances(zone=zone))
    assert scored.worst == 1.0
