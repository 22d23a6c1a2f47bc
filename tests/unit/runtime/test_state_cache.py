"""The cache over a store: what it may keep, and what it must forget."""

from __future__ import annotations

import pytest

from guardian.engine.plan import Plan, StateWrite
from guardian.engine.state import NEVER
from guardian.runtime.state_cache import StateCache
from tests.unit.runtime.memory_store import MemoryStore


def write(key: str, version: int, data: bytes = b"data", wake: int = NEVER) -> StateWrite:
    return StateWrite("D", key, data, wake, 100, version)


def committed(store: MemoryStore, cache: StateCache, *keys: str) -> None:
    """Does what an engine does with these keys, and commits it."""
    plan = Plan()
    for key in keys:
        entry = cache.get("D", key) or cache.create("D", key)
        plan.states.append(write(key, entry.version))
    store.commit(plan)
    cache.committed(plan)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_what_was_committed_is_not_loaded_again(store: MemoryStore) -> None:
    cache = StateCache(store)
    assert cache.get("D", "a") is None
    for version in range(1, 4):
        committed(store, cache, "a")
        entry = cache.get("D", "a")
        assert entry is not None
        assert entry.version == store.states["D", "a"].version == version
    assert store.loads == 2  # by the first `get` and the first commit: there was nothing yet


def test_reload_takes_what_the_store_says(store: MemoryStore) -> None:
    cache, other = StateCache(store), StateCache(store)
    committed(store, cache, "a")
    committed(store, other, "a")
    stale = cache.get("D", "a")
    assert stale is not None
    assert stale.version == 1
    fresh = cache.reload("D", "a")
    assert fresh is not None
    assert (fresh.version, fresh.data, fresh.expires, fresh.state) == (2, b"data", 100, None)
    assert cache.get("D", "a") is fresh
    store.states.clear()
    assert cache.reload("D", "a") is None
    assert cache.get("D", "a") is None


def test_forgetting_some_or_all(store: MemoryStore) -> None:
    cache = StateCache(store)
    committed(store, cache, "a", "b")
    a, b = cache.get("D", "a"), cache.get("D", "b")
    cache.forget([("D", "a"), ("D", "never there")])
    assert cache.get("D", "a") is not a
    assert cache.get("D", "b") is b
    cache.forget()
    assert cache.get("D", "b") is not b


@pytest.mark.parametrize("limit", [1, 2, 10, 11])
def test_beyond_the_limit_the_longest_held_go(store: MemoryStore, limit: int) -> None:
    cache = StateCache(store, limit)
    for number in range(60):
        committed(store, cache, str(number), str(number // 2))
        loads = store.loads
        held = []
        for key in map(str, range(number + 1)):
            cache_loads = store.loads
            if (("D", key)) in cache._entries:
                cache.get("D", key)
                held.append(key)
            assert store.loads == cache_loads
        assert loads == store.loads
        assert len(held) <= limit
        assert all(stored.version > 0 for stored in store.states.values())
    for number in range(60):
        entry = cache.get("D", str(number))
        assert entry is not None
        assert entry.version == store.states["D", str(number)].version


def test_what_is_due_is_the_stores_business(store: MemoryStore) -> None:
    store.commit(Plan(states=[write("a", 0, wake=5), write("b", 0, wake=6), write("c", 0)]))
    cache = StateCache(store)
    assert sorted(cache.due(5)) == [("D", "a")]
    assert sorted(cache.due(NEVER - 1)) == [("D", "a"), ("D", "b")]
