"""The warehouse simulator: repeatable, honest where it says so, and true to its own rules."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from datetime import UTC
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from guardian.events.decode import Decoder
from guardian.events.model import Event
from guardian.events.times import TimeParser
from guardian.events.topics import TOPICS
from guardian.qr.keys import PublicKeys
from guardian.qr.verify import Outcome, Verifier
from simulators.store.chance import Chance
from simulators.warehouse import WarehouseConfig, WarehouseDay, simulate_warehouse
from simulators.warehouse.casting import cast_scenarios
from simulators.warehouse.config import ATTACKS, LOOKALIKES
from simulators.warehouse.records import TOPICS as STREAMS
from simulators.warehouse.scenarios import SCENARIOS
from simulators.warehouse.site import Site
from tests.unit.simulators.warehouse_rules import (
    MINUTE,
    action_of,
    at,
    busiest_after_hours,
    distinct_in_ten_minutes,
    drops,
    hasty_labels,
    mismatches,
    most_regenerated,
    overdue,
    passes,
    readings,
    rows,
    serial_of,
    untaken,
    voided_labels,
)

FINDINGS = {
    "qr_code_tampering": {"product_id"},
    "qr_code_cloned": {"qr_id"},
    "qr_location_mismatch": {"qr_id"},
    "qr_mass_regeneration": {"employee_id"},
    "inventory_mismatch": {"product_id", "location"},
    "shipped_but_present": {"product_id"},
    "mass_shipment_fraud": {"site"},
    "after_hours_qr_manipulation": {"employee_id"},
    "gradual_theft": {"product_id", "location"},
    "shelf_weight_mismatch": {"product_id", "location"},
}

SMALL = replace(
    WarehouseConfig(),
    products=48,
    legacy_secret=True,
    shipments_per_hour=1.0,
    deliveries_per_day=8.0,
    counts_per_day=30.0,
    scans_per_hour=20.0,
)
"""A warehouse in which one attack at a time has room."""

CROWDED = replace(WarehouseConfig(), products=150, sensor_every_s=100.0, legacy_secret=True)
"""One in which all of them just fit."""


@pytest.fixture(scope="module")
def day() -> WarehouseDay:
    return simulate_warehouse(replace(WarehouseConfig(), legacy_secret=True), 7)


@pytest.fixture(scope="module", params=[1, 2])
def honest(request: pytest.FixtureRequest) -> WarehouseDay:
    config = replace(WarehouseConfig.honest(), days=request.param, products=80)
    return simulate_warehouse(config, 10 + request.param)


@cache
def alone(name: str, seed: int, variant: str | None = None) -> WarehouseDay:
    """A small warehouse in which one scenario is played."""
    variants = {} if variant is None else {name: variant}
    return simulate_warehouse(replace(SMALL, scenarios=(name,), variants=variants), seed)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- Repeatable --------------------------------------------------------------------------------------


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate_warehouse(CROWDED, 3).write(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == {
        *(f"{topic}.jsonl" for topic in STREAMS),
        "products_list.csv",
        "qr_keys.json",
        "qr_legacy_secret.txt",
        "expected.json",
    }


def test_another_seed_is_another_day(day: WarehouseDay) -> None:
    other = simulate_warehouse(WarehouseConfig(), 8)
    assert list(other.lines("qr-code-scans")) != list(day.lines("qr-code-scans"))
    assert other.expected != day.expected
    assert other.clocks_ahead_ms != day.clocks_ahead_ms
    assert other.public_keys != day.public_keys


# --- The records -------------------------------------------------------------------------------------


def test_every_record_decodes(day: WarehouseDay) -> None:
    decoder = Decoder(TimeParser(UTC, day.config.ends_ms + MINUTE))
    for topic in STREAMS:
        assert topic in TOPICS
        number = 0
        for number, line in enumerate(day.lines(topic), start=1):
            event = decoder.decode_value(topic, line, topic, number)
            assert isinstance(event, Event), event
            assert event.id is not None
            assert day.config.starts_ms - 3_000 <= event.time <= day.config.ends_ms + 3_000
        assert number == len(day.streams[topic]) > 0


def test_only_repeated_records_share_an_event_id(day: WarehouseDay) -> None:
    for topic in STREAMS:
        lines = list(day.lines(topic))
        distinct = set(lines)
        assert len({json.loads(line)["event_id"] for line in distinct}) == len(distinct)
        if len(lines) > 1_000:
            assert 0.005 < 1 - len(distinct) / len(lines) < 0.015


def test_records_arrive_within_the_lateness_and_some_out_of_order(day: WarehouseDay) -> None:
    merged = list(day.merged())
    assert len(merged) == day.records
    assert [arrival for arrival, _, _ in merged] == sorted(arrival for arrival, _, _ in merged)
    decoder = Decoder(TimeParser(UTC, day.config.ends_ms + MINUTE))
    newest = behind = out_of_order = 0
    for arrival, topic, line in merged:
        event = decoder.decode_value(topic, line, topic, 1)
        assert isinstance(event, Event)
        assert abs(event.time - arrival) <= 2_500 + 3_000
        behind = max(behind, newest - event.time)
        out_of_order += event.time < newest
        newest = max(newest, event.time)
    assert 3_000 < behind <= 5_000
    assert out_of_order > 100


def test_clocks_are_at_most_five_seconds_apart(day: WarehouseDay) -> None:
    ahead = day.clocks_ahead_ms.values()
    assert 2_000 < max(ahead) - min(ahead) <= 5_000


def test_the_product_list_gives_weights_and_separate_tags(day: WarehouseDay, tmp_path: Path) -> None:
    day.write(tmp_path)
    table = list(csv.DictReader((tmp_path / "products_list.csv").read_text().splitlines()))
    assert [row["SKU"] for row in table] == [article.product_id for article in day.articles]
    assert all(100 <= float(row["weight"]) <= 8_000 for row in table)
    assert all(10 <= int(row["quantity"]) <= 120 for row in table)
    bounds = sorted(tuple(int(serial, 16) for serial in row["EPC_range"].split("-")) for row in table)
    assert all(before[1] < after[0] for before, after in pairwise(bounds))
    assert len({article.shelf for article in day.articles}) == len(day.articles)


def test_sensors_report_every_article_often_and_miss_a_few_tags(day: WarehouseDay) -> None:
    by_shelf = readings(day)
    assert len(by_shelf) == len(day.articles)
    for those in by_shelf.values():
        assert all(after["ms"] - before["ms"] <= 100_000 for before, after in pairwise(those))
    there = [row for those in by_shelf.values() for row in those if row["quantity"]]
    assert 0.015 < sum(not row["rfid_detected"] for row in there) / len(there) < 0.025
    assert not any(
        row["rfid_detected"] for those in by_shelf.values() for row in those if not row["quantity"]
    )


def test_manifests_come_in_every_form(day: WarehouseDay) -> None:
    forms = Counter(
        type(row["manifest"][0]).__name__ if row["manifest"] else "none"
        for row in rows(day, "shipping-logistics")
    )
    assert forms["dict"] > forms["str"] > 0
    assert forms["none"] > 0


# --- Labels ------------------------------------------------------------------------------------------


def test_labels_verify_unless_they_were_tampered_with(day: WarehouseDay) -> None:
    verifier = Verifier(PublicKeys.from_json(day.public_keys), day.legacy_secret)
    outcomes: Counter[Outcome] = Counter()
    forged = set()
    for row in rows(day, "qr-code-scans"):
        if "qr_data" not in row:
            continue
        verdict = verifier.check(row["qr_data"])
        outcomes[verdict.outcome] += 1
        if not verdict.genuine or (verdict.code and verdict.code.product_id != row["product_id"]):
            forged.add(row["product_id"])
        else:
            assert verdict.code is not None
            assert verdict.code.serial == serial_of(row)
    assert outcomes[Outcome.VALID] > 500
    assert outcomes[Outcome.LEGACY] > 5
    assert forged == {one["product_id"] for one in day.expected["qr_code_tampering"]} != set()


@pytest.mark.parametrize(
    ("variant", "outcomes"),
    [
        ("altered_field", {Outcome.BAD_SIGNATURE}),
        ("foreign_key", {Outcome.BAD_SIGNATURE, Outcome.UNKNOWN_KEY}),
        ("unsigned", {Outcome.UNSIGNED}),
        ("altered_legacy", {Outcome.BAD_SIGNATURE}),
        ("swapped", set()),
    ],
)
def test_forgeries_are_what_they_are_called(variant: str, outcomes: set[Outcome]) -> None:
    found = set()
    for seed in range(3):
        day = alone("tampered_labels", seed, variant)
        verifier = Verifier(PublicKeys.from_json(day.public_keys), day.legacy_secret)
        wrong = set()
        for row in rows(day, "qr-code-scans"):
            if "qr_data" not in row:
                continue
            verdict = verifier.check(row["qr_data"])
            if not verdict.genuine:
                found.add(verdict.outcome)
                wrong.add(row["product_id"])
            elif verdict.code is not None and verdict.code.product_id != row["product_id"]:
                assert variant == "swapped"
                wrong.add(row["product_id"])
        assert wrong == {one["product_id"] for one in day.expected["qr_code_tampering"]} != set()
    assert found == outcomes


# --- Honest days -------------------------------------------------------------------------------------


def test_on_honest_days_nothing_is_to_be_found(honest: WarehouseDay) -> None:
    assert {kind: honest.expected[kind] for kind in FINDINGS} == {kind: [] for kind in FINDINGS}
    assert {one["name"] for one in honest.expected["scenarios"]} == set(LOOKALIKES)
    assert all(one["honest"] and one["first_wrong"] is None for one in honest.expected["scenarios"])


def test_on_honest_days_a_truck_takes_all_that_is_marked(honest: WarehouseDay) -> None:
    assert untaken(honest) == []
    marks = [row for row in rows(honest, "inventory-digital") if row["status"] == "shipped"]
    assert distinct_in_ten_minutes(marks) > 20, "honest work looks like a mass shipment at times"


def test_on_honest_days_shelf_and_books_agree(honest: WarehouseDay) -> None:
    assert list(mismatches(honest)) == []
    assert list(overdue(honest)) == []


def test_on_honest_days_no_shelf_loses_more_than_a_miscount(honest: WarehouseDay) -> None:
    assert all(sum(units for _, units in steps) <= 2 for steps in drops(honest).values())


def test_on_honest_days_shelves_weigh_what_they_count(honest: WarehouseDay) -> None:
    unit_g = {article.product_id: article.weight_g for article in honest.articles}
    for (product, _), those in readings(honest).items():
        for row in those:
            full = row["quantity"] * unit_g[product]
            assert abs(1000 * row["weight_kg"] - full) <= 0.021 * full


def test_on_honest_days_labels_walk(honest: WarehouseDay) -> None:
    assert list(hasty_labels(honest)) == []
    assert list(voided_labels(honest)) == []
    home = {article.product_id: article.shelf for article in honest.articles}
    for row in rows(honest, "qr-code-scans"):
        assert passes(row["location"]) or row["location"] == home[row["product_id"]]


def test_on_honest_days_people_keep_to_the_roster_and_print_slowly(honest: WarehouseDay) -> None:
    assert busiest_after_hours(honest) == {}
    assert 4 <= max(most_regenerated(honest).values()) <= 8
    acts = rows(honest, "employee-activity")
    assert any("is_after_hours" not in row for row in acts)
    assert any(row["is_after_hours"] is False for row in acts if "is_after_hours" in row)


def test_nothing_at_all_may_be_played() -> None:
    day = simulate_warehouse(replace(SMALL, scenarios=()), 1)
    assert day.expected["scenarios"] == []
    assert untaken(day) == []


# --- What is expected --------------------------------------------------------------------------------


def check_shape(day: WarehouseDay) -> None:
    """Every kind is there, and every finding says what it must."""
    expected = json.loads(json.dumps(day.expected))
    assert set(expected) == {*FINDINGS, "tolerated", "scenarios"}
    named = {one["name"] for one in expected["scenarios"]}
    assert named == set(day.config.scenarios)
    for kind, keys in FINDINGS.items():
        for one in expected[kind]:
            assert set(one) == keys | {"start", "end", "scenario"}
            assert at(one["start"]) <= at(one["end"])
            assert one["scenario"] in set(ATTACKS) & named
    for one in expected["tolerated"]:
        assert set(one) == FINDINGS[one["finding"]] | {"finding", "start", "end", "scenario"}
    for one in expected["scenarios"]:
        assert one["honest"] == (one["name"] in LOOKALIKES)
        assert one["start"] <= one["end"]
        assert one["honest"] or one["start"] <= one["first_wrong"] <= one["end"]


@pytest.mark.parametrize("seed", range(5))
def test_everything_together(seed: int) -> None:
    day = simulate_warehouse(CROWDED, seed)
    check_shape(day)
    for kind, caught in CAUGHT.items():
        assert caught <= {one["scenario"] for one in day.expected[kind]}, kind
    casts = {one["name"]: one for one in day.expected["scenarios"]}
    crews = [set(one["employees"]) for one in casts.values() if not one["honest"]]
    for name in ATTACKS:
        for other in casts.values():
            if other["name"] != name:
                assert not set(casts[name]["products"]) & set(other["products"])
    assert len(crews) == len(ATTACKS)


CAUGHT: dict[str, set[str]] = {
    "qr_code_tampering": {"tampered_labels"},
    "qr_code_cloned": {"cloned_labels"},
    "qr_mass_regeneration": {"jd_com_attack"},
    "inventory_mismatch": {"after_hours_theft"},
    "shipped_but_present": {"jd_com_attack", "collusion", "forged_departure", "slow_theft"},
    "mass_shipment_fraud": {"jd_com_attack", "collusion", "forged_departure"},
    "after_hours_qr_manipulation": {"jd_com_attack", "after_hours_theft"},
    "gradual_theft": {"gradual_theft"},
    "shelf_weight_mismatch": {"swapped_goods"},
}
"""Which scenarios each kind of finding is about, whatever the seed."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_alone(name: str, seed: int) -> None:
    day = alone(name, seed)
    check_shape(day)
    for kind, caught in CAUGHT.items():
        if name in caught:
            assert day.expected[kind], kind
    told = {one["scenario"] for kind in FINDINGS for one in day.expected[kind]}
    assert told == ({name} if name in ATTACKS else set())


