"""The store simulator: repeatable, true to its own rules, and as imperfect as it says."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from simulators.store import StoreConfig, StoreDay, simulate_store

FILES = (
    "pos_transactions",
    "rfid_readings",
    "queue_monitoring",
    "product_recognition",
    "inventory_snapshots",
)
PLAIN = replace(StoreConfig(), max_skew_s=0.0)
"""All clocks right: what the files say can be checked without knowing more than the files."""


@pytest.fixture(scope="module")
def day() -> StoreDay:
    return simulate_store(StoreConfig(), 7)


@pytest.fixture(scope="module")
def plain() -> StoreDay:
    return simulate_store(PLAIN, 11)


def rows(day: StoreDay, stream: str) -> list[dict[str, Any]]:
    """Records as a reader of the file sees them, without those sent twice, by time."""
    distinct = dict.fromkeys(day.lines(stream))
    return sorted((json.loads(line) for line in distinct), key=lambda row: row["timestamp"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- Repeatable --------------------------------------------------------------------------------------


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate_store(StoreConfig(), 3).write(tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert set(contents(tmp_path / "one")) == {
        *(f"{name}.jsonl" for name in FILES),
        "products_list.csv",
        "expected.json",
    }


def test_another_seed_is_another_day(day: StoreDay) -> None:
    other = simulate_store(StoreConfig(), 8)
    assert list(other.lines("pos_transactions")) != list(day.lines("pos_transactions"))
    assert other.expected != day.expected
    assert other.clocks_ahead_ms != day.clocks_ahead_ms


def test_a_knob_for_one_thing_leaves_the_others_alone(day: StoreDay) -> None:
    calm = simulate_store(replace(StoreConfig(), long_queues=0.0), 7)
    assert calm.expected["scanner_avoidance"] == day.expected["scanner_avoidance"]
    assert list(calm.lines("pos_transactions")) == list(day.lines("pos_transactions"))


# --- The files ---------------------------------------------------------------------------------------


def test_the_product_list_covers_every_tag_and_sale(day: StoreDay) -> None:
    text = day.catalogue_csv()
    assert text.startswith("\n")
    table = list(csv.DictReader(text.splitlines()[1:]))
    assert len(table) == 60
    assert any("," in row["product_name"] for row in table)
    ranges = {}
    for row in table:
        first, last = row["EPC_range"].split("-")
        assert len(first) == len(last) in (24, 25)
        ranges[row["SKU"]] = int(first, 16), int(last, 16)
        assert ranges[row["SKU"]][1] - ranges[row["SKU"]][0] + 1 == int(row["quantity"])
    bounds = sorted(ranges.values())
    assert all(before[1] < after[0] for before, after in pairwise(bounds))
    for read in rows(day, "rfid_readings"):
        if read["data"]["epc"] is not None:
            first, last = ranges[read["data"]["sku"]]
            assert first <= int(read["data"]["epc"], 16) <= last
    prices = {row["SKU"]: (row["barcode"], float(row["price"])) for row in table}
    for sale in rows(day, "pos_transactions"):
        if sale["status"] == "Active":
            assert prices[sale["data"]["sku"]] == (sale["data"]["barcode"], sale["data"]["price"])


def test_event_ids_are_unique_but_for_records_sent_twice(day: StoreDay) -> None:
    lines = [line for stream in FILES for line in day.lines(stream)]
    assert len(lines) == day.records
    ids = Counter(json.loads(line)["event_id"] for line in set(lines))
    assert max(ids.values()) == 1
    twice = {stream: len(list(day.lines(stream))) - len(set(day.lines(stream))) for stream in FILES}
    assert twice["pos_transactions"] > 0
    assert twice["queue_monitoring"] > 0
    assert twice["rfid_readings"] == twice["inventory_snapshots"] == 0


def test_without_event_ids_nothing_is_sent_twice() -> None:
    bare = simulate_store(replace(StoreConfig(), event_ids=False), 7)
    for stream in FILES:
        assert not any(b"event_id" in line for line in bare.lines(stream))
    stations = Counter(line for line in bare.lines("queue_monitoring"))
    assert max(stations.values()) == 1


def test_records_arrive_at_most_three_seconds_late(day: StoreDay) -> None:
    late = 0
    for stream in FILES:
        newest = at("2000-01-01T00:00:00")
        for line in day.lines(stream):
            time = at(json.loads(line)["timestamp"])
            assert newest - time <= timedelta(seconds=3)
            late += time < newest
            newest = max(newest, time)
    assert 0.01 < late / day.records < 0.2


def test_merged_records_are_all_of_them_by_time(day: StoreDay) -> None:
    merged = list(day.merged())
    assert len(merged) == day.records
    assert all(before[0] <= after[0] for before, after in pairwise(merged))
    for time, stream, line in merged[:: len(merged) // 50]:
        stamp = at(json.loads(line)["timestamp"] + "+00:00")
        assert round(stamp.timestamp() * 1000) == time
        assert stream in FILES


# --- The devices -------------------------------------------------------------------------------------


def test_any_two_clocks_differ_by_no_more_than_the_skew(day: StoreDay, plain: StoreDay) -> None:
    ahead = day.clocks_ahead_ms
    assert set(ahead) == {
        "stock",
        *(f"{at}/{d}" for at in StoreConfig().stations for d in ("pos", "rfid", "camera", "queue")),
    }
    assert 0 < max(ahead.values()) - min(ahead.values()) <= 2_000
    assert set(plain.clocks_ahead_ms.values()) == {0}


def test_readers_and_queue_monitors_report_every_five_seconds(plain: StoreDay) -> None:
    for stream in ("rfid_readings", "queue_monitoring"):
        times = defaultdict(list)
        for row in rows(plain, stream):
            times[row["station_id"]].append(at(row["timestamp"]))
        assert set(times) == set(PLAIN.stations)
        longest = 15 if stream == "rfid_readings" else 5.2  # a reader that sees something needs no heartbeat
        for those in times.values():
            assert max((after - before).total_seconds() for before, after in pairwise(those)) < longest


def test_an_honest_store_has_nothing_to_find_although_its_devices_lapse() -> None:
    quiet = simulate_store(StoreConfig.honest(), 5)
    assert not any(quiet.expected.values())
    sold = sum(row["status"] == "Active" for row in rows(quiet, "pos_transactions"))
    tags = {row["data"]["epc"] for row in rows(quiet, "rfid_readings")} - {None}
    seen = len(rows(quiet, "product_recognition"))
    assert 0.95 * sold < len(tags) < sold
    assert 0.85 * sold < seen < 0.99 * sold


def test_nobody_scans_four_articles_in_five_seconds_by_hand(plain: StoreDay) -> None:
    hasty = {(one["station_id"], one["customer_id"]) for one in plain.expected["rapid_transactions"]}
    scans = defaultdict(set)
    for row in rows(plain, "pos_transactions"):
        data = row["data"]
        if data["sku"] is not None:
            scans[row["station_id"], data["customer_id"]].add((at(row["timestamp"]), data["sku"]))
    fast = set()
    for who, those in scans.items():
        times = sorted(time for time, _ in those)
        if any((d - a).total_seconds() < 5 for a, d in zip(times, times[3:], strict=False)):
            fast.add(who)
    assert fast == hasty != set()


# --- What is to be found -----------------------------------------------------------------------------


def test_every_kind_of_finding_occurs_in_the_usual_numbers() -> None:
    for seed in range(4):
        found = {kind: len(those) for kind, those in simulate_store(StoreConfig(), seed).expected.items()}
        assert 10 <= found["scanner_avoidance"] <= 20
        assert 7 <= found["barcode_switching"] <= 15
        assert 7 <= found["weight_discrepancy"] <= 16
        assert 1 <= found["system_crash"] <= 3
        assert 7 <= found["inventory_unexplained"] <= 14
        for kind in ("long_queue", "long_wait", "read_errors", "rapid_transactions"):
            assert found[kind] >= 1


def test_missing_stock_is_what_neither_sales_nor_crimes_explain(plain: StoreDay) -> None:
    crimes = plain.expected["scanner_avoidance"], plain.expected["barcode_switching"]
    counts = rows(plain, "inventory_snapshots")
    sales = [row for row in rows(plain, "pos_transactions") if row["data"]["sku"] is not None]
    found = []
    for before, now in pairwise(counts):
        since, until = at(before["timestamp"]), at(now["timestamp"])
        gone = Counter(row["data"]["sku"] for row in sales if since < at(row["timestamp"]) <= until)
        for one in crimes[0]:
            gone[one["sku"]] += since < at(one["time"]) <= until
        for one in crimes[1]:
            if since < at(one["time"]) <= until:
                gone[one["actual_sku"]] += 1
                gone[one["scanned_sku"]] -= 1
        for sku, units in now["data"].items():
            missing = before["data"][sku] - gone[sku] - units
            if missing > 0:
                found.append({"snapshot_time": now["timestamp"], "sku": sku, "units": missing})
            assert missing >= 0 or missing <= -20, "only deliveries may add to the stock"
    assert found == plain.expected["inventory_unexplained"]


def test_queues_and_waits_are_runs_of_active_samples_over_the_limit(day: StoreDay) -> None:
    for kind, key, limit in (
        ("long_queue", "customer_count", 5),
        ("long_wait", "average_dwell_time", 120.0),
    ):
        over = 0
        active = [row for row in rows(day, "queue_monitoring") if row["status"] == "Active"]
        spans = [(one["station_id"], one["start"], one["end"]) for one in day.expected[kind]]
        for row in active:
            within = [
                span
                for span in spans
                if span[0] == row["station_id"] and span[1] <= row["timestamp"] <= span[2]
            ]
            assert bool(within) == (row["data"][key] > limit)
            over += bool(within)
        assert over == sum(one["samples"] for one in day.expected[kind]) > 0
        assert any(row["data"][key] == limit for row in active), "a near miss"


def test_a_crashed_station_sells_nothing_and_says_so_on_every_stream(plain: StoreDay) -> None:
    for crash in plain.expected["system_crash"]:
        assert 60 <= crash["samples"] * 5 <= 250
        for stream in FILES[:4]:
            inside = [
                row["status"]
                for row in rows(plain, stream)
                if row["station_id"] == crash["station_id"]
                and crash["start"] <= row["timestamp"] <= crash["end"]
            ]
            assert set(inside) <= {"System Crash"}
            assert inside or stream in {"pos_transactions", "product_recognition"}


def test_avoided_articles_were_read_and_not_sold_and_switched_ones_sold_as_something_cheaper(
    plain: StoreDay,
) -> None:
    prices = {product.sku: product.price for product in plain.products}
    reads = [row for row in rows(plain, "rfid_readings") if row["data"]["sku"]]
    sales = rows(plain, "pos_transactions")

    def near(those: list[dict[str, Any]], station: str, sku: str, time: str) -> int:
        return sum(
            row["station_id"] == station
            and row["data"]["sku"] == sku
            and abs(at(row["timestamp"]) - at(time)) <= timedelta(seconds=1)
            for row in those
        )

    for one in plain.expected["scanner_avoidance"]:
        assert near(reads, one["station_id"], one["sku"], one["time"])
        assert not near(sales, one["station_id"], one["sku"], one["time"])
    for one in plain.expected["barcode_switching"]:
        assert near(reads, one["station_id"], one["actual_sku"], one["time"])
        assert near(sales, one["station_id"], one["scanned_sku"], one["time"])
        assert prices[one["scanned_sku"]] < prices[one["actual_sku"]]


def test_weights_are_odd_where_expected_and_nowhere_else(day: StoreDay) -> None:
    weights = {product.sku: product.weight_g for product in day.products}
    odd = [
        (row["timestamp"], row["data"]["sku"])
        for row in rows(day, "pos_transactions")
        if row["data"]["sku"] and abs(row["data"]["weight_g"] / weights[row["data"]["sku"]] - 1) > 0.05
    ]
    assert odd == [(one["time"], one["sku"]) for one in day.expected["weight_discrepancy"]]


def test_read_errors_are_findings_from_three_in_five_minutes(day: StoreDay) -> None:
    errors = defaultdict(list)
    for stream in FILES[:4]:
        for row in rows(day, stream):
            if row["status"] == "Read Error":
                errors[row["station_id"]].append(row["timestamp"])
    dense = set()
    for station, times in errors.items():
        times.sort()
        for a, b, c in zip(times, times[1:], times[2:], strict=False):
            if at(c) - at(a) <= timedelta(minutes=5):
                dense |= {(station, a), (station, b), (station, c)}
    told = {
        (station, time)
        for station, times in errors.items()
        for time in times
        for one in day.expected["read_errors"]
        if one["station_id"] == station and one["start"] <= time <= one["end"]
    }
    assert told == dense != set()
    assert sum(one["count"] for one in day.expected["read_errors"]) == len(dense)
    assert sum(map(len, errors.values())) > len(dense), "single errors are no finding"


def test_stolen_articles_that_are_not_read_are_listed_apart_and_missing_from_the_stock() -> None:
    day = simulate_store(replace(PLAIN, attack_read_loss=0.5, shrinkage=0.0), 2)
    hidden = day.expected["undetectable"]
    assert hidden
    taken = {one.get("sku") or one["actual_sku"] for one in hidden}
    assert {one["sku"] for one in day.expected["inventory_unexplained"]} == taken
    for one in hidden:
        listed = day.expected[one["finding"]]
        assert not any(one["time"] == other["time"] for other in listed)


# --- Size and bounds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("records", [1, 5_000, 60_000])
def test_a_volume_is_reached(records: int) -> None:
    day = simulate_store(StoreConfig.for_volume(records), 1)
    assert day.records >= records
    assert all(day.streams.values())


def test_stores_that_cannot_be_are_refused() -> None:
    wrong: list[dict[str, Any]] = [
        {"opens": "2025-06-03T10:00:00+02:00"},
        {"hours": 0.0},
        {"self_checkouts": 0, "counter": False},
        {"scan_gap_s": (0.5, 2.0)},
        {"view_loss": 1.5},
        {"avoided": -1.0},
        {"sample_every_s": 0.0},
    ]
    for knobs in wrong:
        with pytest.raises(ValueError, match=r"\w"):
            StoreConfig(**knobs)


@pytest.mark.parametrize(
    "knobs",
    [
        {"hours": 0.02},
        {"self_checkouts": 0, "hours": 0.5},
        {"customers_per_hour": 0.0, "hours": 0.5},
        {"customers_per_hour": 2_000.0, "hours": 0.5},
        {"snapshot_every_s": 86_400.0, "hours": 0.5},
        {"avoided": 300.0, "switched": 300.0, "odd_weights": 900.0, "rapid": 99.0, "crashes": 20.0},
        {"ambiguous": True, "attack_read_loss": 1.0, "read_loss": 1.0, "view_loss": 1.0},
    ],
)
def test_unusual_stores_work(knobs: dict[str, Any], tmp_path: Path) -> None:
    simulate_store(StoreConfig(**knobs), 1).write(tmp_path)
    assert len(contents(tmp_path)) == 7
