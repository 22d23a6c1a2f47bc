"""What the models of query parameters have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import BaseModel


class Parameters(BaseModel):
    """Query parameters.

    With every request flask-openapi3 asks for their schema, which takes longer to make than most answers, and
    never changes.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """As pydantic makes it, once for each way of asking. Not to be changed by the caller."""
        return _schema(super().model_json_schema, *args, **options)


@cache
def _schema(make: Callable[..., dict[str, Any]], *args: Any, **options: Any) -> dict[str, Any]:
    return make(*args, **options)
