"""Notices for programs: the alert as JSON, signed."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from guardian.adapters.notify.post import Target
from guardian.adapters.notify.signature import (
    KEY_HEADER,
    SHORTEST_SECRET,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
)
from guardian.ports import Notice, NotSentError

LARGEST = 1_000_000
"""Bytes of a body."""


class WebhookChannel:
    """A `Channel` to one URL. Every body is signed, see `guardian.adapters.notify.signature`."""

    def __init__(
        self,
        target: Target,
        secret: bytes,
        *,
        timeout_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """clock: seconds since 1970. Raises ValueError for a secret that is too short."""
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"the secret needs at least {SHORTEST_SECRET} bytes")
        self._target = target
        self._secret = secret
        self._timeout_s = timeout_s
        self._clock = clock

    def send(self, notice: Notice) -> None:
        """Posts `{"key", "title", "text", "alert"}`. Raises NotSentError."""
        body = msgspec.json.encode(notice)
        if len(body) > LARGEST:
            raise NotSentError("body too large", again=False)
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._secret, timestamp, body),
            KEY_HEADER: notice.key,
        }
        self._target.post(body, headers, self._timeout_s)
