"""Answers of resources, and how they are described."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel

from cloud_run.api.problems import CONTENT_TYPE
from cloud_run.api.security import API

_SECURITY: list[dict[str, list[Any]]] = [{"bearer": []}]
_PROBLEM = {"content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}}


def resource(name: str, about: str, *, public: bool = False) -> APIBlueprint:
    """A group of endpoints below /api/v1. public: its endpoints say for themselves who may ask."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=API,
        abp_tags=[Tag(name=name, description=about)],
        abp_security=[] if public else _SECURITY,
    )


def answers(model: type[BaseModel] | None, *problems: int, status: int = 200) -> dict[Any, Any]:
    """The answers of an endpoint: what it gives, and with which statuses it may refuse.

    401, 403 and 422 need not be said: they are there for every endpoint.
    """
    refused = {code: dict(_PROBLEM) for code in (401, 403, 422, 503, *problems)}
    return {status: model, **refused}


def answer(content: BaseModel | dict[str, Any], status: int = 200, **headers: str) -> Response:
    """An answer in JSON. Headers: with _ for -."""
    body = (
        content.model_dump_json().encode() if isinstance(content, BaseModel) else msgspec.json.encode(content)
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, named, content_type="application/json")


def iso(ms: int) -> str:
    """A time as the API tells it: ISO-8601, UTC, milliseconds, Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
