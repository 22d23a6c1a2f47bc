"""What the web services have in common when somebody asks how they are."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from threading import Lock

import structlog
from flask import request

PROBE_EVERY_S = 2.0
"""Between two questions to the store: readiness may be asked by anybody, and questions cost money."""

log = structlog.get_logger("health")


def asked_from_this_machine() -> bool:
    """Whether the request being answered comes from the same machine, container or pod.

    Behind a proxy whose word is taken, both have to be here: it, and whom it asks for. So nobody who comes
    by himself can say that he is from here.
    """
    before = request.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR", request.remote_addr)
    try:
        return all(ipaddress.ip_address(one or "").is_loopback for one in (request.remote_addr, before))
    except ValueError:
        return False


class Probe:
    """Whether the store answers, asked at most every `PROBE_EVERY_S` and by one request at a time."""

    def __init__(self, ask: Callable[[], object]) -> None:
        """ask: puts a question to the store; raises when that does not answer."""
        self._question = ask
        self._asking = Lock()
        self._asked: float | None = None
        self._reachable = False

    def reachable(self) -> bool:
        """As of the last question."""
        if self._asking.acquire(blocking=False):
            try:
                now = time.monotonic()
                if self._asked is None or now - self._asked >= PROBE_EVERY_S:
                    self._reachable = self._ask()
                    self._asked = time.monotonic()
            finally:
                self._asking.release()
        return self._reachable

    def _ask(self) -> bool:
        try:
            self._question()
        except Exception as error:
            log.warning("store_not_reachable", error=type(error).__name__)
            return False
        return True
