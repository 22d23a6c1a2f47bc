"""What makes of a stored alert one that is told: for pages that watch the store themselves."""

from __future__ import annotations

from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.alert_items import title
from cloud_run.api.answers import answer, answers, resource
from cloud_run.api.models.catalogue import CatalogueItem
from cloud_run.api.parts import Parts
from guardian.detectors.registry import REGISTRY
from guardian.events.catalogue import Catalogue


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `catalogue`."""
    item = catalogue_item(parts.catalogue)
    api = resource("catalogue", "Alert types and articles.")

    @api.get("/catalogue", summary="Titles and prices", responses=answers(CatalogueItem))
    def catalogue() -> Response:
        return answer(item)

    app.register_api(api)


def catalogue_item(catalogue: Catalogue) -> CatalogueItem:
    """What is known of every alert type, and of these articles."""
    return CatalogueItem(
        titles={type_: title(type_) for type_ in REGISTRY},
        prices={product.sku: product.price for product in catalogue if product.price is not None},
    )
