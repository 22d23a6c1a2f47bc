"""The stock: what leaves it, what is delivered, what vanishes, and what the counts say.

Goods leave the stock when they pass the checkout, paid for or not. The stock system counts the true stock at
the true moment at which its own clock, which is off, shows the time it writes down.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from random import Random

import msgspec

from simulators.store.catalogue import Catalogue
from simulators.store.chance import how_many
from simulators.store.config import StoreConfig
from simulators.store.customers import Item
from simulators.store.records import Count

_FUZZY_MS = 4_000
_AWAY_MS = 3_000
_MAX_SHRINKAGE = 35
_UNITS = (1, 2, 3, 4, 5, 6, 8)
_UNITS_WEIGHTS = (35, 30, 15, 7, 5, 5, 3)
_TRIES = 300


class Change(msgspec.Struct, order=True):
    """The stock of a SKU changes by so many units, at a true moment in ms."""

    time: int
    sku: str
    units: int


class Stock:
    """The stock of one day."""

    def __init__(self, config: StoreConfig, ahead: int, items: Iterable[Item]) -> None:
        """ahead: ms that the stock system's clock is ahead."""
        self._config = config
        every = round(1000 * config.snapshot_every_s)
        self.count_times = list(range(config.opens_ms, config.closes_ms + 1, every))
        self.count_moments = [time - ahead for time in self.count_times]
        self._fuzzy_ms = _FUZZY_MS + round(1000 * config.max_skew_s)
        self.changes: list[Change] = []
        self._moves: dict[str, list[int]] = {}
        self._unclear: set[tuple[int, str]] = set()
        for item in items:
            self.changes.append(Change(item.time, item.product.sku, -1))
            self._moves.setdefault(item.product.sku, []).append(item.time)
            if item.sold is not None and item.sold is not item.product:
                self._moves.setdefault(item.sold.sku, []).append(item.time)
        for times in self._moves.values():
            times.sort()

    @property
    def units_leaving(self) -> dict[str, int]:
        """Units that leave through the checkouts, by SKU."""
        return Counter(change.sku for change in self.changes if change.units < 0)

    def may_vanish(self, item: Item) -> bool:
        """Whether the counts would clearly miss this item, were nothing known of it; notes that they will."""
        interval = bisect_left(self.count_moments, item.time)
        if not 0 < interval < len(self.count_moments):
            return False
        skus = {item.product.sku} if item.sold is None else {item.product.sku, item.sold.sku}
        own = any(abs(item.time - self.count_moments[i]) <= self._fuzzy_ms for i in (interval - 1, interval))
        if not self._config.ambiguous and (own or not all(self._clear(interval, sku) for sku in skus)):
            return False
        self._unclear |= {(interval, sku) for sku in skus}
        return True

    def _clear(self, interval: int, sku: str) -> bool:
        """Whether no other movement of the SKU is so near to a count that it may be on either side of it.

        interval: index of the count that ends it.
        """
        moves = self._moves.get(sku, [])
        for i in (interval - 1, interval):
            moment = self.count_moments[i]
            if bisect_right(moves, moment + self._fuzzy_ms) > bisect_left(moves, moment - self._fuzzy_ms):
                return False
        return True

    def deliver_and_shrink(self, catalogue: Catalogue, rng: Random) -> None:
        """Adds deliveries, and thefts from the shelf that no device sees."""
        config = self._config
        lost: Counter[str] = Counter()
        deliveries = how_many(rng, config.restocks * config.hours)
        thefts = how_many(rng, config.shrinkage * config.hours)
        for number in range(deliveries + thefts):
            for _ in range(_TRIES if len(self.count_moments) > 1 else 0):
                interval = rng.randrange(1, len(self.count_moments))
                sku = rng.choice(catalogue.products).sku
                if (interval, sku) in self._unclear or lost[sku] + max(_UNITS) > _MAX_SHRINKAGE:
                    continue
                if not config.ambiguous and not self._clear(interval, sku):
                    continue
                self._unclear.add((interval, sku))
                if number < deliveries:
                    units = 12 * rng.randint(2, 6)
                else:
                    units = -rng.choices(_UNITS, _UNITS_WEIGHTS)[0]
                    lost[sku] -= units
                start, end = self.count_moments[interval - 1], self.count_moments[interval]
                self.changes.append(Change(rng.randint(start + _AWAY_MS, end - _AWAY_MS), sku, units))
                break
        self.changes.sort()

    def counts(self, catalogue: Catalogue, prefix: str) -> list[Count]:
        """The snapshots, in order, their event ids beginning with `prefix`. Everything must have happened."""
        on_hand = {product.sku: product.quantity for product in catalogue.products}
        snapshots = []
        done = 0
        for number, (time, moment) in enumerate(zip(self.count_times, self.count_moments, strict=True)):
            while done < len(self.changes) and self.changes[done].time <= moment:
                on_hand[self.changes[done].sku] += self.changes[done].units
                done += 1
            event_id = f"{prefix}-stock-{number + 1}" if self._config.event_ids else None
            snapshots.append(Count(time, dict(on_hand), event_id))
        return snapshots
