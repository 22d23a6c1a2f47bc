"""What is known of alert types and articles, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel


class CatalogueItem(BaseModel):
    """titles: of alert types, for people. prices: of articles, where known, in the catalogue's currency."""

    titles: dict[str, str]
    prices: dict[str, float]
