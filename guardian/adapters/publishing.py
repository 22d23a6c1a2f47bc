"""What those who publish messages ask of whatever takes them, and how they go about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0

_T = TypeVar("_T")


class RefusedError(Exception):
    """The request will never be taken: one of its messages breaks a rule of the publisher's."""


class UnavailableError(Exception):
    """The request is not taken now: the other side is away, or lacks a topic, quota or permission."""


class Publisher(Protocol):
    """Where messages go. May be used by many threads at once."""

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """Publishes (data, attributes) in one request; returns once all are taken for good.

        After an error some or all of them may have been published nevertheless.
        Raises RefusedError, UnavailableError.
        """


def all_but_refused(
    publish: Callable[[Sequence[_T]], None], items: Sequence[_T]
) -> list[tuple[_T, RefusedError]]:
    """Publishes whatever is not refused for ever, and returns the rest, each with the reason.

    publish: publishes some of the items. Of what it refuses one is at fault, and the others must not go with
    it: they are cut in halves until it stands alone. Whatever else it raises is raised.
    """
    try:
        publish(items)
    except RefusedError as error:
        if len(items) == 1:
            return [(items[0], error)]
        middle = len(items) // 2
        return all_but_refused(publish, items[:middle]) + all_but_refused(publish, items[middle:])
    return []


def pause_s(failures: int) -> float:
    """Seconds to wait after so many failures in a row (from 1): 0.2 to 10, half of it left to chance."""
    whole = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return whole * random.uniform(0.5, 1.0)  # noqa: S311
