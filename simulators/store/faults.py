"""Who steals, and which sales and devices go wrong: the plan of what a correct system shall find.

A finding is only fair if the records tell it apart from every other story. Two of one article beside each
other, of which one is not paid for: which one was it? A tag that is not read, sold beside an article that
is not paid for: is it one item with the wrong barcode, or two items? Where no program could know, the
simulator would only be giving an opinion. So, unless `StoreConfig.ambiguous`:

- crimes at one station are a while apart from each other, save those of somebody who pays for nothing;
- beside a crime there is no honest unit of the same article, unless an article is avoided so closely before
  or after it that either answer is right to within the tolerance of 5 s;
- beside a crime a tag of the same article is never lost, and where any other is lost the camera is right;
- an article whose tag is lost and whose stock is counted just when it moves is not stolen.

Stolen articles whose own tag is not read cannot be found at the checkout (a camera alone, which is often
wrong, proves nothing). They are listed as undetectable, and the stock lacks them without explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import TypeVar

from simulators.store.catalogue import Catalogue
from simulators.store.chance import how_many
from simulators.store.config import StoreConfig
from simulators.store.customers import Item, Visit

T = TypeVar("T")

BESIDE_MS = 20_000
"""So near in time, two articles at a station may be mistaken for each other."""

_TWIN_MS = 3_500
_CHEAPER = 0.6


class Checkouts:
    """All items by station, in order of time."""

    def __init__(self, visits: Iterable[Visit]) -> None:
        self.items: dict[str, list[Item]] = {}
        for visit in visits:
            self.items.setdefault(visit.station, []).extend(visit.items)
        self._places: dict[int, int] = {}
        for items in self.items.values():
            items.sort(key=lambda item: item.time)
            for place, item in enumerate(items):
                self._places[id(item)] = place

    def __iter__(self) -> Iterator[Item]:
        for items in self.items.values():
            yield from items

    def beside(self, item: Item, within_ms: int = BESIDE_MS) -> list[Item]:
        """Other items at the same station at most so far away in time."""
        items = self.items[item.station]
        place = self._places[id(item)]
        first = place
        while first > 0 and item.time - items[first - 1].time <= within_ms:
            first -= 1
        last = place + 1
        while last < len(items) and items[last].time - item.time <= within_ms:
            last += 1
        return items[first:place] + items[place + 1 : last]


class Crimes:
    """Turns honest items into stolen ones, switched ones, and sales of an odd weight."""

    def __init__(
        self, config: StoreConfig, catalogue: Catalogue, visits: list[Visit], checkouts: Checkouts
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._visits = visits
        self._checkouts = checkouts
        self._station_hours = config.station_count * config.hours

    def plan(self, rng: Random) -> None:
        """Plans all of them, those that need most room first."""
        avoided = how_many(rng, self._config.avoided * self._station_hours)
        by_walkouts = round(avoided * self._config.walkout_share)
        avoided -= self._walk_out(rng, by_walkouts)
        items = [item for visit in self._visits if len(visit.items) >= 3 for item in visit.items[1:]]
        self._avoid(rng, items, avoided)
        self._switch(rng, items, how_many(rng, self._config.switched * self._station_hours))
        self._odd_weights(rng, how_many(rng, self._config.odd_weights * self._station_hours))

    def _walk_out(self, rng: Random, wanted: int) -> int:
        """Small baskets carried out without paying for anything. Returns how many items."""
        taken = 0
        for visit in _shuffled(rng, [visit for visit in self._visits if len(visit.items) <= 4]):
            if taken >= wanted:
                break
            loot = visit.items
            if len(loot) <= wanted - taken + 1 and all(self._fair(item, loot) for item in loot):
                for item in loot:
                    _avoid(item)
                taken += len(loot)
        return taken

    def _avoid(self, rng: Random, items: list[Item], wanted: int) -> None:
        for item in _shuffled(rng, items):
            if wanted <= 0:
                break
            if self._fair(item, ()):
                _avoid(item)
                wanted -= 1

    def _switch(self, rng: Random, items: list[Item], wanted: int) -> None:
        for item in _shuffled(rng, items):
            if wanted <= 0:
                break
            if not self._fair(item, (), twins=0):
                continue
            near = {other.product.sku for other in self._checkouts.beside(item)}
            cheaper = [
                product
                for product in self._catalogue.products
                if product.price <= _CHEAPER * item.product.price
                and (self._config.ambiguous or product.sku not in near)
            ]
            if not cheaper:
                continue
            label = rng.choice(cheaper)
            item.crime = "switched"
            item.sold = label
            if rng.random() >= self._config.switched_weighed_share:
                item.weight_g = label.weight_g
            wanted -= 1

    def _odd_weights(self, rng: Random, wanted: int) -> None:
        honest = [item for item in self._checkouts if item.sold is not None and not item.crime]
        for item in rng.sample(honest, min(wanted, len(honest))):
            off = rng.uniform(0.06, 0.14) if rng.random() < 0.3 else rng.uniform(0.16, 0.6)
            item.weight_g = round(item.product.weight_g * (1 + rng.choice((-1, 1)) * off), 1)

    def _fair(self, item: Item, accomplices: list[Item] | tuple[()], twins: int = 1) -> bool:
        """Whether a crime with this item could be told from every other story.

        accomplices: items of the same crime. twins: how many honest units of the article may be close by.
        """
        if item.crime or item.keyed or item.rapid:
            return False
        if self._config.ambiguous:
            return True
        for other in self._checkouts.beside(item):
            if other in accomplices:
                continue
            if other.crime:
                return False
            if other.product is item.product:
                twins -= 1
                if twins < 0 or other.keyed or abs(other.time - item.time) > _TWIN_MS:
                    return False
        return True


def _avoid(item: Item) -> None:
    item.crime = "avoided"
    item.sold = None


def _shuffled(rng: Random, things: list[T]) -> list[T]:
    return rng.sample(things, len(things))
