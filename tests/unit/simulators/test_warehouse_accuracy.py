"""What counts as found, what as a false alarm, and whose it is."""

from __future__ import annotations

from typing import Any

from simulators.warehouse_accuracy import BACKGROUND, KINDS, warehouse_accuracy

DAY = "2025-06-03T"


def expected(**found: list[dict[str, Any]]) -> dict[str, Any]:
    cast = [
        {
            "name": "attack",
            "honest": False,
            "start": f"{DAY}10:00:00",
            "end": f"{DAY}11:00:00",
            "products": ["P1", "P2"],
            "employees": ["E1"],
            "first_wrong": f"{DAY}10:00:00",
        },
        {
            "name": "look-alike",
            "honest": True,
            "start": f"{DAY}14:00:00",
            "end": f"{DAY}15:00:00",
            "products": ["P7"],
            "employees": ["E7"],
            "first_wrong": None,
        },
    ]
    return {**{kind: [] for kind in KINDS}, "tolerated": [], "scenarios": cast, **found}


def present(product: str, start: str = "10:10:00", end: str = "10:12:00") -> dict[str, Any]:
    return {"product_id": product, "start": DAY + start, "end": DAY + end, "scenario": "attack"}


def alert(
    type_: str = "SHIPPED_BUT_PRESENT",
    product: str = "P1",
    start: str = "10:10:00Z",
    end: str = "10:12:00Z",
    status: str = "confirmed",
    **evidence: Any,
) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "subject": {"kind": "product", "id": product},
        "event_time": DAY + start,
        "started_at": DAY + start,
        "ended_at": DAY + end,
        "detected_at": DAY + start,
        "evidence": {"product_id": product, **evidence},
    }


def test_found_and_missed() -> None:
    scores = warehouse_accuracy([alert()], expected(shipped_but_present=[present("P1"), present("P2")]))
    score = scores.kinds["shipped_but_present"]

    assert (score.expected, score.found, score.recalled, score.justified) == (2, 1, 1, 1)
    attack = scores.scenarios[0]
    assert (attack.expected, attack.recalled, attack.false, attack.detected_s) == (2, 1, 0, 600)


def test_the_right_thing_at_the_wrong_time_is_false() -> None:
    scores = warehouse_accuracy(
        [alert(start="12:00:00Z", end="12:01:00Z")], expected(shipped_but_present=[present("P1")])
    )

    assert scores.kinds["shipped_but_present"].recall == 0
    assert scores.kinds["shipped_but_present"].precision == 0
    assert scores.scenarios[0].false == 1  # within the hour after it


def test_false_alarms_are_counted_where_they_belong() -> None:
    scores = warehouse_accuracy(
        [
            alert(product="P7", start="14:30:00Z", end="14:31:00Z"),
            alert(product="P99", start="14:30:00Z", end="14:31:00Z"),
        ],
        expected(),
    )

    assert {score.name: score.false for score in scores.scenarios} == {
        "attack": 0,
        "look-alike": 1,
        BACKGROUND: 1,
    }


def test_cleared_alerts_do_not_count() -> None:
    scores = warehouse_accuracy([alert(status="cleared")], expected(shipped_but_present=[present("P1")]))

    assert scores.kinds.overall.found == 0
    assert scores.kinds.overall.recalled == 0


def test_what_is_tolerated_is_neither_asked_for_nor_held_against() -> None:
    tolerated = [{"finding": "shipped_but_present", **present("P1")}]

    for alerts in ([], [alert()]):
        scores = warehouse_accuracy(alerts, expected(tolerated=tolerated))
        assert scores.kinds.overall.found == 0
        assert sum(one.false for one in scores.scenarios) == 0


def test_when_a_mass_shipment_was_suspected_and_confirmed() -> None:
    mass = alert("MASS_SHIPMENT_FRAUD", "P1", employee_ids=["E1"], decided_at=f"{DAY}10:30:00Z")
    finding = {"site": "WH1", "start": f"{DAY}10:09:00", "end": f"{DAY}10:12:00", "scenario": "attack"}
    attack = warehouse_accuracy([mass], expected(mass_shipment_fraud=[finding])).scenarios[0]

    assert (attack.suspected_s, attack.confirmed_s) == (600, 1_800)
