"""What those who publish messages ask of whatever takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class RefusedError(Exception):
    """The request will never be taken: one of its messages breaks a rule of the publisher's."""


class UnavailableError(Exception):
    """The request is not taken now: the publisher is away, or lacks a topic, quota or permission."""


class Publisher(Protocol):
    """Where messages go. May be used by many threads at once."""

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """Publishes (data, attributes) in one request; returns once all are taken for good.

        After an error some or all of them may have been published nevertheless.
        Raises RefusedError, UnavailableError.
        """
