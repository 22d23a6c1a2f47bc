"""The cache over a store: what it may keep, and what it must forget."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.engine.plan import Plan, StateWrite
from guardian.engine.state import NEVER, UNBORN, Entry
from guardian.runtime import state_cache
from guardian.runtime.state_cache import StateCache
from tests.unit.runtime.memory_store import MemoryStore


def write(key: str, version: int, data: bytes = b"data", wake: int = NEVER) -> StateWrite:
    return StateWrite("D", key, data, wake, 100, version)


def entry_of(cache: StateCache, key: str) -> Entry:
    """Does what an engine does to get at the entry."""
    held = cache.held("D").get(key)
    return cache.load("D", key) if held is None else held


def committed(store: MemoryStore, cache: StateCache, *keys: str) -> None:
    """Does what an engine does with these keys, and commits it."""
    plan = Plan()
    for key in keys:
        entry = entry_of(cache, key)
        plan.states.append(write(key, entry.version))
    store.commit(plan)
    cache.committed(plan)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_what_was_committed_is_not_loaded_again(store: MemoryStore) -> None:
    cache = StateCache(store)
    assert entry_of(cache, "a").expires == UNBORN
    for version in range(1, 4):
        committed(store, cache, "a")
        entry = entry_of(cache, "a")
        assert entry.version == store.states["D", "a"].version == version
        assert (entry.data, entry.stored_expires) == (b"data", 100)
    assert store.loads == 0  # that there was nothing is known without asking


def test_load_takes_what_the_store_says(store: MemoryStore) -> None:
    cache, other = StateCache(store), StateCache(store)
    committed(store, cache, "a")
    committed(store, other, "a")
    assert entry_of(cache, "a").version == 1
    cache.share()
    fresh = cache.load("D", "a")
    assert (fresh.version, fresh.data, fresh.expires, fresh.state) == (2, b"data", 100, None)
    assert entry_of(cache, "a") is fresh
    store.states.clear()
    assert cache.load("D", "a").expires == UNBORN
    assert entry_of(cache, "a").version == 0


def test_forgetting_some_or_all(store: MemoryStore) -> None:
    cache = StateCache(store)
    committed(store, cache, "a", "b")
    a, b = entry_of(cache, "a"), entry_of(cache, "b")
    cache.forget([("D", "a"), ("D", "never there")])
    assert entry_of(cache, "a") is not a
    assert entry_of(cache, "b") is b
    cache.forget()
    assert entry_of(cache, "b") is not b


@pytest.mark.parametrize("limit", [1, 2, 10, 11])
def test_beyond_the_limit_the_longest_held_go(store: MemoryStore, limit: int) -> None:
    cache = StateCache(store, limit)
    for number in range(60):
        committed(store, cache, *{str(number), str(number // 2)})
        assert len(cache.held("D")) <= limit
    for number in range(60):
        assert entry_of(cache, str(number)).version == store.states["D", str(number)].version


def test_what_is_due_is_the_stores_business(store: MemoryStore) -> None:
    store.commit(Plan(states=[write("a", 0, wake=5), write("b", 0, wake=6), write("c", 0)]))
    cache = StateCache(store)
    assert sorted(cache.due(5)) == [("D", "a")]
    assert sorted(cache.due(NEVER - 1)) == [("D", "a"), ("D", "b")]


@given(
    st.lists(st.tuples(st.sampled_from("lcsf"), st.sampled_from("abcdef")), max_size=40), st.integers(0, 3)
)
def test_every_key_with_a_state_is_possible(steps: list[tuple[str, str]], spare: int) -> None:
    """Whatever is loaded, committed, swept and forgotten in between."""
    store = MemoryStore()
    store.commit(Plan(states=[write("a", 0), StateWrite("other", "z", b"", NEVER, 100, 0)]))
    cache = StateCache(store, 3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state_cache, "SPARE", spare)
        for what, key in steps:
            if what == "l":
                cache.load("D", key)
            elif what == "c":
                committed(store, cache, key)
            elif what == "s":
                store.states.pop(("D", key), None)
                cache.forget([("D", key)])
            else:
                cache.forget()
            possible = cache.possible("D")
            assert all(key in possible for name, key in store.states if name == "D")
            assert all(key in possible for key in cache.held("D"))
            assert "z" not in possible
            assert sum(key in possible for key in "abcdef") <= 2 * 6 + spare


def test_what_is_not_possible_is_found_out_without_asking_for_each_key(store: MemoryStore) -> None:
    cache = StateCache(store)
    committed(store, cache, "a")
    loads = store.loads
    assert [key for key in "abc" if key in cache.possible("D")] == ["a"]
    assert store.loads == loads


def test_of_very_many_keys_no_list_is_kept(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_cache, "KEYS_CAP", 2)
    monkeypatch.setattr(state_cache, "SPARE", 0)
    cache = StateCache(store)
    committed(store, cache, "a", "b", "c")
    assert "z" in cache.possible("D")
    assert cache.load("D", "z").expires == UNBORN
    assert store.loads == 1


def test_once_others_write_everything_is_possible(store: MemoryStore) -> None:
    cache = StateCache(store)
    assert "a" not in cache.possible("D")
    cache.share()
    assert "a" in cache.possible("D")
