"""The worker: whatever happens to commits, caches and processes, the findings stay the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.model import Alert, Severity
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.engine.state import KeyState
from guardian.events.model import Event, Rejected
from guardian.ports import Conflict, StateStore
from guardian.runtime.worker import ATTEMPTS, SWEEP_EVERY, SWEEP_LIMIT, Worker
from tests.unit.engine.test_pieces import FAILS, chain, cuts, streams
from tests.unit.engine.toys import (
    BASE,
    LATENESS,
    NOTES,
    REMARKS,
    Recorder,
    clock,
    note,
    own_keys,
    pieces,
    run,
    started,
)
from tests.unit.runtime.memory_store import MemoryStore, Trouble

Detectors = Callable[[], Sequence[Detector[Any]]]


def worker(store: StateStore, detectors: Detectors = chain, *, cache_limit: int = 50_000) -> Worker:
    engine = Engine(detectors(), site="toys", lateness_ms=LATENESS)
    return Worker(engine, store, cache_limit=cache_limit)


def undisturbed(batches: Sequence[Sequence[Event]], detectors: Detectors = chain) -> MemoryStore:
    store = MemoryStore()
    one = worker(store, detectors)
    for batch in batches:
        one.process(Batch(list(batch)))
    one.finish()
    return store


def about_states(store: MemoryStore) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Everything but the bytes, which show sets in any order, and the version: a state that was loaded again
    may show a set in another order, and is then written once more than it need be."""
    return {key: (one.wake, one.expires, len(one.data)) for key, one in store.states.items()}


def identified(events: Sequence[Event]) -> list[Event]:
    """Each event with an id of its own."""
    return [msgspec.structs.replace(event, id=f"id-{number}") for number, event in enumerate(events)]


class Sum(KeyState):
    total: int = 0
    count: int = 0


class Summing(Detector[Sum]):
    """Adds up; the order in which it hears does not matter to it."""

    about = About(id="SUM", version=1, title="Sum", description="Sum", subject="key")
    state = Sum
    retention_ms = 10**9

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(NOTES, own_keys, self.add),)

    def add(self, state: Sum, event: Event, ctx: Context) -> None:
        state.total += int(event.value.text)
        state.count += 1
        ctx.alert(
            episode="sum",
            subject=ctx.key,
            severity=Severity.LOW,
            event_time=BASE,
            count=state.count,
            evidence={"total": state.total},
        )


def amount(number: int, *keys: str, id: str | None = None) -> Event:
    return note(number, *keys, text=str(2**number), id=id)


def sums(store: MemoryStore) -> dict[str, tuple[int, int]]:
    """What the last alert of every key says."""
    alerts: list[Alert] = [stored.alert for stored in store.alerts()]
    return {alert.subject.id: (alert.evidence["total"], alert.count) for alert in alerts}


def test_a_worker_does_what_the_engine_does() -> None:
    events = [*started(), *(note(number, "a", text=f"n{number}", wake=5) for number in range(9))]
    store = undisturbed(pieces(events, [4, 6]))
    expected = run(chain(), pieces(events, [4, 6]))
    assert store.findings()[0] == expected.alerts
    assert {name: value for name, value in store.counters().items() if value} == dict(expected.counters)


def test_everything_of_a_batch_is_committed_with_it() -> None:
    store = MemoryStore()
    rejected = [Rejected(NOTES, None, "not JSON", "toy", 1, b"?")]
    batch = Batch([*started(), note(1, "a", fails="A apply", id="x")], rejected, {"toy": b"17"})
    plan = worker(store, lambda: [Recorder("A"), Recorder("Z")]).process(batch)
    assert store.positions() == {"toy": b"17"}
    assert list(store.quarantine()) == rejected
    assert store.counters() == dict(plan.counters)
    assert store.failures == [("A", "a", "x", "Oops: n")]
    assert store.watermark() == plan.watermark
    assert [stored.alert for stored in store.alerts()] == list(plan.alerts.values())


