"""What the store sells. All names are invented."""

from __future__ import annotations

from itertools import accumulate
from random import Random

import msgspec

_ARTICLES = (
    # name, grams, price
    ("Alderbrook Wholegrain Loaf (500g)", 500, 320),
    ("Alderbrook Butter Rolls (6 x 40g)", 240, 260),
    ("Tumbledown Oat Biscuits (180g)", 180, 240),
    ("Tumbledown Ginger Nuts (200g)", 200, 210),
    ("Larkfield Whole Milk (1L)", 1030, 290),
    ("Larkfield Salted Butter (250g)", 250, 690),
    ("Larkfield Plain Yoghurt (150g)", 150, 110),
    ("Moor & Vale Cheddar (350g)", 350, 1150),
    ("Moor & Vale Soft Cheese (200g)", 200, 640),
    ("Henfold Free-range Eggs (10)", 620, 560),
    ("Copperkettle Black Tea, Loose (200g)", 200, 780),
    ("Copperkettle Green Tea (50 bags)", 110, 820),
    ("Night Owl Ground Coffee (250g)", 250, 1490),
    ("Night Owl Instant Coffee (100g)", 100, 1290),
    ("Fizzgig Cola (1.5L)", 1560, 310),
    ("Fizzgig Lemonade (500ml)", 520, 150),
    ("Stillwell Spring Water (1L)", 1005, 90),
    ("Sunny Lane Orange Juice (1L)", 1040, 540),
    ("Sunny Lane Apple Juice (200ml)", 210, 120),
    ("Goldacre Basmati Rice (5kg)", 5000, 2450),
    ("Goldacre Red Lentils (500g)", 500, 430),
    ("Goldacre Chickpeas (400g)", 400, 190),
    ("Millrace Plain Flour (1kg)", 1000, 240),
    ("Millrace Brown Sugar (500g)", 500, 270),
    ("Pennybun Spaghetti (500g)", 500, 220),
    ("Pennybun Tomato Sauce (350g)", 350, 380),
    ("Saltmarsh Sea Salt (250g)", 250, 160),
    ("Saltmarsh Tuna in Brine (160g)", 160, 420),
    ("Saltmarsh Smoked Salmon (100g)", 100, 1690),
    ("Olivar Extra Virgin Oil (750ml)", 1120, 2890),
    ("Hedgerow Strawberry Jam (340g)", 340, 470),
    ("Hedgerow Forest Honey (500g)", 500, 1780),
    ("Crispin Potato Crisps (150g)", 150, 330),
    ("Crispin Roasted Peanuts (200g)", 200, 360),
    ("Bittersweet Dark Chocolate (100g)", 100, 450),
    ("Bittersweet Praline Box (400g)", 400, 2350),
    ("Chewly Spearmint Gum (14g)", 14, 60),
    ("Chewly Fruit Drops (75g)", 75, 130),
    ("Frostholm Vanilla Ice Cream (1L)", 560, 890),
    ("Frostholm Garden Peas (750g)", 750, 410),
    ("Frostholm Fish Fingers (300g)", 300, 740),
    ("Butcher's Row Minced Beef (500g)", 500, 1590),
    ("Butcher's Row Chicken Breast (600g)", 600, 1390),
    ("Butcher's Row Ribeye Steak (300g)", 300, 3290),
    ("Greengate Bananas (1kg)", 1000, 280),
    ("Greengate Tomatoes (500g)", 500, 340),
    ("Greengate Carrots (1kg)", 1000, 170),
    ("Greengate Avocado (each)", 180, 230),
    ("Brightside Washing-up Liquid (500ml)", 530, 290),
    ("Brightside Laundry Powder (2kg)", 2000, 1870),
    ("Softcloud Tissues (100)", 160, 180),
    ("Softcloud Toilet Paper (8)", 880, 690),
    ("Mintwell Toothpaste (75ml)", 110, 340),
    ("Mintwell Electric Brush Heads (4)", 60, 3450),
    ("Velvetine Hand Cream (100ml)", 120, 620),
    ("Velvetine Eau de Toilette (50ml)", 190, 5900),
    ("Keenedge Razor Blades (8)", 70, 4200),
    ("Voltari AA Batteries (8)", 190, 1250),
    ("Voltari Memory Card (64GB)", 25, 3990),
    ("Tinyfoot Nappies (40)", 1400, 2690),
)

_RANGE_GAP = 16


class Product(msgspec.Struct):
    """An article. weight_g: grams a unit. price: in the store's currency.

    quantity: units on hand at opening. epc_first: serial of its first unit's tag, the others follow.
    epc_digits: hexadecimal digits of a serial.
    """

    sku: str
    name: str
    barcode: str
    weight_g: float
    price: float
    quantity: int = 0
    epc_first: int = 0
    epc_digits: int = 24

    def epc(self, unit: int) -> str:
        """The serial of a unit, counted from 0."""
        return f"{self.epc_first + unit:0{self.epc_digits}X}"


class Catalogue:
    """The articles, and how often customers pick each: a few very often, most now and then."""

    def __init__(self, rng: Random) -> None:
        self.products = [
            Product(f"ART_{number:03}", name, _barcode(number), float(grams), float(price))
            for number, (name, grams, price) in enumerate(_ARTICLES, start=1)
        ]
        ranks = list(range(len(self.products)))
        rng.shuffle(ranks)
        self._weights = list(accumulate(1 / (rank + 3) ** 1.1 for rank in ranks))
        self._digits = rng.choice((24, 25))
        self._prefix = (0x30 << 4 * (self._digits - 2)) + (rng.randrange(16**6) << 4 * (self._digits - 12))

    def pick(self, rng: Random, count: int) -> list[Product]:
        """So many picks by customers, the same article possibly several times."""
        return rng.choices(self.products, cum_weights=self._weights, k=count)

    def stock_up(self, rng: Random, units_leaving: dict[str, int]) -> None:
        """Fixes stock and tag serials, so that no article runs out. units_leaving: by SKU, over the day."""
        serial = self._prefix + 1
        for product in self.products:
            product.quantity = units_leaving.get(product.sku, 0) + 10 * rng.randint(4, 15)
            product.epc_first = serial
            product.epc_digits = self._digits
            serial += product.quantity + _RANGE_GAP


def _barcode(number: int) -> str:
    """An EAN-13 of the range that shops use for themselves."""
    digits = f"29{number * 7919:010}"
    odd = sum(int(digit) for digit in digits[0::2])
    even = sum(int(digit) for digit in digits[1::2])
    return f"{digits}{-(odd + 3 * even) % 10}"
