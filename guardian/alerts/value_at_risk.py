"""What an alert is about in money, as far as the catalogue and the evidence tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardian.alerts.model import Alert
from guardian.events.catalogue import Catalogue

_ARTICLE: Final = ("product_id", "product_sku", "actual_sku", "sku")
_UNITS: Final = ("unexplained", "missing", "difference")


def value_at_risk(alert: Alert, catalogue: Catalogue) -> float | None:
    """In the catalogue's currency; None where nobody can tell.

    What was paid too little; else the price of the units that are missing; else of one of each article that
    the alert names.
    """
    evidence = alert.evidence
    if (less_paid := _number(evidence, "price_difference")) is not None:
        return max(0.0, less_paid)
    article = next((one for name in _ARTICLE if isinstance(one := evidence.get(name), str)), None)
    if article is not None:
        price = _number(evidence, "price")
        if price is None:
            price = _price(article, catalogue)
        if price is None:
            return None
        units = next((abs(n) for name in _UNITS if (n := _number(evidence, name)) is not None), 1.0)
        return round(price * units, 2)
    articles = evidence.get("product_ids")
    if not isinstance(articles, list):
        return None
    prices = [price for one in articles if (price := _price(str(one), catalogue)) is not None]
    return round(sum(prices), 2) if prices else None


def _price(article: str, catalogue: Catalogue) -> float | None:
    product = catalogue.get(article)
    return None if product is None else product.price


def _number(evidence: Mapping[str, Any], name: str) -> float | None:
    value = evidence.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