@settings(max_examples=60)
@given(streams(), cuts, st.sampled_from([1, 2, 3, 5]))
def test_a_small_cache_changes_nothing(events: list[Event], places: list[int], limit: int) -> None:
    batches = pieces(events, places)
    small = MemoryStore()
    one = worker(small, cache_limit=limit)
    for batch in batches:
        one.process(Batch(batch))
    one.finish()
    expected = undisturbed(batches)
    assert small.findings() == expected.findings()
    assert about_states(small) == about_states(expected)
    assert small.conflicts == 0


@settings(max_examples=60)
@given(streams(fails=FAILS), cuts, st.sets(st.integers(0, 10)))
def test_a_worker_started_again_goes_on_where_the_last_one_was(
    events: list[Event], places: list[int], restarts: set[int]
) -> None:
    batches = pieces(events, places)
    store = MemoryStore()
    one = worker(store)
    for number, batch in enumerate(batches):
        if number in restarts:
            one = worker(store)
        one.process(Batch(batch))
    worker(store).finish()
    expected = undisturbed(batches)
    assert store.findings() == expected.findings()
    assert store.counters() == expected.counters()
    assert sorted(store.failures) == sorted(expected.failures)


def test_deadlines_survive_a_restart() -> None:
    store = MemoryStore()

    def restarted() -> Worker:
        return worker(store, lambda: [Recorder("A")])

    restarted().process(Batch([*started(), note(0, "a", text="n", wake=50)]))
    again = restarted()
    assert not again.tick(49 + LATENESS).alerts
    assert again.tick(50 + LATENESS).alerts
    assert not restarted().tick(1_000).alerts


def test_a_look_at_deadlines_that_finds_none_writes_nothing() -> None:
    store = MemoryStore()
    one = worker(store, lambda: [Recorder("A")])
    one.process(Batch([*started(), note(0, "a", text="n", wake=50)]))
    committed = store.watermark()
    moved = one.tick(49 + LATENESS).watermark
    assert store.watermark() == committed != moved
    after = one.process(Batch([note(1, "a", text="m", wake=90)])).watermark
    assert store.watermark() == after  # the clock's part is committed with whatever comes next
    assert one.engine.watermark.floor > worker(MemoryStore()).engine.watermark.floor


ERRORS = [OSError("disk full"), KeyboardInterrupt()]


@settings(max_examples=80)
@given(
    streams(),
    cuts,
    st.sampled_from(["before_commit", "on_load"]),
    st.integers(1, 12),
    st.sampled_from(ERRORS),
)
def test_an_error_of_the_store_leaves_the_worker_as_it_was(
    events: list[Event], places: list[int], when: str, at: int, error: BaseException
) -> None:
    """Nothing of the batch was committed; given again, it is decided as if for the first time."""
    batches = pieces(events, places)
    store = MemoryStore()
    one = worker(store, cache_limit=2)  # so that states are loaded again and again
    setattr(store, when, Trouble(at, error))
    for step in [*(lambda batch=batch: one.process(Batch(batch)) for batch in batches), one.finish]:
        before, watermark = dict(store.states), one.engine.watermark.value
        try:
            step()
        except type(error):
            assert store.states == before
            assert one.engine.watermark.value == watermark
            step()
    expected = undisturbed(batches)
    assert store.findings() == expected.findings()
    assert about_states(store) == about_states(expected)
    assert store.counters() == expected.counters()


