"""Customers: when they come, what is in their baskets, how they scan it. All of them honest, so far."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec

from simulators.store.catalogue import Catalogue, Product
from simulators.store.chance import how_many
from simulators.store.config import MAX_SCAN_GAP_S, StoreConfig
from simulators.store.crashes import MARGIN_MS, Crashes

_FIRST_CUSTOMER_MS = 15_000
_LAST_SCAN_MS = 20_000
_PATIENCE_MS = 600_000


class Item(msgspec.Struct, eq=False):
    """One unit passing a checkout.

    time: true ms of its scan, or of its passing by. product: what it is. sold: what is paid for, None if
    nothing is. weight_g: as the sale says. keyed: sold at the same instant as others of its kind.
    rapid: scanned inhumanly fast. crime: "avoided" or "switched", empty if honest. epc: serial of its tag.
    read: whether its tag is read. seen_as: what the camera takes it for. sure: the camera's confidence, 0
    to 1.
    """

    time: int
    station: str
    customer: str
    product: Product
    sold: Product | None
    weight_g: float
    keyed: bool = False
    rapid: bool = False
    crime: str = ""
    epc: str = ""
    read: bool = True
    seen_as: Product | None = None
    sure: float = 0.0


class Visit(msgspec.Struct, eq=False):
    """A customer at a station, from the first scan to the last; true ms. Never without items."""

    station: str
    items: list[Item]

    @property
    def start(self) -> int:
        """The first scan."""
        return self.items[0].time

    @property
    def end(self) -> int:
        """The last scan."""
        return self.items[-1].time


def plan_visits(
    config: StoreConfig, catalogue: Catalogue, crashes: dict[str, Crashes], rng: Random
) -> list[Visit]:
    """All visits in order of their first scan."""
    visits: list[Visit] = []
    for station in config.stations:
        visits += _at_station(config, catalogue, station, crashes[station], rng)
    visits.sort(key=lambda visit: (visit.start, visit.station))
    digits = max(4, len(str(len(visits))))
    for number, visit in enumerate(visits, start=1):
        for item in visit.items:
            item.customer = f"C{number:0{digits}}"
    return visits


def _at_station(
    config: StoreConfig, catalogue: Catalogue, station: str, crashes: Crashes, rng: Random
) -> list[Visit]:
    visits: list[Visit] = []
    hourly = config.customers_per_hour / config.station_count
    if hourly <= 0:
        return visits
    arrival = float(config.opens_ms + _FIRST_CUSTOMER_MS)
    free = 0
    last = config.closes_ms - _LAST_SCAN_MS
    while True:
        arrival += rng.expovariate(hourly) * 3_600_000
        if arrival >= last:
            return visits
        start = max(round(arrival), free)
        if start - arrival > _PATIENCE_MS:
            continue
        items = _scan(config, catalogue, station, start, crashes, rng)
        while items and items[-1].time > last:
            items.pop()
        if not items:
            continue
        visit = Visit(station, items)
        visits.append(visit)
        if rng.random() < config.shared_share:
            free = max(visit.start + 3_000, visit.end - rng.randint(5_000, 40_000))
        else:
            free = visit.end + rng.randint(8_000, 25_000)


def _scan(
    config: StoreConfig, catalogue: Catalogue, station: str, start: int, crashes: Crashes, rng: Random
) -> list[Item]:
    """A basket, article by article, waiting while the station is down."""
    left = min(config.basket_max, 1 + int(rng.expovariate(1 / config.basket_mean)))
    keyed_share = config.keyed_share * (2 if station == "RC1" else 1)
    low, high = config.scan_gap_s
    items: list[Item] = []
    time = start
    for product in catalogue.pick(rng, left):
        if left <= 0:
            break
        units = min(left, rng.randint(2, 4)) if rng.random() < config.several_share else 1
        left -= units
        keyed = units > 1 and rng.random() < keyed_share
        for unit in range(units):
            if not keyed or unit == 0:
                up_again = crashes.down_until(time, MARGIN_MS)
                if up_again is not None:
                    time = up_again + MARGIN_MS + rng.randint(1_000, 20_000)
            weight = product.weight_g * (1 + rng.uniform(-1, 1) * config.weight_noise)
            items.append(Item(time, station, "", product, product, round(weight, 1), keyed))
            if not keyed:
                time += round(1000 * rng.uniform(low, high))
        if keyed:
            time += round(1000 * rng.uniform(low, high))
    return items


def hurry(visits: list[Visit], config: StoreConfig, rng: Random) -> None:
    """Makes a few customers' articles go over the scanner inhumanly fast, 4 to 8 in a row."""
    wanted = how_many(rng, config.rapid * config.hours * config.station_count)
    for visit in rng.sample(visits, len(visits)):
        if wanted <= 0:
            return
        items = visit.items
        length = rng.randint(4, 8)
        first = rng.randint(0, max(0, len(items) - length))
        fast = items[first : first + length]
        if len(fast) < length or any(item.keyed for item in fast):
            continue
        if any(after.time - item.time > MAX_SCAN_GAP_S * 1000 for item, after in pairwise(items)):
            continue  # the station was down meanwhile; times stay as they are
        time = fast[0].time
        saved = fast[-1].time
        for item in fast[1:]:
            time += rng.randint(300, 1_100)
            item.time = time
        saved -= time
        for item in fast:
            item.rapid = True
        for item in items[first + length :]:
            item.time -= saved
        wanted -= 1
