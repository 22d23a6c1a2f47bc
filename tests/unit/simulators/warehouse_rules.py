"""The rules of the warehouse, read off the records alone: what honest days must keep to."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from simulators.warehouse import WarehouseDay

SECOND, MINUTE = 1_000, 60_000
SKEW = 5 * SECOND
Record = dict[str, Any]

_TIMES = ("timestamp", "updated_at", "departure_time")
PASSAGES = ("DOCK", "PACK", "RECEIVING", "TRANSIT")


def at(text: str) -> int:
    """Epoch ms of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@lru_cache(maxsize=24)
def rows(day: WarehouseDay, topic: str) -> list[Record]:
    """Records as a reader of the file sees them, without those sent twice, by time (`"ms"`)."""
    found = []
    for line in dict.fromkeys(day.lines(topic)):
        row = msgspec.json.decode(line)
        row["ms"] = at(next(row[name] for name in _TIMES if name in row))
        found.append(row)
    return sorted(found, key=lambda row: row["ms"])


def untaken(day: WarehouseDay) -> list[Record]:
    """Marks that no truck took, by time."""
    runs: dict[str, list[list[Record]]] = defaultdict(list)
    lost = []
    for row in rows(day, "inventory-digital"):
        if row["status"] != "shipped":
            continue
        shipment = row.get("shipment_id")
        if shipment is None:
            lost.append(row)
        elif runs[shipment] and row["ms"] - runs[shipment][-1][-1]["ms"] <= 10 * MINUTE:
            runs[shipment][-1].append(row)
        else:
            runs[shipment].append([row])
    departures = defaultdict(list)
    for row in rows(day, "shipping-logistics"):
        departures[row["shipment_id"]].append(row)
    for shipment, those in runs.items():
        for run in those:
            first, last = run[0]["ms"] - 10 * MINUTE, run[-1]["ms"] + 10 * MINUTE
            for row in run:
                if not any(
                    first <= truck["ms"] <= last and _lists(truck, row["product_id"])
                    for truck in departures[shipment]
                ):
                    lost.append(row)
    return sorted(lost, key=lambda row: row["ms"])


def _lists(truck: Record, product: str) -> bool:
    lines = truck["manifest"]
    return not lines or any(
        product == (line if isinstance(line, str) else line["product_id"]) for line in lines
    )


def books(day: WarehouseDay) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(ms, units) of every change of the books, by product and place."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for row in rows(day, "inventory-digital"):
        those = found[row["product_id"], row["location"]]
        if row["status"] == "in_stock":
            those.append((row["ms"], row["quantity"]))
        elif those:
            those.append((row["ms"], max(0, those[-1][1] - row["quantity"])))
    return found


@lru_cache(maxsize=4)
def readings(day: WarehouseDay) -> dict[tuple[str, str], list[Record]]:
    """What the shelves reported, by product and place; without the docks' portals."""
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in rows(day, "inventory-physical"):
        if not passes(row["location"]):
            found[row["product_id"], row["location"]].append(row)
    return found


def passes(location: str) -> bool:
    """Whether goods only pass through a place."""
    return any(word in location for word in PASSAGES)


def mismatches(day: WarehouseDay, more_than: int = 5) -> Iterator[tuple[str, str, int]]:
    """(product, place, ms) of readings that are further than that from all the books said around them."""
    said = books(day)
    for key, those in readings(day).items():
        times = [time for time, _ in said[key]]
        for row in those:
            first = bisect_left(times, row["ms"] - 2 * MINUTE)
            last = bisect_right(times, row["ms"] + 2 * MINUTE)
            units = [number for _, number in said[key][max(0, first - 1) : last]]
            if units and not min(units) - more_than <= row["quantity"] <= max(units) + more_than:
                yield (*key, row["ms"])


def overdue(day: WarehouseDay) -> Iterator[tuple[str, str, int]]:
    """As `mismatches`, but without the mercy of two minutes: a movement takes a minute, and clocks differ."""
    said = books(day)
    reach = MINUTE + SKEW
    for key, those in readings(day).items():
        times = [time for time, _ in said[key]]
        for row in those:
            first = bisect_left(times, row["ms"] - reach)
            last = bisect_right(times, row["ms"] + reach)
            units = [number for _, number in said[key][max(0, first - 1) : last]]
            if units and not min(units) - 2 <= row["quantity"] <= max(units) + 2:
                yield (*key, row["ms"])