def test_slow_theft_stays_below_a_mass_shipment() -> None:
    for seed in range(6):
        day = alone("slow_theft", seed)
        assert day.expected["mass_shipment_fraud"] == []
        assert distinct_in_ten_minutes(untaken(day)) <= 20


@pytest.mark.parametrize("name", ["jd_com_attack", "collusion", "forged_departure"])
def test_mass_shipments_are_marked_within_ten_minutes_and_no_truck_comes(name: str) -> None:
    for seed in range(3):
        day = alone(name, seed)
        lost = untaken(day)
        (cast,) = day.expected["scenarios"]
        assert {row["product_id"] for row in lost} == set(cast["products"])
        assert distinct_in_ten_minutes(lost) == len(cast["products"]) >= 25
        (finding,) = day.expected["mass_shipment_fraud"]
        assert finding["site"] == "WH1"
        assert (at(finding["start"]), at(finding["end"])) == (lost[0]["ms"], lost[-1]["ms"])
        seen = {one["product_id"] for one in day.expected["shipped_but_present"]}
        assert seen <= set(cast["products"])
        assert len(seen) > 0.8 * len(cast["products"])
        empty = {product for (product, _), those in readings(day).items() if those[-1]["quantity"] == 0}
        assert empty == set(cast["products"])


def test_the_attack_is_as_large_as_the_warehouse_allows() -> None:
    config = replace(WarehouseConfig(), scenarios=("jd_com_attack",))
    sizes = set()
    for seed in range(20):
        ((_, cast, _),) = cast_scenarios(Site(config, Chance(seed)), Chance(seed))
        sizes.add(len(cast.articles))
    assert 127 in sizes
    assert len(sizes) > 5
    assert 25 <= min(sizes) < max(sizes) <= 150


