"""The places of the warehouse."""

from __future__ import annotations

from itertools import product
from string import ascii_uppercase

SITE = "WH1"
OTHER_SITE = "WH2"

DOCKS = tuple(f"{SITE}/DOCK-{number}" for number in range(1, 5))
PACKING = f"{SITE}/PACK-1"
RECEIVING = f"{SITE}/RECEIVING-1"
OFFICE = f"{SITE}/OFFICE"
TRANSIT = f"{SITE}/TRANSIT"
"""Where the books keep goods that are on a truck."""

ENTRANCE = f"{SITE}/ENTRANCE"

PASSAGES = frozenset({*DOCKS, PACKING, RECEIVING, TRANSIT, f"{OTHER_SITE}/DOCK-1"})
"""Places that goods only pass through, so that any label may turn up there."""

SHELVES_PER_AISLE = 20

WALK_MS = 180_000
"""Nobody carries goods from one place to another in less."""


def aisle(number: int) -> str:
    """Name of the aisle that the shelf of this number, from 0, is in: A to Z, AA, AB, …"""
    rest = number // SHELVES_PER_AISLE + 1
    name = ""
    while rest:
        rest, letter = divmod(rest - 1, len(ascii_uppercase))
        name = ascii_uppercase[letter] + name
    return name


def shelf(number: int) -> str:
    """Location of a shelf, by number from 0: "WH1/A-01"."""
    return f"{SITE}/{aisle(number)}-{number % SHELVES_PER_AISLE + 1:02}"


def site_of(location: str) -> str:
    """The site that a location is in."""
    return location.partition("/")[0]


def other_shelves() -> list[str]:
    """Shelves of the other site."""
    return [f"{OTHER_SITE}/{name}-{number:02}" for name, number in product("ABC", range(1, 13))]
