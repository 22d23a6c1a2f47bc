"""Keeps states in memory the way a store does, and no better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

import msgspec

from guardian.engine.plan import Plan, StateWrite
from guardian.engine.state import NEVER, UNBORN, Entry


class MemoryStates:
    """A `StateView` and the store under it.

    States survive a batch only as the bytes of their last commit: what a detector keeps anywhere else, or
    what msgpack does not carry, is gone, as it would be after a crash.
    """

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], StateWrite] = {}
        self._live: defaultdict[str, dict[str, Entry]] = defaultdict(dict)

    def held(self, detector: str) -> Mapping[str, Entry]:
        """The entries being worked on."""
        return self._live[detector]

    def load(self, detector: str, key: str) -> Entry:
        """The entry as last committed."""
        stored = self._stored.get((detector, key))
        if stored is None:
            entry = Entry(None, 0, UNBORN)
        else:
            entry = Entry(stored.data, stored.version, stored.expires)
        self._live[detector][key] = entry
        return entry

    def possible(self, detector: str) -> Container[str]:
        """Keys with a committed state, and those being worked on."""
        return {key for name, key in self._stored if name == detector} | self._live[detector].keys()

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """Keys with a committed wake-up at `until` or before."""
        return [key for key, stored in self._stored.items() if stored.wake <= until]

    def next_due(self) -> int:
        """The earliest committed wake-up, or NEVER."""
        return min((stored.wake for stored in self._stored.values()), default=NEVER)

    def commit(self, plan: Plan) -> None:
        """Stores the plan's states and forgets the live ones. A stale version is an error here: there is
        only one worker."""
        writes = [(write.detector, write.key, write.version) for write in plan.states]
        for detector, key, version in (*writes, *plan.unchanged):
            one = self._stored.get((detector, key))
            known = 0 if one is None else one.version
            if version != known:
                raise AssertionError(f"{key}: computed from version {version}, but {known} is stored")
        for write in plan.states:
            stored = msgspec.structs.replace(write, version=write.version + 1)
            self._stored[write.detector, write.key] = stored
        self._live.clear()

    def sweep(self, watermark: int) -> None:
        """Deletes what has expired and does not wait to be woken."""
        for key, stored in list(self._stored.items()):
            if stored.expires < watermark and stored.wake == NEVER:
                del self._stored[key]