def test_reused_shipments_left_long_before() -> None:
    for seed in range(5):
        day = alone("jd_com_attack", seed, "reused_ids")
        lost = untaken(day)
        left = {row["shipment_id"]: row["ms"] for row in rows(day, "shipping-logistics")}
        assert {row["shipment_id"] for row in lost} <= left.keys()
        for row in lost:
            assert 30 * MINUTE <= row["ms"] - left[row["shipment_id"]] <= 24 * 60 * MINUTE


def test_colluding_people_each_mark_few() -> None:
    for seed in range(3):
        day = alone("collusion", seed)
        each = Counter(row["updated_by"] for row in untaken(day))
        assert 3 <= len(each) <= 5
        assert max(each.values()) <= 12


def test_gradual_theft_comes_in_small_steps_far_apart() -> None:
    for seed in range(3):
        day = alone("gradual_theft", seed)
        by_shelf = drops(day)
        for one in day.expected["gradual_theft"]:
            (cast,) = day.expected["scenarios"]
            since = at(cast["start"])
            steps = [step for step in by_shelf[one["product_id"], one["location"]] if step[0] > since]
            assert 3 <= len(steps) <= 6
            assert all(units <= 4 for _, units in steps)
            assert sum(units for _, units in steps) >= 5
            assert all(after[0] - before[0] >= 18 * MINUTE for before, after in pairwise(steps))


