"""What a correct system finds in the day's records. By rule wherever there is a rule.

Times are those that the records show (each device's own clock), except that stock is judged by true time: a
sale that only a wrong clock puts on the other side of a count is no finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, TypeVar

from simulators.store.catalogue import Catalogue
from simulators.store.customers import Item
from simulators.store.devices import POS, RFID, Clocks
from simulators.store.queues import MAX_CUSTOMERS, MAX_DWELL_S
from simulators.store.records import ACTIVE, READ_ERROR, SYSTEM_CRASH, Count, Queue, Row, Sale, Tag, iso
from simulators.store.stock import Stock

D = TypeVar("D")
Finding = dict[str, Any]

WEIGHT_TOLERANCE = 0.05
ERRORS, ERRORS_WITHIN_MS = 3, 300_000
SCANS, SCANS_WITHIN_MS = 4, 5_000
SAME_SESSION_MS = 300_000
_RUN_GAP = 2.5


def crimes(items: Iterable[Item], clocks: Clocks) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Avoided scans, switched barcodes, and those of both kinds that left no trace at the checkout."""
    avoided: list[Finding] = []
    switched: list[Finding] = []
    undetectable: list[Finding] = []
    for item in sorted(items, key=lambda item: (item.time, item.station)):
        finding: Finding
        if item.crime == "avoided":
            time = item.time + clocks.of(item.station, RFID)
            finding = {"time": iso(time), "station_id": item.station, "sku": item.product.sku}
            kind, found = "scanner_avoidance", avoided
        elif item.crime == "switched" and item.sold is not None:
            time = item.time + clocks.of(item.station, POS)
            finding = {
                "time": iso(time),
                "station_id": item.station,
                "actual_sku": item.product.sku,
                "scanned_sku": item.sold.sku,
            }
            kind, found = "barcode_switching", switched
        else:
            continue
        if item.read:
            found.append(finding)
        else:
            undetectable.append({"finding": kind, **finding, "reason": "its tag was not read"})
    return avoided, switched, undetectable


def odd_weights(sales: Iterable[Row[Sale]], catalogue: Catalogue) -> list[Finding]:
    """Sales whose weight is off by more than a twentieth."""
    weights = {product.sku: product.weight_g for product in catalogue.products}
    found = []
    for row in sorted(once(sales), key=lambda row: row.time):
        sale = row.data
        if sale.sku is None or sale.weight_g is None:
            continue
        if abs(sale.weight_g - weights[sale.sku]) > WEIGHT_TOLERANCE * weights[sale.sku]:
            found.append({"time": iso(row.time), "station_id": row.station, "sku": sale.sku})
    return found


def crashes(reads: Iterable[Row[Tag]], every_s: float) -> list[Finding]:
    """Runs of crash reports by a station's reader. samples: how many, `every_s` apart."""
    down: dict[str, list[int]] = defaultdict(list)
    for row in once(reads):
        if row.status == SYSTEM_CRASH:
            down[row.station].append(row.time)
    return [
        _span(station, run)
        for station, times in sorted(down.items())
        for run in _runs(sorted(times), round(_RUN_GAP * 1000 * every_s))
    ]


def queues(samples: Iterable[Row[Queue]], every_s: float) -> tuple[list[Finding], list[Finding]]:
    """Runs of consecutive active samples with too many customers, and with too long a wait."""
    by_station: dict[str, list[Row[Queue]]] = defaultdict(list)
    for row in once(samples):
        if row.status == ACTIVE:
            by_station[row.station].append(row)
    gap = round(_RUN_GAP * 1000 * every_s)
    long_queues: list[Finding] = []
    long_waits: list[Finding] = []
    for station, rows in sorted(by_station.items()):
        rows.sort(key=lambda row: row.time)
        long_queues += [_span(station, run) for run in _over(rows, _too_many, gap)]
        long_waits += [_span(station, run) for run in _over(rows, _too_long, gap)]
    return long_queues, long_waits


