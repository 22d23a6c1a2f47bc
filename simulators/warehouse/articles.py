"""What lies in the warehouse. All names are invented."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from random import Random

import msgspec

from simulators.warehouse import places
from simulators.warehouse.config import WarehouseConfig

_MAKERS = ("Auralis", "Brightwell", "Cindermoor", "Dunmere", "Elsinor", "Fairlock", "Glimworth", "Halden")
_GOODS = (
    ("Phone 6.1", 62_000),
    ("Tablet 10", 41_000),
    ("Notebook 14", 98_000),
    ("Smart Watch", 27_500),
    ("Headphones", 18_900),
    ("Wireless Speaker", 14_500),
    ("Action Camera", 33_000),
    ("Mirrorless Camera", 112_000),
    ("E-Reader", 15_900),
    ("Game Console", 49_900),
    ("Controller", 6_900),
    ("Network Router", 8_900),
    ("Memory Kit 32GB", 9_900),
    ("Solid State Disk 2TB", 16_900),
    ("Graphics Card", 79_000),
    ("Monitor 27", 31_000),
    ("Soundbar", 22_000),
    ("Power Bank", 4_500),
    ("Projector", 45_000),
    ("Drone", 69_000),
)
_EPC_FIRST = 0x30AB00000000000000000001
_EPC_GAP = 1024


class Article(msgspec.Struct, frozen=True, gc=False):
    """An article, which lies on one shelf.

    number: from 0. shelf: its location. weight_g: grams a unit. quantity: units at the very beginning.
    epc_first: serial of its first unit's tag, the others follow.
    """

    number: int
    product_id: str
    name: str
    shelf: str
    barcode: str
    weight_g: float
    price: float
    quantity: int
    epc_first: int

    @property
    def gtin(self) -> str | None:
        """Its number in GS1's codes. Every third article has none."""
        return f"0{self.barcode}" if self.number % 3 else None

    def epc(self, unit: int) -> str:
        """The serial of a unit's tag, counted from 0."""
        return f"{self.epc_first + unit:024X}"


def stock_up(config: WarehouseConfig, rng: Random) -> list[Article]:
    """The articles of a warehouse, in the order of their shelves."""
    low, high = config.units
    lightest, heaviest = (round(1000 * kilograms) for kilograms in config.unit_weight_kg)
    articles = []
    serial = _EPC_FIRST
    for number in range(config.products):
        goods, price = _GOODS[number % len(_GOODS)]
        maker = _MAKERS[number // len(_GOODS) % len(_MAKERS)]
        quantity = rng.randint(low, high)
        # Most goods are light, few are heavy.
        weight = round(lightest * (heaviest / lightest) ** rng.random())
        articles.append(
            Article(
                number,
                f"P-{number + 1:04}",
                f"{maker} {goods}, Series {number + 1}",
                places.shelf(number),
                _barcode(number + 1),
                float(weight),
                float(round(price * rng.uniform(0.7, 1.4), -2)),
                quantity,
                serial,
            )
        )
        serial += quantity + _EPC_GAP
    return articles


def _barcode(number: int) -> str:
    """An EAN-13 of the range that businesses use for themselves."""
    digits = f"28{number * 7919:010}"
    odd = sum(int(digit) for digit in digits[0::2])
    even = sum(int(digit) for digit in digits[1::2])
    return f"{digits}{-(odd + 3 * even) % 10}"


def products_csv(articles: Iterable[Article]) -> str:
    """The product list, in the same form as a store's."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("SKU", "product_name", "quantity", "EPC_range", "barcode", "weight", "price"))
    for article in articles:
        serials = f"{article.epc(0)}-{article.epc(article.quantity - 1)}"
        row = (article.product_id, article.name, article.quantity, serials, article.barcode)
        table.writerow((*row, f"{article.weight_g:g}", f"{article.price:g}"))
    return text.getvalue()