def test_stolen_at_night_while_the_books_deny_it() -> None:
    for seed in range(3):
        day = alone("after_hours_theft", seed)
        (cast,) = day.expected["scenarios"]
        assert {product for product, _, _ in mismatches(day)} == set(cast["products"])
        assert {one["product_id"] for one in day.expected["inventory_mismatch"]} == set(cast["products"])
        assert busiest_after_hours(day)[cast["employees"][0]] > 5


def test_swapped_goods_are_too_light() -> None:
    for seed in range(3):
        day = alone("swapped_goods", seed)
        unit_g = {article.product_id: article.weight_g for article in day.articles}
        odd = {
            product
            for (product, _), those in readings(day).items()
            for row in those
            if row["quantity"] and 1000 * row["weight_kg"] < 0.9 * row["quantity"] * unit_g[product]
        }
        assert odd == {one["product_id"] for one in day.expected["shelf_weight_mismatch"]}


def test_clones_are_found_in_the_records() -> None:
    for variant in SCENARIOS["cloned_labels"].variants:
        day = alone("cloned_labels", 5, variant)
        found = {*hasty_labels(day), *voided_labels(day)}
        assert found == {one["qr_id"] for one in day.expected["qr_code_cloned"]} != set()


def test_misplaced_labels_are_those_found_on_foreign_shelves() -> None:
    for seed in range(3):
        day = alone("cloned_labels", seed, "other_shelf")
        home = {article.product_id: article.shelf for article in day.articles}
        astray = {
            serial_of(row)
            for row in rows(day, "qr-code-scans")
            if not passes(row["location"]) and row["location"] != home[row["product_id"]]
        }
        assert astray == {one["qr_id"] for one in day.expected["qr_location_mismatch"]} != set()


