"""The bounds shared by the contracts of all streams.

Bounds keep one broken producer from filling memory or state keys. They are wide: a value beyond them is
a defect of its producer, not an unusual day in a shop.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MAX_ID_CHARS = 256
MAX_TEXT_CHARS = 64 * 1024
MAX_ENTRIES = 50_000

# Marks identifiers that producers also send as JSON integers (customer 17, a barcode out of a database
# column); the decoder turns those into their decimal string. Everything else keeps its JSON type.
INTEGER_ALLOWED = "integer_allowed"

# Marks objects that producers also send as the bare value of one of their fields, which it names.
SHORT_FOR = "short_for"

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS, extra={INTEGER_ALLOWED: True})]
"""An identifier. An integer is accepted and read as its decimal string."""

Label = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]
"""A short name that is never a number: a station, a place, an action."""

Name = Annotated[str, Meta(max_length=1024)]
"""A display name."""

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARS)]
"""The content of a code or a post."""

Timestamp = Annotated[str, Meta(max_length=64)] | int | float
"""A time as its producer wrote it; `guardian.events.times` reads it. Detectors use `Event.time`."""

Quantity = Annotated[int, Meta(ge=0, le=1_000_000_000)]
"""Units. A float without a fraction (5.0) is accepted and read as the integer."""

StockCount = Annotated[int, Meta(ge=-1_000_000_000, le=1_000_000_000)]
"""Units on the books, which run below zero when sales are booked before their delivery is."""

Price = Annotated[float, Meta(ge=0, le=1e9)]
"""An amount in the store's currency."""

Grams = Annotated[float, Meta(ge=0, le=1e8)]
Kilograms = Annotated[float, Meta(ge=0, le=1e8)]
Seconds = Annotated[float, Meta(ge=0, le=1e7)]

Share = Annotated[float, Meta(ge=0, le=1)]
"""A confidence between 0 and 1."""