def read_errors(rows: Iterable[Row[Any]]) -> list[Finding]:
    """Three or more read errors at a station within five minutes; overlapping ones are one finding."""
    errors: dict[str, list[int]] = defaultdict(list)
    for row in once(rows):
        if row.status == READ_ERROR:
            errors[row.station].append(row.time)
    found = []
    for station, times in sorted(errors.items()):
        times.sort()
        for first, last in _dense(times, ERRORS, ERRORS_WITHIN_MS + 1):
            span = times[first : last + 1]
            found.append(
                {"station_id": station, "start": iso(span[0]), "end": iso(span[-1]), "count": len(span)}
            )
    return found


def rapid_transactions(sales: Iterable[Row[Sale]]) -> list[Finding]:
    """Four or more scans of a customer in less than five seconds; units keyed in together are one scan."""
    scans: dict[tuple[str, str], set[tuple[int, str]]] = defaultdict(set)
    for row in once(sales):
        sale = row.data
        if sale.sku is not None and sale.customer_id is not None:
            scans[row.station, sale.customer_id].add((row.time, sale.sku))
    found = []
    for (station, customer), those in sorted(scans.items()):
        if len(those) < SCANS:
            continue
        times = sorted(time for time, _ in those)
        for first, last in _dense(times, SCANS, SCANS_WITHIN_MS):
            found.append(
                {
                    "station_id": station,
                    "customer_id": customer,
                    "start": iso(times[first]),
                    "end": iso(times[last]),
                    "count": last - first + 1,
                }
            )
    return found


def missing_stock(stock: Stock, counts: list[Count], items: Iterable[Item]) -> list[Finding]:
    """Units that a count lacks although neither a sale nor a crime seen at a checkout took them.

    expected = count before - sales in (before, now]; unexplained = expected - count now - (articles avoided
    or switched away - articles only paid for in their place).
    """
    moments = stock.count_moments
    gone: list[Counter[str]] = [Counter() for _ in range(len(moments) + 1)]
    for item in items:
        interval = bisect_left(moments, item.time)
        if item.sold is not None:
            gone[interval][item.sold.sku] += 1
        if item.crime and item.read:
            gone[interval][item.product.sku] += 1
            if item.sold is not None:
                gone[interval][item.sold.sku] -= 1
    found = []
    for interval, (before, now) in enumerate(pairwise(counts), start=1):
        for sku, units in now.data.items():
            unexplained = before.data[sku] - gone[interval][sku] - units
            if unexplained > 0:
                found.append({"snapshot_time": iso(now.time), "sku": sku, "units": unexplained})
    return found


def once(rows: Iterable[Row[D]]) -> Iterator[Row[D]]:
    """Rows without those that were sent a second time."""
    seen: set[int] = set()
    for row in rows:
        if id(row) not in seen:
            seen.add(id(row))
            yield row


def _too_many(row: Row[Queue]) -> bool:
    return row.data.customer_count > MAX_CUSTOMERS


def _too_long(row: Row[Queue]) -> bool:
    return row.data.average_dwell_time > MAX_DWELL_S


def _over(rows: list[Row[Queue]], is_over: Callable[[Row[Queue]], bool], gap_ms: int) -> list[list[int]]:
    """Times of rows in a row that are over the limit, no further apart than the gap."""
    runs: list[list[int]] = []
    unbroken = False
    for row in rows:
        if not is_over(row):
            unbroken = False
            continue
        if unbroken and row.time - runs[-1][-1] <= gap_ms:
            runs[-1].append(row.time)
        else:
            runs.append([row.time])
        unbroken = True
    return runs


def _runs(times: list[int], gap_ms: int) -> list[list[int]]:
    runs: list[list[int]] = []
    for time in times:
        if runs and time - runs[-1][-1] <= gap_ms:
            runs[-1].append(time)
        else:
            runs.append([time])
    return runs


def _dense(times: list[int], number: int, within_ms: int) -> list[tuple[int, int]]:
    """Stretches (first, last index) in which each time is one of `number` in less than `within_ms`.

    Stretches that share a time are one.
    """
    stretches: list[tuple[int, int]] = []
    for last in range(number - 1, len(times)):
        first = last - number + 1
        if times[last] - times[first] < within_ms:
            if stretches and first <= stretches[-1][1]:
                stretches[-1] = (stretches[-1][0], last)
            else:
                stretches.append((first, last))
    return stretches


def _span(station: str, times: list[int]) -> Finding:
    return {"station_id": station, "start": iso(times[0]), "end": iso(times[-1]), "samples": len(times)}