def test_what_only_the_secret_of_the_older_codes_can_tell_is_tolerated_without_it(tmp_path: Path) -> None:
    variants = {"tampered_labels": "altered_legacy"}
    shared = replace(SMALL, scenarios=("tampered_labels",), variants=variants)
    known = simulate_warehouse(shared, 1)
    unknown = simulate_warehouse(replace(shared, legacy_secret=False), 1)
    forged = {one["product_id"] for one in known.expected["qr_code_tampering"]}
    assert forged
    assert unknown.expected["qr_code_tampering"] == []
    assert forged <= {
        one["product_id"] for one in unknown.expected["tolerated"] if one["finding"] == "qr_code_tampering"
    }
    unknown.write(tmp_path)
    assert "qr_legacy_secret.txt" not in contents(tmp_path)


def test_old_labels_are_revoked_when_new_ones_are_on() -> None:
    day = alone("relabelling", 2)
    actions = Counter(action_of(row) for row in rows(day, "qr-code-scans"))
    assert actions["qr_revoked"] == actions["qr_regenerated"] >= 20
    assert list(voided_labels(day)) == []


def test_every_variant_is_played_by_some_seed() -> None:
    played = defaultdict(set)
    for seed in range(60):
        chance = Chance(seed)
        for scenario, cast, _ in cast_scenarios(Site(WarehouseConfig(), chance), chance):
            played[scenario.name].add(cast.variant)
    assert played == {name: set(scenario.variants) for name, scenario in SCENARIOS.items()}


# --- Size and bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("records", [1, 200_000])
def test_a_volume_is_reached(records: int) -> None:
    config = WarehouseConfig.for_volume(records)
    # Sensors send nearly everything; the rest need not be simulated to know that it is enough.
    day = simulate_warehouse(config, 1)
    assert records <= day.records <= max(1.1 * records, 175_000)
    assert all(day.streams.values())


def test_several_days_go_on_where_the_last_ended() -> None:
    day = simulate_warehouse(replace(SMALL, days=3, products=40, scenarios=("gradual_theft",)), 4)
    for those in readings(day).values():
        assert those[-1]["ms"] - those[0]["ms"] > 71 * 60 * MINUTE
    assert len(day.expected["gradual_theft"]) >= 1


def test_warehouses_that_cannot_be_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"starts": "2025-06-03T10:00:00"},
        {"days": 0},
        {"products": 3},
        {"units": (5, 2)},
        {"sensor_every_s": 0.0},
        {"late_share": 1.5},
        {"posts_per_day": -1.0},
        {"max_skew_s": 9.0},
        {"scenarios": ("heist",)},
        {"scenarios": ("collusion", "collusion")},
    ]
    for knobs in wrong:
        with pytest.raises(ValueError, match=r"\w"):
            WarehouseConfig(**knobs)


def test_scenarios_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="articles"):
        simulate_warehouse(replace(CROWDED, products=40), 1)
    with pytest.raises(ValueError, match="variant"):
        simulate_warehouse(replace(SMALL, scenarios=("collusion",), variants={"collusion": "x"}), 1)
