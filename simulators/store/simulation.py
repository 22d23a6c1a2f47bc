"""Puts a store's day together: plan what happens, let the devices see it, say what is to be found."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from simulators.store import truth
from simulators.store.catalogue import Catalogue
from simulators.store.chance import Chance
from simulators.store.config import StoreConfig
from simulators.store.crashes import plan_crashes
from simulators.store.customers import Visit, hurry, plan_visits
from simulators.store.day import StoreDay
from simulators.store.devices import (
    QUEUE,
    Clocks,
    Delivery,
    Station,
    draw_lapses,
    id_prefix,
    plan_read_errors,
)
from simulators.store.faults import Checkouts, Crimes
from simulators.store.queues import plan_rushes, watch_queue
from simulators.store.records import Count, Queue, Row, Sale, Tag, View
from simulators.store.stock import Stock


def simulate_store(config: StoreConfig, seed: int) -> StoreDay:
    """A day in the store. The same configuration and seed give the same day, byte for byte."""
    with _no_collection():
        return _simulate(config, Chance(seed), seed)


def _simulate(config: StoreConfig, chance: Chance, seed: int) -> StoreDay:
    # What happens.
    catalogue = Catalogue(chance.about("catalogue"))
    crashes = plan_crashes(config, chance.about("crashes"))
    visits = plan_visits(config, catalogue, crashes, chance.about("customers"))
    hurry(visits, config, chance.about("rapid"))
    checkouts = Checkouts(visits)
    Crimes(config, catalogue, visits, checkouts).plan(chance.about("crimes"))

    # Where it leaves the stock.
    clocks = Clocks(config, chance.about("clocks"))
    stock = Stock(config, clocks.stock, checkouts)
    catalogue.stock_up(chance.about("stock"), stock.units_leaving)
    _tag(catalogue, checkouts, chance.about("tags"))
    draw_lapses(config, catalogue, checkouts, stock.may_vanish, chance.about("lapses"))
    stock.deliver_and_shrink(catalogue, chance.about("shrinkage"))
    counts = stock.counts(catalogue, id_prefix(config, seed))

    # What the devices make of it.
    errors = plan_read_errors(config, chance.about("errors"))
    rushes = plan_rushes(config, chance.about("rushes"))
    visits_at: dict[str, list[Visit]] = {}
    for visit in visits:
        visits_at.setdefault(visit.station, []).append(visit)
    sales: list[Row[Sale]] = []
    reads: list[Row[Tag]] = []
    samples: list[Row[Queue]] = []
    views: list[Row[View]] = []
    for name in config.stations:
        rng = chance.about(f"station {name}")
        station = Station(config, name, clocks, crashes[name], errors, rng)
        items = checkouts.items.get(name, [])
        sales += station.sales(items)
        reads += station.reads(items)
        views += station.views(items)
        ahead = clocks.of(name, QUEUE)
        samples += watch_queue(config, station, visits_at.get(name, []), rushes[name], ahead, rng)
    delivery = Delivery(config, seed, chance.about("delivery"))
    sales = delivery.deliver(sales, "pos", resend=True)
    reads = delivery.deliver(reads, "rfid", resend=False)
    samples = delivery.deliver(samples, "queue", resend=True)
    views = delivery.deliver(views, "camera", resend=False)

    avoided, switched, undetectable = truth.crimes(checkouts, clocks)
    long_queues, long_waits = truth.queues(samples, config.sample_every_s)
    expected = {
        "scanner_avoidance": avoided,
        "barcode_switching": switched,
        "weight_discrepancy": truth.odd_weights(sales, catalogue),
        "system_crash": truth.crashes(reads, config.sample_every_s),
        "long_queue": long_queues,
        "long_wait": long_waits,
        "inventory_unexplained": truth.missing_stock(stock, counts, checkouts),
        "read_errors": truth.read_errors([*sales, *reads, *samples, *views]),
        "rapid_transactions": truth.rapid_transactions(sales),
        "undetectable": undetectable,
    }
    streams: dict[str, Sequence[Row[Any] | Count]] = {
        "pos_transactions": sales,
        "rfid_readings": reads,
        "queue_monitoring": samples,
        "product_recognition": views,
        "inventory_snapshots": counts,
    }
    return StoreDay(config, seed, catalogue.products, streams, expected, clocks.ahead_ms)


def _tag(catalogue: Catalogue, checkouts: Checkouts, rng: Random) -> None:
    """Gives every unit that leaves a tag of its own, from its article's range."""
    units = {
        product.sku: rng.sample(range(product.quantity), product.quantity) for product in catalogue.products
    }
    for item in checkouts:
        item.epc = item.product.epc(units[item.product.sku].pop())


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of small objects that all stay: looking for garbage among them would double the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
