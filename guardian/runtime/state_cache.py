"""States in memory between batches, over a store."""

from __future__ import annotations

from collections.abc import Iterable

from guardian.engine.plan import Plan
from guardian.engine.state import NEVER, Entry
from guardian.ports import StateStore


class StateCache:
    """The engine's view of the states: memory first, then the store.

    Holds clean states only between batches, so any of them may be dropped at any time; beyond `limit`
    keys the longest held are.
    """

    def __init__(self, store: StateStore, limit: int = 50_000) -> None:
        self._store = store
        self._limit = limit
        self._entries: dict[tuple[str, str], Entry] = {}

    def get(self, detector: str, key: str) -> Entry | None:
        """The entry, from memory or the store."""
        entry = self._entries.get((detector, key))
        return entry if entry is not None else self.reload(detector, key)

    def create(self, detector: str, key: str) -> Entry:
        """A new entry, not stored yet."""
        entry = self._entries[detector, key] = Entry(None, 0, 0)
        return entry

    def reload(self, detector: str, key: str) -> Entry | None:
        """The entry as last committed."""
        stored = self._store.load(detector, key)
        if stored is None:
            self._entries.pop((detector, key), None)
            return None
        entry = self._entries[detector, key] = Entry(stored.data, stored.version, stored.expires)
        return entry

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """What the store says is due: between batches it knows everything."""
        return self._store.due(until)

    def committed(self, plan: Plan) -> None:
        """The plan is stored: its entries are one version further."""
        entries = self._entries
        for write in plan.states:
            entries[write.detector, write.key].version = write.version + 1
        if len(entries) > self._limit:
            for key in list(entries)[: len(entries) - self._limit // 2]:
                del entries[key]

    def forget_expired(self, watermark: int) -> None:
        """Drops the entries that the store may sweep away at `watermark`."""
        for key in [
            key
            for key, entry in self._entries.items()
            if entry.expires < watermark and (entry.state is None or entry.state.wake >= NEVER)
        ]:
            del self._entries[key]

    def forget(self, keys: Iterable[tuple[str, str]] | None = None) -> None:
        """Drops entries (all of them without `keys`): the store knows better."""
        if keys is None:
            self._entries.clear()
            return
        for key in keys:
            self._entries.pop(key, None)
