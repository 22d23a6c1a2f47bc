"""Errors as people and programs read them: problem documents of RFC 9457."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from flask import Response, request
from pydantic import BaseModel, Field, ValidationError

CONTENT_TYPE = "application/problem+json"
_TYPE = "/docs#problem-"


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457. `type` tells programs which problem it is, `detail` tells people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = Field(default_factory=list)


class Problem(Exception):
    """Ends a request with a problem document. May be raised anywhere in a view.

    kind: a short word for programs: "stale", "not-found". extra: further members of the document.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.extra = extra or {}

    def response(self) -> Response:
        """The document, as an answer to the present request."""
        document = {
            "type": _TYPE + self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "errors": [{"field": field, "message": message} for field, message in self.errors],
        }
        body = msgspec.json.encode(document | self.extra)
        return Response(body, self.status, self.headers, content_type=CONTENT_TYPE)


def not_found(what: str) -> Problem:
    """Also for what belongs to another site: that it exists is nobody else's business."""
    return Problem(404, "not-found", f"no such {what}")


def bad_value(field: str, message: str) -> Problem:
    """A field that cannot be used, found out after the shape of the request was checked."""
    return Problem(422, "validation", "the request cannot be used", [(field, message)])


def validation_response(error: ValidationError) -> Response:
    """What is wrong with each field. What was sent is not repeated."""
    found = [
        (".".join(map(str, one["loc"])) or "body", one["msg"])
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    return Problem(422, "validation", "the request cannot be used", found).response()
