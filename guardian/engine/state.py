"""State of one (detector, key): what a detector remembers, and how it is stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

NEVER = 2**62
"""A due time that does not come."""


class Seen(msgspec.Struct, array_like=True):
    """Identifiers seen lately, in two generations, so that forgetting costs nothing per event.

    An identifier is remembered for at least one horizon of event time, and as a rule for no more than two.
    """

    young: set[str] = msgspec.field(default_factory=set)
    old: set[str] = msgspec.field(default_factory=set)
    since: int = 0

    def first_time(self, identifier: str, watermark: int, horizon_ms: int) -> bool:
        """True, and remembered, unless the identifier was already seen within the horizon."""
        if watermark - self.since > horizon_ms:
            # A generation ends only when it is a full horizon old, so the one before it is older still.
            # After a leap in time this keeps more than it must: identifiers just seen may come again.
            self.old = self.young
            self.young = set()
            self.since = watermark
        if identifier in self.young or identifier in self.old:
            return False
        self.young.add(identifier)
        return True


class KeyState(msgspec.Struct, array_like=True, kw_only=True):
    """Base of every detector's state for one key.

    wake: event time (ms) at which the detector wants `on_wake`, or NEVER. Timers are state: they survive
        a crash with everything else, and are fired by event time or, on silent streams, by the clock.
    seen: identifiers of events already applied, for events that carry one.

    Fields are stored by position: add new ones at the end with a default, or raise `state_version`.
    """

    wake: int = NEVER
    seen: Seen = msgspec.field(default_factory=Seen)

    def wake_by(self, at: int) -> None:
        """Asks to be woken at `at` (event time, ms) or earlier."""
        if at < self.wake:
            self.wake = at


class Entry:
    """One state as the engine works on it: the live object and what the store knows of it.

    version: the version this was loaded as (0: not stored yet); a commit is refused when the store has
        moved on. expires: event time after which the state is worth nothing any more.
    """

    __slots__ = ("data", "expires", "state", "version")

    def __init__(self, data: bytes | None, version: int, expires: int) -> None:
        self.data = data
        self.state: Any = None
        self.version = version
        self.expires = expires


class StateView(Protocol):
    """The states as the engine sees them, whoever keeps them."""

    def get(self, detector: str, key: str) -> Entry | None:
        """The entry of this key, or None when there is none. The engine may change the entry in place."""

    def create(self, detector: str, key: str) -> Entry:
        """A new, empty entry of this key, known to later `get` calls."""

    def reload(self, detector: str, key: str) -> Entry | None:
        """The entry as last committed, forgetting changes made in memory since."""

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """(detector, key) of every committed state with `wake <= until`, in no particular order."""
