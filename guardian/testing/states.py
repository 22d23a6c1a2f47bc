"""Keeps states in memory the way a store does, and no better."""

from __future__ import annotations

from collections.abc import Iterable

from guardian.engine.plan import Plan, StateWrite
from guardian.engine.state import NEVER, Entry


class MemoryStates:
    """A `StateView` and the store under it.

    States survive a batch only as the bytes of their last commit: what a detector keeps anywhere else, or
    what msgpack does not carry, is gone, as it would be after a crash.
    """

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], StateWrite] = {}
        self._live: dict[tuple[str, str], Entry] = {}

    def get(self, detector: str, key: str) -> Entry | None:
        """The entry being worked on, else the one stored."""
        entry = self._live.get((detector, key))
        return entry if entry is not None else self.reload(detector, key)

    def create(self, detector: str, key: str) -> Entry:
        """A new entry."""
        entry = self._live[detector, key] = Entry(None, 0, 0)
        return entry

    def reload(self, detector: str, key: str) -> Entry | None:
        """The entry as last committed."""
        self._live.pop((detector, key), None)
        stored = self._stored.get((detector, key))
        if stored is None:
            return None
        entry = self._live[detector, key] = Entry(stored.data, stored.version, stored.expires)
        return entry

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """Keys with a committed wake-up at `until` or before."""
        return [key for key, stored in self._stored.items() if stored.wake <= until]

    def next_due(self) -> int:
        """The earliest committed wake-up, or NEVER."""
        return min((stored.wake for stored in self._stored.values()), default=NEVER)

    def commit(self, plan: Plan) -> None:
        """Stores the plan's states and forgets the live ones. A stale version is an error here: there is
        only one worker."""
        for write in plan.states:
            key = write.detector, write.key
            stored = self._stored.get(key)
            known = 0 if stored is None else stored.version
            if write.version != known:
                raise AssertionError(f"{key}: computed from version {write.version}, but {known} is stored")
            self._stored[key] = StateWrite(
                write.detector, write.key, write.data, write.wake, write.expires, known + 1
            )
        self._live.clear()

    def sweep(self, watermark: int) -> None:
        """Deletes what has expired and does not wait to be woken."""
        for key, stored in list(self._stored.items()):
            if stored.expires < watermark and stored.wake == NEVER:
                del self._stored[key]
