"""The correlator's HTTP side: who may call, what a request holds, and when it is answered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import msgspec
import structlog
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException

from cloud_run.correlator.metrics import Metrics
from cloud_run.serving.health import Probe, asked_from_this_machine
from guardian.adapters.google.oidc import (
    ForbiddenError,
    KeysUnavailableError,
    TokenVerifier,
    UnauthenticatedError,
)
from guardian.adapters.google.pubsub_message import MAX_BODY_BYTES, Message, PushError, decode_push
from guardian.events.model import Event, Rejected
from guardian.ports import StateStore
from guardian.runtime.grouping import BusyError, Grouping, NotCommittedError, StoppedError

log = structlog.get_logger("correlator")


class Parts(msgspec.Struct, kw_only=True):
    """What the app is made of.

    record: what a message holds. tick: has deadlines looked at. Both are called by many threads.
    verifier: None lets everybody in. answer_s: the longest wait for a commit.
    """

    grouping: Grouping
    store: StateStore
    record: Callable[[Message], Event | Rejected]
    tick: Callable[[], Future[None]]
    metrics: Metrics
    verifier: TokenVerifier | None
    answer_s: float


def create_app(parts: Parts) -> Flask:
    """The app. It starts nothing: `parts.grouping` is run by whoever made it."""
    app = Flask("correlator", static_folder=None)
    # One more than may be: a body that does not say how long it is is cut off there, and would look whole.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES + 1
    probe = Probe(parts.store.watermark)

    def push(project: str | None = None, topic: str | None = None) -> Response:
        if (refused := _unwelcome(parts.verifier)) is not None:
            return refused
        body = request.get_data(cache=False)
        if len(body) > MAX_BODY_BYTES:
            return Response(status=413)
        try:
            message = decode_push(dict(request.headers), body, topic)
        except PushError as error:
            log.warning("push_not_understood", field=error.field)
            return Response(f"{error.field}: not understood\n", 400, content_type="text/plain")
        record = parts.record(message)
        if isinstance(record, Event):
            return _answer(lambda: parts.grouping.submit([record]), parts.answer_s)
        return _answer(lambda: parts.grouping.submit([], [record]), parts.answer_s)

    def tick() -> Response:
        if (refused := _unwelcome(parts.verifier)) is not None:
            return refused
        return _answer(parts.tick, parts.answer_s)

    def healthz() -> Response:
        return Response(status=204 if parts.grouping.alive else 503)

    def readyz() -> Response:
        return Response(status=204 if parts.grouping.running and probe.reachable() else 503)

    def metrics() -> Response:
        # A collector beside us in the same container or pod has no token, and needs none.
        if not asked_from_this_machine() and (refused := _unwelcome(parts.verifier)) is not None:
            return refused
        return Response(parts.metrics.text(), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/push", view_func=push, methods=["POST"])
    # What the Pub/Sub emulator and functions-framework call the endpoint of a topic.
    app.add_url_rule("/projects/<project>/topics/<topic>", view_func=push, methods=["POST"])
    app.add_url_rule("/tick", view_func=tick, methods=["POST"])
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)

    def count(response: Response) -> Response:
        parts.metrics.request(request.endpoint or "other", response.status_code)
        return response

    app.after_request(count)
    app.register_error_handler(HTTPException, lambda error: Response(status=error.code or 500))
    app.register_error_handler(Exception, _failed)
    return app


def _failed(error: Exception) -> Response:
    """An error nobody has foreseen. Its text may quote what was sent, so only its kind is told."""
    log.error("request_failed", error=type(error).__name__, path=request.endpoint)
    return Response(status=500)


def _unwelcome(verifier: TokenVerifier | None) -> Response | None:
    """The answer to somebody who may not call; None: they may. The reason is for the log alone."""
    if verifier is None:
        return None
    try:
        verifier.verify(request.headers.get("Authorization"))
    except UnauthenticatedError as error:
        log.warning("unauthenticated", reason=str(error), path=request.endpoint)
        return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    except ForbiddenError as error:
        log.warning("forbidden", reason=str(error), path=request.endpoint)
        return Response(status=403)
    except KeysUnavailableError:
        return Response(status=503)
    return None


def _answer(hand_in: Callable[[], Future[None]], most_s: float) -> Response:
    """Hands something in and waits for what becomes of it. All but 204 makes the sender try again."""
    try:
        hand_in().result(most_s)
    except BusyError:
        return Response(status=429)
    except (StoppedError, NotCommittedError):
        return Response(status=503)
    except TimeoutError:
        # It may still be committed; sent again, its identity tells that it is the same.
        log.warning("answer_overdue", path=request.endpoint)
        return Response(status=503)
    return Response(status=204)
