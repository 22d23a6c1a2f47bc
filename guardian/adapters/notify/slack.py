"""Notices in a Slack channel, through an incoming webhook."""

from __future__ import annotations

import msgspec

from guardian.adapters.notify.post import Target
from guardian.ports import Notice

LONGEST = 3_000
"""Characters of a message."""


class SlackChannel:
    """A `Channel` to one incoming webhook."""

    def __init__(self, target: Target, *, timeout_s: float = 10.0) -> None:
        self._target = target
        self._timeout_s = timeout_s

    def send(self, notice: Notice) -> None:
        """Posts one message. Raises NotSentError."""
        text = f"{notice.title}\n{notice.text}"
        if len(text) > LONGEST:
            text = text[: LONGEST - 1] + "…"
        body = msgspec.json.encode({"text": _escaped(text), "mrkdwn": False, "unfurl_links": False})
        self._target.post(body, {"Content-Type": "application/json; charset=utf-8"}, self._timeout_s)


def _escaped(text: str) -> str:
    """Whatever an event says, it calls nobody (<!channel>) and links nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
