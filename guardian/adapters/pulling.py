"""What those who fetch messages ask of whatever keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Pulled(msgspec.Struct, frozen=True):
    """A message that is ours for a while. handle: what to call it by, for this delivery of it only.

    published: epoch microseconds; 0 where nobody says.
    """

    handle: str
    message_id: str
    data: bytes
    attributes: Mapping[str, str]
    published: int = 0


class Puller(Protocol):
    """One subscription. A message that is not acknowledged comes again, here or elsewhere."""

    def pull(self, most: int) -> list[Pulled]:
        """Up to so many messages; empty when none comes for a few seconds. Raises UnavailableError."""

    def extend(self, handles: Sequence[str], seconds: int) -> None:
        """These messages come again in so many seconds from now, and not before; 0: at once.

        Raises UnavailableError.
        """

    def acknowledge(self, handles: Sequence[str]) -> None:
        """These messages do not come again, or at least rarely. Raises UnavailableError."""
