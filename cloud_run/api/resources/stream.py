"""What changes, as it changes: server-sent events, and WebSockets for those who prefer them."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from flask import Flask, Response, request
from flask_openapi3 import OpenAPI
from flask_sock import Sock
from pydantic import Field
from simple_websocket import ConnectionClosed

from cloud_run.api.alert_items import AlertItems
from cloud_run.api.answers import answers, resource
from cloud_run.api.live import EndedError, Listener, Live, Regular, Told, TooManyError
from cloud_run.api.models.parameters import Parameters
from cloud_run.api.parts import Parts
from cloud_run.api.problems import Problem
from cloud_run.api.security import API, Session, current_session
from guardian.desk_ports import CursorError, StoreUnavailableError

HEARTBEAT_S: Final = 15.0
RECONNECT_MS: Final = 2_000
SEND_S: Final = 15
"""Seconds that a listener may take to accept what it is sent, before it is let go."""
PING_S: Final = 20

ALERT, HELLO, RESET, EXPIRED = "alert", "hello", "reset", "expired"
RETRY_S: Final = 1.0
"""Between two looks whether the store is there."""
INVENTORY_EVENTS: Final = frozenset({"stock", "station"})


class StreamQuery(Parameters):
    """after: the id of the last event received, where `Last-Event-ID` cannot be set."""

    after: str = Field(default="", max_length=2_000)


class Message(msgspec.Struct, frozen=True):
    """One event of a stream. id: where to go on after it, empty where nothing new is said of that."""

    event: str
    data: bytes
    id: str = ""


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `stream`, `stream/alerts` and `stream/inventory`."""
    live, items, clock = parts.live, AlertItems(parts.catalogue), parts.clock
    api = resource("stream", "What changes, as it changes.")

    @api.get(
        "/stream",
        summary="Server-sent events: hello, alert, status, stock, station, reset, expired",
        responses=answers(None) | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    def stream(query: StreamQuery) -> Response:
        after = request.headers.get("Last-Event-ID", "") or query.after
        held = contextlib.ExitStack()
        try:
            held.enter_context(live.place())
        except TooManyError:
            raise _too_many() from None
        _give_up_on_the_slow(request.environ)
        told = messages(live, items, current_session(), after, clock, lambda event: True)
        response = Response(
            _as_events(told),
            content_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        response.call_on_close(held.close)
        return response

    app.register_api(api)
    _register_sockets(app, live, items, clock)


def _register_sockets(app: Flask, live: Live, items: AlertItems, clock: Callable[[], float]) -> None:
    """WebSockets, which OpenAPI cannot describe: docs/api.md does."""
    app.config["SOCK_SERVER_OPTIONS"] = {
        "subprotocols": ["bearer"],
        "ping_interval": PING_S,
        "max_message_size": 1_024,
    }
    sock = Sock(app)

    def serve(ws: Any, wanted: Callable[[str], bool]) -> None:
        try:
            with live.place():
                _give_up_on_the_slow(request.environ)
                after = request.args.get("after", "")[:2_000]
                for message in messages(live, items, current_session(), after, clock, wanted):
                    if message is None:
                        ws.receive(timeout=0)  # what is said to us is not listened to, and not kept
                        continue
                    content = {"event": message.event, "data": json.loads(message.data)}
                    ws.send(json.dumps(content | ({"id": message.id} if message.id else {})))
        except TooManyError:
            ws.close(1013, "too many streams")
        except (ConnectionClosed, OSError):
            pass

    @sock.route(f"{API}/stream/alerts")  # type: ignore[untyped-decorator]
    def alerts(ws: Any) -> None:
        serve(ws, lambda event: event not in INVENTORY_EVENTS)

    @sock.route(f"{API}/stream/inventory")  # type: ignore[untyped-decorator]
    def inventory(ws: Any) -> None:
        serve(ws, lambda event: event in INVENTORY_EVENTS)


def messages(
    live: Live,
    items: AlertItems,
    session: Session,
    after: str,
    clock: Callable[[], float],
    wanted: Callable[[str], bool],
) -> Iterator[Message | None]:
    """Everything for one listener until its token expires; None as a sign of life.

    after: where it was; empty: from now on. wanted: by an event's name.
    """
    with live.listening(session.user) as listener:
        # Whoever comes back is first told what was missed; what changes meanwhile waits in the listener.
        yield None
        with_alerts = wanted(ALERT)
        beginning = Beginning(live, items, session, after) if with_alerts else None
        ends = time.monotonic() + max(0.0, session.expires_at - clock())
        regular = [one for one in live.regular if wanted(one.event)]
        yield from _from_now(live, items, session, listener, regular, ends, beginning)


class Beginning:
    """What comes first on a stream: what was missed, or else `hello`.

    The engine may not have made its file yet. Then a new listener is greeted all the same, with no id to go
    on from, and once more when the store is there: what is in it by then has to be loaded.
    """

    def __init__(self, live: Live, items: AlertItems, session: Session, after: str) -> None:
        self._live = live
        self._items = items
        self._session = session
        self._after = after
        self._greeted = bool(after)  # whoever comes back keeps what it shows until there is something newer
        self.due = 0.0
        """When it is to be tried, by the monotonic clock; infinite when it is over."""

    @property
    def over(self) -> bool:
        """Whether everything is told from now on."""
        return self.due == math.inf

    def messages(self) -> Iterator[Message]:
        """What can be told now."""
        try:
            # Before the reader has begun, what changes next would be told by nobody.
            if self._live.telling:
                yield from self._told()
                self.due = math.inf
                return
        except StoreUnavailableError:
            pass
        self.due = time.monotonic() + RETRY_S
        if not self._greeted:
            self._greeted = True
            yield Message(HELLO, b"{}")

    def _told(self) -> Iterator[Message]:
        try:
            if self._after:
                for told in self._live.missed(self._after, self._session.user):
                    message = _alert(self._items, told)
                    self._after = message.id or self._after
                    yield message
                return
        except CursorError:
            yield Message(RESET, b"{}")  # of another store: look at everything again
        yield Message(HELLO, b"{}", self._live.latest())


def _from_now(
    live: Live,
    items: AlertItems,
    session: Session,
    listener: Listener,
    regular: list[Regular],
    ends: float,
    beginning: Beginning | None,
) -> Iterator[Message | None]:
    due = dict.fromkeys(range(len(regular)), 0.0)
    last: dict[int, bytes | None] = {}
    alive = time.monotonic() + HEARTBEAT_S
    while True:
        now = time.monotonic()
        if now >= ends:
            yield Message(EXPIRED, b"{}")
            return
        if beginning is not None and now >= beginning.due:
            yield from beginning.messages()
        for number, one in enumerate(regular):
            if now < due[number]:
                continue
            due[number] = now + one.every_s
            content = _snapshot(live, one, session)
            if content is not None and (one.always or content != last.get(number)):
                last[number] = content
                yield Message(one.event, content)
        if now >= alive:
            alive = now + HEARTBEAT_S
            yield None
        try:
            begins = math.inf if beginning is None else beginning.due
            told = listener.next(min([*due.values(), alive, ends, begins]) - time.monotonic())
        except EndedError:
            return
        if told is not None and beginning is not None:
            # Nobody is to go on behind what has not been told yet.
            yield _alert(items, told if beginning.over else Told(told.item, ""))


def _snapshot(live: Live, regular: Regular, session: Session) -> bytes | None:
    try:
        return live.snapshot(regular, session.user.scope)
    except StoreUnavailableError:
        return None


def _alert(items: AlertItems, told: Told) -> Message:
    return Message(ALERT, items.json(told.item), told.cursor)


def _as_events(told: Iterator[Message | None]) -> Iterator[bytes]:
    """In the format of server-sent events. JSON has no line breaks of its own."""
    yield b"retry: %d\n\n" % RECONNECT_MS
    for message in told:
        if message is None:
            yield b": alive\n\n"
            continue
        head = f"id: {message.id}\n" if message.id else ""
        yield f"{head}event: {message.event}\ndata: ".encode() + message.data + b"\n\n"


def _too_many() -> Problem:
    return Problem(503, "too-many-streams", "too many live streams at a time", headers={"Retry-After": "10"})


def _give_up_on_the_slow(environ: dict[str, Any]) -> None:
    """A listener that takes nothing must not hold a thread for ever."""
    connection = environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_S, 0))
