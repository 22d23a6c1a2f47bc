"""What the name of a location says: which site it is in, and whether goods only pass through it."""

from __future__ import annotations

from functools import lru_cache

SEPARATOR = "/"
"""Parts the site from the place in it: "WH1/A-12"."""

PASSAGE = ("dock", "pack", "receiving", "staging", "gate", "return", "transit", "dispatch")
"""Words in the name of a place that goods only pass through."""


def site_of(location: str) -> str:
    """The site of a location: what stands before the first "/"; "" is the site this engine watches."""
    site, separator, _ = location.partition(SEPARATOR)
    return site if separator else ""


@lru_cache(maxsize=16_384)
def is_passage(location: str) -> bool:
    """Whether goods are at this place only on their way: a dock, a packing table."""
    place = location.rpartition(SEPARATOR)[2].casefold()
    return any(word in place for word in PASSAGE)
