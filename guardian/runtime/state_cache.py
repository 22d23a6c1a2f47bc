"""States in memory between batches, over a store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from guardian.engine.plan import Plan
from guardian.engine.state import NEVER, UNBORN, Entry
from guardian.ports import StateStore

KEYS_CAP = 50_000
"""Of a detector with more states than these, nobody keeps a list of all keys."""
SPARE = 10_000
"""Keys that may gather in such a list before it is made afresh, besides twice as many as it began with."""


class _Everything:
    """Contains whatever one asks for."""

    def __contains__(self, key: object) -> bool:
        return True


class StateCache:
    """The engine's view of the states: memory first, then the store.

    Holds clean states only between batches, so any of them may be dropped at any time; beyond `limit`
    keys the longest held of each detector's are.

    As long as nobody else writes to the store, a cache knows which keys have no state, without asking.
    """

    def __init__(self, store: StateStore, limit: int = 50_000) -> None:
        self._store = store
        self._limit = limit
        self._entries: defaultdict[str, dict[str, Entry]] = defaultdict(dict)
        self._keys: dict[str, set[str] | None] = {}
        """By detector, every key it has a state of, and some that it has not; None: they are too many."""
        self._keys_cap: dict[str, int] = {}
        self._alone = True

    def held(self, detector: str) -> Mapping[str, Entry]:
        """The entries in memory."""
        return self._entries[detector]

    def load(self, detector: str, key: str) -> Entry:
        """The entry as last committed."""
        stored = self._store.load(detector, key) if key in self.possible(detector) else None
        if stored is None:
            entry = Entry(None, 0, UNBORN)
        else:
            entry = Entry(stored.data, stored.version, stored.expires)
        self._entries[detector][key] = entry
        if (keys := self._keys.get(detector)) is not None:
            keys.add(key)
        return entry

    def possible(self, detector: str) -> Container[str]:
        """Keys that may have a state. Asked for the first time, it costs a look at all of them."""
        if not self._alone:
            return _Everything()
        if detector not in self._keys or len(self._keys[detector] or ()) > self._keys_cap[detector]:
            stored = self._store.keys(detector, KEYS_CAP)
            keys = None if stored is None else {*stored, *self._entries[detector]}
            self._keys[detector], self._keys_cap[detector] = keys, 2 * len(keys or ()) + SPARE
        known = self._keys[detector]
        return _Everything() if known is None else known

    def due(self, until: int) -> Iterable[tuple[str, str]]:
        """What the store says is due: between batches it knows everything."""
        return self._store.due(until)

    def committed(self, plan: Plan) -> None:
        """The plan is stored: the states it wrote are one version further."""
        for write in plan.states:
            self._entries[write.detector][write.key].stored(write.data, write.expires)
        total = sum(map(len, self._entries.values()))
        if total > self._limit:
            for entries in self._entries.values():
                kept = len(entries) * self._limit // (2 * total)
                for key in list(entries)[: len(entries) - kept]:
                    del entries[key]

    def forget_expired(self, watermark: int) -> None:
        """Drops the entries that the store may sweep away at `watermark`."""
        for entries in self._entries.values():
            for key in [
                key
                for key, entry in entries.items()
                if entry.expires < watermark and (entry.state is None or entry.state.wake >= NEVER)
            ]:
                del entries[key]

    def forget(self, keys: Iterable[tuple[str, str]] | None = None) -> None:
        """Drops entries (all of them without `keys`): the store knows better."""
        if keys is None:
            self._entries.clear()
            self._keys.clear()
            return
        for detector, key in keys:
            self._entries[detector].pop(key, None)

    def share(self) -> None:
        """Drops everything: somebody else writes to the store, and may do so again."""
        self.forget()
        self._alone = False
