"""The warehouse as scenarios and everyday work find it: goods, people, labels, and the journal."""

from __future__ import annotations

from random import Random

from simulators.store.chance import Chance
from simulators.warehouse.articles import Article, stock_up
from simulators.warehouse.config import WarehouseConfig
from simulators.warehouse.journal import Journal
from simulators.warehouse.labels import LabelPrinter
from simulators.warehouse.people import Employee, Staff
from simulators.warehouse.stock import Shelf

_BUSY_MS = 240_000


class Site:
    """One warehouse.

    printer: makes labels. journal: what happens.
    """

    def __init__(self, config: WarehouseConfig, chance: Chance) -> None:
        self.config = config
        self.chance = chance
        self.articles = stock_up(config, chance.about("articles"))
        self.staff = Staff(config)
        self.printer = LabelPrinter(config, chance.about("labels"))
        self.journal = Journal(self.articles, config.unflagged_share, chance.about("journal"))
        self._shipments = 0

    def shelf(self, article: Article) -> Shelf:
        """The shelf of an article."""
        return self.journal.shelves[article.product_id]

    def reserve(self, article: Article, time: int) -> bool:
        """Takes an article's shelf for a movement around a moment.

        False if somebody else is busy there, or a scenario has it for itself by then.
        """
        shelf = self.shelf(article)
        return shelf.is_open(time) and shelf.reserve(time - _BUSY_MS // 2, time + _BUSY_MS // 2)

    def new_shipment(self) -> str:
        """The id of a shipment that there was not before."""
        self._shipments += 1
        return f"SHP-{self.config.starts.replace('-', '')[2:]}-{self._shipments:05}"

    def on_duty(self, time: int, rng: Random) -> Employee:
        """Somebody whose shift it is."""
        return self.staff.on_duty(time, rng)
