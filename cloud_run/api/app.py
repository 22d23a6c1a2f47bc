"""The operator's API as a Flask app: its resources, their description, and what is around them."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from typing import Final

import structlog
from flask import Flask, Response, g, request
from flask_openapi3 import Info, OpenAPI
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from cloud_run.api import pages
from cloud_run.api.firebase import firebase_addresses
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem, ProblemDocument, validation_response
from cloud_run.api.resources import (
    alerts,
    analytics,
    audit,
    auth,
    catalogue,
    inventory,
    people,
    qr,
    reports,
    stations,
    status,
    stream,
    users,
)
from cloud_run.api.security import protect
from cloud_run.serving.health import Probe, asked_from_this_machine
from guardian.desk_ports import StoreUnavailableError

RESOURCES: Final[tuple[Callable[[OpenAPI, Parts], None], ...]] = (
    auth.register,
    users.register,
    people.register,
    alerts.register,
    audit.register,
    stream.register,
    catalogue.register,
    qr.register,
    inventory.register,
    stations.register,
    analytics.register,
    reports.register,
    status.register,
)
"""What the API consists of. See cloud_run/api/resources."""

MAX_BODY_BYTES: Final = 6 << 20
"""Bytes in the largest request: a photo of a code."""

log = structlog.get_logger("api")


def create_app(parts: Parts) -> OpenAPI:
    """The app. It starts nothing, and closes nothing of its parts."""
    app = OpenAPI(
        "api",
        info=Info(
            title="Business Guardian",
            version=version(),
            description="Alerts, stock, stations and product codes, for operators and programs.",
        ),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        validation_error_model=ProblemDocument,
        validation_error_callback=validation_response,
        doc_ui=False,
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    if hops := parts.settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(lambda response: _count(parts, response))
    protect(app, parts.authenticator, firebase_addresses(parts.settings.firebase))
    for register in RESOURCES:
        register(app, parts)
    pages.register(app, parts.settings.dashboard)
    _register_probes(app, parts)
    app.register_error_handler(Problem, lambda problem: problem.response())
    app.register_error_handler(StoreUnavailableError, _store_unavailable)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)
    return app


def version() -> str:
    """The product's version."""
    return importlib.metadata.version("business-guardian")


def _register_probes(app: Flask, parts: Parts) -> None:
    probe = Probe(parts.desk.reachable)

    def healthz() -> Response:
        return Response(status=204)

    def readyz() -> Response:
        return Response(status=204 if probe.reachable() else 503)

    def metrics() -> Response:
        # For a collector beside us in the same container or on the same machine.
        if not asked_from_this_machine():
            raise Problem(403, "forbidden", "metrics are for this machine only")
        return Response(parts.metrics.text(), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)


def _begin() -> None:
    g.began = time.perf_counter()


def _count(parts: Parts, response: Response) -> Response:
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    parts.metrics.request(request.endpoint or "other", response.status_code, seconds)
    if (reason := g.get("refused")) is not None:
        log.warning("unauthenticated", reason=reason, endpoint=request.endpoint)
    return response


def _store_unavailable(error: StoreUnavailableError) -> Response:
    log.warning("store_unavailable", reason=str(error), endpoint=request.endpoint)
    return Problem(503, "store-unavailable", "the store does not answer: try again").response()


def _refused(error: HTTPException) -> Response:
    """Flask's own errors. Its redirects and the answers it was given stay what they are."""
    if error.response is not None:
        given: Response = error.response  # type: ignore[assignment]
        return given
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    problem = Problem(error.code, (error.name or "error").lower().replace(" ", "-"), error.description or "")
    headers = {name: value for name, value in error.get_headers() if name.lower() in {"allow", "retry-after"}}
    problem.headers = headers
    return problem.response()


def _failed(error: Exception) -> Response:
    """An error nobody has foreseen. Its text may quote what was sent, so only its kind is told."""
    log.error("request_failed", error=type(error).__name__, endpoint=request.endpoint)
    return Problem(500, "internal", "an error of ours; it is in the log").response()
