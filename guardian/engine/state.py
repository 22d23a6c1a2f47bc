"""State of one (detector, key): what a detector remembers, and how it is stored."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any, Protocol

import msgspec

NEVER = 2**62
"""A due time that does not come."""

UNBORN = -NEVER - 1
"""When a state expires that has never begun: before any watermark."""


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

    data: the bytes in the store, None when there are none. version: of those bytes (0: not stored yet); a
        commit is refused when the store has moved on. stored_expires: `expires` as it is in the store.
    state: the live object, None until it is needed. expires: event time after which it is worth nothing
        any more; UNBORN as long as there is no state, only an entry that says so.
    """

    __slots__ = ("data", "expires", "state", "stored_expires", "version")

    def __init__(self, data: bytes | None, version: int, expires: int) -> None:
        self.data = data
        self.version = version
        self.stored_expires = expires
        self.state: Any = None
        self.expires = expires

    def reset(self) -> None:
        """Goes back to what is stored."""
        self.state, self.expires = None, self.stored_expires

    def stored(self, data: bytes, expires: int) -> None:
        """Takes note that the live object has been stored, as these bytes."""
        self.data, self.stored_expires = data, expires
        self.version += 1


class StateView(Protocol):
    """The states as the engine sees them, whoever keeps them. The engine changes entries in place."""

    def held(self, detector: str) -> Mapping[str, Entry]:
        """The entries of this detector that are in memory, by key. Looked at before `load` is called."""

    def load(self, detector: str, key: str) -> Entry:
        """The entry of this key as last committed, UNBORN when there is none; held from now on."""

    def possible(self, detector: str) -> Container[str]:
        """Keys that may have a state: all that have one, all that are held, and perhaps more."""

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """(detector, key) of every committed state with `wake <= until`, in no particular order."""