def drops(day: WarehouseDay) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """(ms, units) by which shelves fell below all seen before, relative to the books, for ten minutes."""
    said = books(day)
    found = {}
    for key, those in readings(day).items():
        times = [time for time, _ in said[key]]
        gaps: list[tuple[int, int]] = []
        for row in those:
            index = bisect_right(times, row["ms"]) - 1
            gap = row["quantity"] - said[key][index][1] if index >= 0 else 0
            if not gaps or gap != gaps[-1][1]:
                gaps.append((row["ms"], gap))
        settled = [
            one for one, after in pairwise([*gaps, (those[-1]["ms"], 0)]) if after[0] - one[0] > 9 * MINUTE
        ]
        lowest = 0
        steps = []
        for time, gap in settled:
            if gap < lowest:
                steps.append((time, lowest - gap))
                lowest = gap
        found[key] = steps
    return found


def hasty_labels(day: WarehouseDay) -> Iterator[str]:
    """Labels in two places sooner than goods are carried from one to the other."""
    seen: dict[str, list[Record]] = defaultdict(list)
    for row in rows(day, "qr-code-scans"):
        if action_of(row) in {"qr_scanned", "qr_consumed"}:
            seen[serial_of(row)].append(row)
    for serial, those in seen.items():
        for before, after in pairwise(those):
            here, there = before["location"], after["location"]
            walk = 3 * MINUTE - SKEW if here[:3] == there[:3] else 14 * MINUTE
            if here != there and after["ms"] - before["ms"] < walk:
                yield serial


def voided_labels(day: WarehouseDay) -> Iterator[str]:
    """Labels that were read after they had been used up (elsewhere than at a dock) or revoked."""
    void: dict[str, str] = {}
    for row in rows(day, "qr-code-scans"):
        serial, action = serial_of(row), action_of(row)
        if action in {"qr_consumed", "qr_revoked"}:
            void[serial] = action
        elif action == "qr_scanned" and serial in void:
            if void[serial] == "qr_revoked" or not passes(row["location"]):
                yield serial


def action_of(row: Record) -> str:
    """What was done to a label; a scan need not say so."""
    return str(row.get("action", "qr_scanned"))


def serial_of(row: Record) -> str:
    """The qr_id of a record, given or read off the code."""
    given = row.get("qr_id")
    if given is not None:
        return str(given)
    text = row["qr_data"]
    if text.startswith("{"):
        return str(json.loads(text)["qr_id"])
    return str(text.split("/21/")[1].split("?")[0])


def most_regenerated(day: WarehouseDay) -> dict[str, int]:
    """Most products whose codes each person printed anew in a quarter of an hour."""
    printed: dict[str, list[Record]] = defaultdict(list)
    for row in rows(day, "qr-code-scans"):
        if action_of(row) == "qr_regenerated":
            printed[row["generated_by"]].append(row)
    return {
        person: max(
            len({other["product_id"] for other in those if 0 <= other["ms"] - row["ms"] <= 15 * MINUTE})
            for row in those
        )
        for person, those in printed.items()
    }


def busiest_after_hours(day: WarehouseDay) -> dict[str, int]:
    """Most acts on codes and books that each person did after hours in a quarter of an hour."""
    acts: dict[str, list[int]] = defaultdict(list)
    for row in rows(day, "employee-activity"):
        hour = datetime.fromtimestamp(row["ms"] / 1000, UTC).hour
        flag = row.get("is_after_hours")
        if row["action"] in {"access_qr_system", "qr_regenerated", "inventory_update"}:
            if flag if flag is not None else not 6 <= hour < 22:
                acts[row["employee_id"]].append(row["ms"])
    return {
        person: max(sum(0 <= other - time < 15 * MINUTE for other in times) for time in times)
        for person, times in acts.items()
    }


def distinct_in_ten_minutes(marks: list[Record]) -> int:
    """Most products marked within ten minutes."""
    return max(
        (
            len({other["product_id"] for other in marks if 0 <= other["ms"] - row["ms"] < 10 * MINUTE})
            for row in marks
        ),
        default=0,
    )
