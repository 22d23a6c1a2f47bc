"""How many customers are at a station, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import msgspec

from simulators.store.chance import how_many
from simulators.store.config import StoreConfig
from simulators.store.customers import Visit
from simulators.store.devices import QUEUE, Station
from simulators.store.records import READ_ERROR, Queue, Row

MAX_CUSTOMERS = 5
"""More are too many."""

MAX_DWELL_S = 120.0
"""More is too long."""

_AROUND_MS = 15_000
_MAX_WAITING = 3
_NOBODY = Queue(0, 0.0)


class Rush(msgspec.Struct):
    """An episode at a station, true ms. kind: "queue" (too many), "wait" (too long), "near" (just not)."""

    kind: str
    start: int
    end: int
    slow: bool


def plan_rushes(config: StoreConfig, rng: Random) -> dict[str, list[Rush]]:
    """Episodes by station."""
    rushes: dict[str, list[Rush]] = {station: [] for station in config.stations}
    station_hours = config.station_count * config.hours
    for kind, rate, shortest, longest in (
        ("queue", config.long_queues, 30_000, 240_000),
        ("wait", config.long_waits, 20_000, 180_000),
        ("near", config.near_misses, 20_000, 120_000),
    ):
        for _ in range(how_many(rng, rate * station_hours)):
            length = rng.randint(shortest, longest)
            start = rng.randint(config.opens_ms, max(config.opens_ms, config.closes_ms - length))
            rush = Rush(kind, start, start + length, slow=rng.random() < 0.3)
            rushes[rng.choice(config.stations)].append(rush)
    return rushes


def watch_queue(
    config: StoreConfig,
    station: Station,
    visits: Iterable[Visit],
    rushes: list[Rush],
    ahead: int,
    rng: Random,
) -> list[Row[Queue]]:
    """What the queue monitor of a station reports: those who are served, and some who wait behind them."""
    chance, name = rng.random, station.name
    ticks = station.ticks(QUEUE)
    served = _served(config, visits)
    slot_ms = round(1000 * config.sample_every_s)
    rows = []
    waiting, dwell = 0, 20.0
    for time, status in ticks:
        shift = chance()
        if shift < 0.06:
            waiting = max(0, waiting - 1)
        elif shift > 0.95:
            waiting = min(_MAX_WAITING, waiting + 1)
        slot = (time - config.opens_ms) // slot_ms
        count = served[slot] + waiting
        if count > MAX_CUSTOMERS:
            count = MAX_CUSTOMERS
        dwell += 0.2 * (10.0 + 16.0 * count - dwell) + 16.0 * (chance() - 0.5)
        dwell = 3.0 if dwell < 3.0 else 110.0 if dwell > 110.0 else dwell
        state = Queue(count, round(dwell, 1)) if count else _NOBODY
        for rush in rushes:
            if rush.start <= time <= rush.end:
                state = _rushed(rush, state, rng)
        rows.append(Row(time + ahead, name, status, _NOBODY if status == READ_ERROR else state))
    return rows


def _served(config: StoreConfig, visits: Iterable[Visit]) -> list[int]:
    """Customers at the station, for each slot of the day."""
    slot_ms = round(1000 * config.sample_every_s)
    slots = (config.closes_ms - config.opens_ms) // slot_ms + 2
    change = [0] * (slots + 1)
    for visit in visits:
        first = max(0, (visit.start - _AROUND_MS - config.opens_ms) // slot_ms)
        last = min(slots, (visit.end + _AROUND_MS - config.opens_ms) // slot_ms + 1)
        change[first] += 1
        change[last] -= 1
    served, now = [], 0
    for one in change:
        now += one
        served.append(now)
    return served


def _rushed(rush: Rush, state: Queue, rng: Random) -> Queue:
    if rush.kind == "queue":
        count = MAX_CUSTOMERS if rng.random() < 0.04 else rng.randint(MAX_CUSTOMERS + 1, MAX_CUSTOMERS + 6)
        dwell = rng.uniform(121, 200) if rush.slow else rng.uniform(60, 118)
        return Queue(count, round(dwell, 1))
    if rush.kind == "wait":
        dwell = MAX_DWELL_S if rng.random() < 0.05 else rng.uniform(121, 280)
        return Queue(max(state.customer_count, rng.randint(2, 4)), round(dwell, 1))
    if state.customer_count > MAX_CUSTOMERS or state.average_dwell_time > MAX_DWELL_S:
        return state
    return Queue(MAX_CUSTOMERS, MAX_DWELL_S if rng.random() < 0.3 else round(rng.uniform(80, 119), 1))