@settings(max_examples=60)
@given(streams(duplicates=False, cold=False), cuts, st.integers(1, 8))
def test_a_commit_of_which_only_the_answer_is_lost_is_not_done_twice(
    events: list[Event], places: list[int], at: int
) -> None:
    """Events with ids may then be given again: they are known."""
    batches = pieces(identified(events), places)
    store = MemoryStore()
    store.after_commit = Trouble(at, ConnectionError("no answer"))
    one = worker(store, lambda: [Recorder("A")])
    for batch in batches:
        try:
            one.process(Batch(batch))
        except ConnectionError:
            one.process(Batch(batch))
    store.after_commit = lambda: None
    one.finish()
    assert store.findings() == undisturbed(batches, lambda: [Recorder("A")]).findings()


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sets(st.sampled_from("abc"), max_size=2)), max_size=20),
    st.integers(1, 4),
    st.booleans(),
)
def test_two_workers_on_one_store_lose_nothing(
    turns: list[tuple[int, set[str]]], size: int, doubled: bool
) -> None:
    """Each with a cache that does not know of the other; some batches go to both of them."""
    store = MemoryStore()
    workers = [worker(store, lambda: [Summing(lateness_ms=LATENESS)]) for _ in range(2)]
    for one in workers:
        one.process(Batch(started()))
    expected: dict[str, tuple[int, int]] = {}
    for at in range(0, len(turns), size):
        batch, who = [], turns[at][0]
        for number, (_, keys) in enumerate(turns[at : at + size], at):
            batch.append(amount(number, *sorted(keys), id=f"id{number}" if doubled else None))
            for key in keys:
                total, count = expected.get(key, (0, 0))
                expected[key] = (total + 2**number, count + 1)
        chosen = workers if doubled and who == 2 else [workers[who % 2]]
        for one in chosen:
            one.process(Batch(batch))
    assert sums(store) == expected


class Switched(KeyState):
    on: bool = False


class Switch(Detector[Switched]):
    """Notes turn it on and off; remarks are told of where it is on, and change nothing."""

    about = About(id="SWITCH", version=1, title="Switch", description="Switch", subject="key")
    state = Switched
    retention_ms = 10**9

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(NOTES, own_keys, self.turn, once=False),
            Input(REMARKS, own_keys, self.tell, once=False, creates=False),
        )

    def turn(self, state: Switched, event: Event, ctx: Context) -> None:
        state.on = event.value.text == "on"

    def tell(self, state: Switched, event: Event, ctx: Context) -> None:
        if state.on:
            ctx.count(f"on.{ctx.key}.{event.position}")


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from(["on", "off", "tell", "tell"])),
        max_size=12,
    )
)
def test_two_workers_on_one_file_go_by_what_the_other_has_done(turns: list[tuple[bool, str, str]]) -> None:
    """Also where it would change nothing in a state, or there was no state to change."""
    with TemporaryDirectory() as folder:
        stores = [SqliteStore(Path(folder) / "two.db", durable=False) for _ in range(2)]
        workers = [worker(store, lambda: [Switch(lateness_ms=LATENESS)]) for store in stores]
        for one in workers:
            one.process(Batch(started()))
        on: dict[str, bool] = {}
        expected = set()
        for number, (second, key, what) in enumerate(turns):
            if what == "tell":
                workers[second].process(Batch([note(number, key, topic=REMARKS)]))
                if on.get(key):
                    expected.add(f"SWITCH.on.{key}.{number}")
            else:
                workers[second].process(Batch([note(number, key, text=what)]))
                on[key] = what == "on"
        assert {name for name in stores[0].counters() if ".on." in name} == expected
        for store in stores:
            store.close()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from(["a", "b", "ab"])), max_size=12))
def test_a_worker_that_loses_the_race_decides_again(turns: list[tuple[bool, bool, str]]) -> None:
    """The other worker commits between this one's decision and its commit."""
    store = MemoryStore()
    workers = [worker(store, lambda: [Summing(lateness_ms=LATENESS)]) for _ in range(2)]
    expected: dict[str, tuple[int, int]] = {}
    number = 0

    def take(one: Worker, keys: str) -> None:
        nonlocal number
        event = amount(number, *keys)
        for key in keys:
            total, count = expected.get(key, (0, 0))
            expected[key] = (total + 2**number, count + 1)
        number += 1
        one.process(Batch([event]))

    for second, raced, keys in turns:
        one, other = workers[second], workers[not second]

        def overtake(other: Worker = other, keys: str = keys) -> None:
            store.before_commit = lambda: None
            take(other, keys)

        if raced:
            store.before_commit = overtake
        take(one, keys)
    assert sums(store) == expected
    assert store.conflicts >= sum(raced for _, raced, _ in turns)


def test_a_lost_race_leaves_no_trace_in_the_counters_and_the_watermark() -> None:
    store, alone = MemoryStore(), MemoryStore()
    store.before_commit = Trouble(2, Conflict([("SUM", "a")]))
    batches = [[*started(), amount(1, "a")], [amount(2, "a"), clock(50)], [amount(3, "a")]]
    for where in (store, alone):
        one = worker(where, lambda: [Summing(lateness_ms=LATENESS)])
        for batch in batches:
            one.process(Batch(batch))
    assert store.counters() == alone.counters()
    assert store.watermark() == alone.watermark()
    assert about_states(store) == about_states(alone)


def test_a_batch_that_never_gets_through_is_given_up_and_may_be_given_again() -> None:
    store = MemoryStore()
    one = worker(store, lambda: [Summing(lateness_ms=LATENESS)])
    attempts = 0

    def refuse() -> None:
        nonlocal attempts
        attempts += 1
        raise Conflict([("SUM", "a")])

    store.before_commit = refuse
    with pytest.raises(RuntimeError, match="attempts"):
        one.process(Batch([*started(), amount(1, "a")]))
    assert attempts == ATTEMPTS
    store.before_commit = lambda: None
    one.process(Batch([*started(), amount(1, "a")]))
    assert sums(store) == {"a": (2, 1)}
    assert one.engine.watermark.value == BASE + 1 - LATENESS


class Capped(Summing):
    max_keys = 3
    retention_ms = 1_000


def test_every_so_often_the_store_is_swept() -> None:
    store = MemoryStore()
    one = worker(store, lambda: [Capped(lateness_ms=LATENESS), Recorder("A")])
    for number in range(2 * SWEEP_EVERY):
        assert len(store.sweeps) == number // SWEEP_EVERY
        one.process(Batch([clock(number)] * 3))
    mark = BASE - LATENESS
    caps = {"SUM": 3, "A": Recorder("A").max_keys}
    assert store.sweeps == [
        (mark + SWEEP_EVERY - 1, caps, SWEEP_LIMIT),
        (mark + 2 * SWEEP_EVERY - 1, caps, SWEEP_LIMIT),
    ]


def test_keys_dropped_for_the_cap_are_forgotten() -> None:
    store = MemoryStore()
    one = worker(store, lambda: [Capped(lateness_ms=LATENESS)])
    one.process(Batch([*started(), *(amount(number, str(number)) for number in range(6))]))
    for _ in range(SWEEP_EVERY - 1):
        one.process(Batch([clock(0)]))
    assert {key for _, key in store.states} == {"3", "4", "5"}
    one.process(Batch([amount(7, "0", "5")]))
    assert store.conflicts == 0
    assert sums(store)["0"] == (2**7, 1)
    assert sums(store)["5"] == (2**5 + 2**7, 2)


def test_keys_swept_because_they_expired_start_anew() -> None:
    """They were worth nothing any more, so it is as if they were still there."""
    store, unswept = MemoryStore(), MemoryStore()
    unswept.sweep = lambda *_: (0, [])  # type: ignore[method-assign]
    for where in (store, unswept):
        one = worker(where, lambda: [Capped(lateness_ms=LATENESS)])
        one.process(Batch([*started(), amount(0, "a"), amount(1, "b")]))
        for _ in range(SWEEP_EVERY - 1):
            one.process(Batch([clock(1_126 + LATENESS)]))
        one.process(Batch([note(1_127, "a", "b", text="8")]))
    assert sums(store) == sums(unswept) == {"a": (8, 1), "b": (10, 2)}
    assert store.conflicts == 0  # the worker does not go by what it remembers of them


def test_a_failure_in_a_stale_state_is_decided_again_on_the_fresh_one() -> None:
    """A worker fails on an event with what it remembers, but another has been there since."""
    store = MemoryStore()
    first, second = (worker(store, lambda: [Recorder("A")]) for _ in range(2))
    first.process(Batch([*started(), note(0, "a", text="n0")]))
    second.process(Batch([*started(), note(1, "a", text="n1")]))
    first.process(Batch([note(2, "a", text="n2", fails="A apply"), note(3, "a", text="n3")]))
    (stored,) = store.alerts()
    assert stored.alert.evidence["lines"] == ["n0@0", "n1@1", "n3@3"]
    assert [failure[2:] for failure in store.failures] == [("toy:2", "Oops: n2")]
