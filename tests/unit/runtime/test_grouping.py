"""Grouping: every record is in exactly one commit, and every answer says what became of that commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier, Event as Flag, Thread
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.engine.detector import Detector
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch, Plan
from guardian.events.model import Event, Rejected
from guardian.events.topics import FRAUD_ALERTS
from guardian.runtime.grouping import (
    BusyError,
    Done,
    Grouping,
    GroupLimits,
    NotCommittedError,
    StoppedError,
)
from guardian.runtime.worker import Worker
from tests.unit.engine.test_alerts_from_outside import told
from tests.unit.engine.toys import BASE, LATENESS, Recorder, note, started
from tests.unit.runtime.memory_store import Trouble
from tests.unit.runtime.test_worker import Summing, amount, sums

PATIENCE_S = 60.0
AT_ONCE = GroupLimits(most_wait_s=0.0)
LONG = GroupLimits(most_wait_s=PATIENCE_S * 10)


class Store(SqliteStore):
    """Says when a commit begins, and lets a test do something then; what it raises comes out of the store."""

    def __init__(self, path: Path | str = MEMORY) -> None:
        super().__init__(path, durable=False)
        self.before_commit: Callable[[], None] = lambda: None
        self.commits = 0

    def commit(self, plan: Plan) -> None:
        self.before_commit()
        super().commit(plan)
        self.commits += 1


class Gate:
    """Holds up whoever passes, until it is opened."""

    def __init__(self) -> None:
        self.reached, self._open = Flag(), Flag()

    def __call__(self) -> None:
        self.reached.set()
        assert self._open.wait(PATIENCE_S)

    def open(self) -> None:
        self._open.set()


class Clock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def worker(store: SqliteStore, detector: Callable[[], Detector[Any]] | None = None) -> Worker:
    one = detector() if detector is not None else Summing(lateness_ms=LATENESS)
    return Worker(Engine([one], site="toys", lateness_ms=LATENESS), store)


class Scene:
    """A grouping over a store in memory, and the batches that it has done."""

    def __init__(self, limits: GroupLimits = AT_ONCE, detector: Callable[[], Detector[Any]] | None = None):
        self.store = Store()
        self.clock = Clock()
        self.done: list[Done] = []
        self.grouping = Grouping(
            worker(self.store, detector),
            limits,
            idle_after_s=10.0,
            on_done=self.done.append,
            clock=self.clock,
        )

    @property
    def batches(self) -> list[list[int]]:
        """The numbers (see `numbered`) of the events of each batch."""
        return [[event.time - BASE for event in done.events] for done in self.done if done.requests]


@contextmanager
def running(grouping: Grouping) -> Iterator[Thread]:
    """The owner's thread; stopped at the end."""

    def run() -> None:
        with suppress(KeyboardInterrupt):
            grouping.run()

    thread = Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        grouping.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def numbered(number: int) -> Event:
    return amount(number, "a", id=f"id-{number}")


def bad(number: int) -> Rejected:
    return Rejected("notes", "text", "text: too bad", "toy", number, b"?")


def failed(answer: Future[None]) -> bool:
    error = answer.exception(PATIENCE_S)
    assert error is None or isinstance(error, NotCommittedError)
    return error is not None


def test_requests_that_arrive_during_a_commit_share_the_next() -> None:
    scene, gate = Scene(), Gate()
    scene.store.before_commit = gate
    barrier = Barrier(20)
    answers: list[Future[None]] = []

    def hand_in(number: int) -> None:
        barrier.wait(PATIENCE_S)
        answers.append(scene.grouping.submit([numbered(number)]))

    with running(scene.grouping):
        first = scene.grouping.submit([numbered(0)])
        assert gate.reached.wait(PATIENCE_S)
        threads = [Thread(target=hand_in, args=(number,)) for number in range(1, 21)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert not first.done()
        assert not any(answer.done() for answer in answers)
        gate.open()
        assert not any(failed(answer) for answer in [first, *answers])
    assert [len(batch) for batch in scene.batches] == [1, 20]
    assert sums(scene.store) == {"a": (2**21 - 1, 21)}
    assert scene.store.commits == 2


def test_a_request_is_answered_only_once_its_commit_is_done() -> None:
    scene = Scene()
    answer: list[Future[None]] = []
    before: list[bool] = []
    scene.store.before_commit = lambda: before.append(answer[0].done())
    answer.append(scene.grouping.submit([numbered(3)]))
    with running(scene.grouping):
        assert not failed(answer[0])
        assert sums(scene.store) == {"a": (8, 1)}
    assert before == [False]


def test_requests_wait_for_others_until_enough_are_there() -> None:
    scene = Scene(GroupLimits(most_records=3, most_wait_s=PATIENCE_S * 10))
    with running(scene.grouping):
        answers = [scene.grouping.submit([numbered(number)]) for number in range(3)]
        assert not any(failed(answer) for answer in answers)
    assert scene.batches == [[0, 1, 2]]


def test_a_request_waits_no_longer_than_it_may() -> None:
    scene = Scene(GroupLimits(most_wait_s=0.005))
    scene.grouping.submit([numbered(0)])
    scene.clock.now += 0.005
    answer = scene.grouping.submit([numbered(1)])
    with running(scene.grouping):
        assert not failed(answer)
    assert scene.batches == [[0, 1]]


def test_no_request_is_cut_and_no_batch_is_larger_than_it_may_be() -> None:
    scene = Scene(GroupLimits(most_records=3, most_wait_s=0.0))
    for numbers in ([0], [1], [2, 3], [4, 5, 6, 7], [8], [9, 10]):
        scene.grouping.submit([numbered(number) for number in numbers])
    scene.grouping.stop()
    scene.grouping.run()
    assert scene.batches == [[0, 1], [2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_poison_is_put_into_quarantine_and_is_done_with() -> None:
    scene = Scene()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([], [bad(7)]))
        assert not failed(scene.grouping.submit([numbered(1)]))
    assert list(scene.store.quarantine()) == [bad(7)]
    assert sums(scene.store) == {"a": (2, 1)}


def test_a_commit_that_fails_fails_its_own_requests_and_no_others() -> None:
    scene = Scene(GroupLimits(most_records=2, most_wait_s=0.0))
    troubles = iter([None, OSError("secret"), None])

    def trouble() -> None:
        if (error := next(troubles)) is not None:
            raise error

    scene.store.before_commit = trouble
    answers = [scene.grouping.submit([numbered(number)]) for number in range(6)]
    scene.grouping.stop()
    scene.grouping.run()
    assert [failed(answer) for answer in answers] == [False, False, True, True, False, False]
    assert "secret" not in str(answers[2].exception())
    assert sums(scene.store) == {"a": (0b110011, 4)}
    assert [done.plan is None for done in scene.done] == [False, True, False]


def test_when_as_much_waits_as_may_wait_requests_are_refused() -> None:
    scene, gate = Scene(GroupLimits(most_wait_s=0.0, most_waiting=3)), Gate()
    scene.store.before_commit = gate
    with running(scene.grouping):
        answers = [scene.grouping.submit([numbered(0)])]
        assert gate.reached.wait(PATIENCE_S)
        answers += [scene.grouping.submit([numbered(number)]) for number in (1, 2)]
        with pytest.raises(BusyError):
            scene.grouping.submit([numbered(3), numbered(4)])
        answers.append(scene.grouping.submit([], [bad(5)]))
        with pytest.raises(BusyError):
            scene.grouping.submit([], [bad(6)])
        assert scene.grouping.waiting == 3
        gate.open()
        assert not any(failed(answer) for answer in answers)
        assert not failed(scene.grouping.submit([numbered(7)]))
        assert scene.grouping.waiting == 0
    assert sums(scene.store) == {"a": (0b10000111, 4)}


def test_one_request_may_be_larger_than_what_may_wait() -> None:
    """Else nobody could ever hand it in."""
    scene = Scene(GroupLimits(most_records=1, most_wait_s=0.0, most_waiting=1))
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([numbered(number) for number in range(5)]))


def test_a_stop_takes_no_more_and_commits_what_waits() -> None:
    scene, gate = Scene(LONG), Gate()
    scene.store.before_commit = gate
    with running(scene.grouping) as owner:
        answers = [scene.grouping.submit([numbered(0)] * 500)]
        assert gate.reached.wait(PATIENCE_S)
        answers += [scene.grouping.submit([numbered(number)]) for number in range(1, 5)]
        assert scene.grouping.running
        scene.grouping.stop()
        assert not scene.grouping.running
        with pytest.raises(StoppedError):
            scene.grouping.submit([numbered(9)])
        with pytest.raises(StoppedError):
            scene.grouping.ask_tick()
        gate.open()
        assert not any(failed(answer) for answer in answers)
        owner.join(PATIENCE_S)
        assert not owner.is_alive()
        assert scene.grouping.alive
    assert scene.batches[1] == [1, 2, 3, 4]


def test_when_the_owner_dies_nobody_waits_for_ever() -> None:
    scene, gate = Scene(), Gate()

    def die() -> None:
        gate()
        raise KeyboardInterrupt

    scene.store.before_commit = die
    with running(scene.grouping) as owner:
        answers = [scene.grouping.submit([numbered(0)])]
        assert gate.reached.wait(PATIENCE_S)
        answers += [scene.grouping.submit([numbered(1)]), scene.grouping.ask_tick()]
        gate.open()
        assert all(failed(answer) for answer in answers)
        owner.join(PATIENCE_S)
        assert not scene.grouping.alive
        assert not scene.grouping.running
        with pytest.raises(StoppedError):
            scene.grouping.submit([numbered(2)])


def test_somebody_who_gives_up_waiting_disturbs_nobody() -> None:
    scene, gate = Scene(), Gate()
    scene.store.before_commit = gate
    with running(scene.grouping):
        scene.grouping.submit([numbered(0)])
        assert gate.reached.wait(PATIENCE_S)
        impatient, patient = scene.grouping.submit([numbered(1)]), scene.grouping.submit([numbered(2)])
        assert impatient.cancel()
        gate.open()
        assert not failed(patient)
    assert sums(scene.store) == {"a": (7, 3)}


def test_a_callback_that_fails_changes_nothing() -> None:
    store = Store()

    def fail(done: Done) -> None:
        raise RuntimeError

    grouping = Grouping(worker(store), AT_ONCE, idle_after_s=10.0, on_done=fail)
    with running(grouping):
        assert not failed(grouping.submit([numbered(0)]))
        assert not failed(grouping.submit([numbered(1)]))
    assert sums(store) == {"a": (3, 2)}


# --- Deadlines


def waits_50_ms() -> Scene:
    """A toy that wants to be woken 50 ms after its event, if the streams are silent for 10 s."""
    return Scene(AT_ONCE, lambda: Recorder("A"))


def woken(scene: Scene) -> bool:
    (stored,) = scene.store.alerts()
    return "woken 50" in stored.alert.evidence["lines"]


def test_deadlines_pass_by_the_clock_once_the_streams_are_silent() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50)]))
        scene.clock.now += 9.9
        assert not failed(scene.grouping.ask_tick())
        assert not woken(scene)
        scene.clock.now += 0.1
        assert not failed(scene.grouping.ask_tick())
        assert woken(scene)
        assert scene.grouping.watermark == BASE - LATENESS + 10_000


def test_alerts_that_are_told_do_not_end_the_silence() -> None:
    """Those of this part come back as well, and deadlines are what raises them."""
    scene = Scene(detector=lambda: Recorder("R"))
    with running(scene.grouping):
        scene.grouping.submit([*started(), note(1, "k", wake=15_000)]).result(PATIENCE_S)
        scene.clock.now += 9.0
        rejected = Rejected(FRAUD_ALERTS, None, "no alert", "fraud-alerts", 0, b"")
        scene.grouping.submit([told(1)], [rejected]).result(PATIENCE_S)
        scene.clock.now += 5.0
        scene.grouping.ask_tick().result(PATIENCE_S)
        assert not scene.done[-1].plan.alerts
        scene.grouping.submit([told(2)]).result(PATIENCE_S)
        scene.clock.now += 2.0
        scene.grouping.ask_tick().result(PATIENCE_S)
    assert scene.done[-1].plan.alerts


def test_a_request_ends_the_silence() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        scene.grouping.submit([*started(), note(0, "a", wake=50)])
        scene.clock.now += 9.9
        assert not failed(scene.grouping.submit([], [bad(1)]))
        scene.clock.now += 9.9
        assert not failed(scene.grouping.ask_tick())
        assert not woken(scene)


def test_nothing_is_concluded_from_silence_while_something_is_to_come_again() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50)]))
        answer: list[bool] = []

        def refuse() -> None:
            raise OSError

        scene.store.before_commit = refuse
        answer.append(failed(scene.grouping.submit([note(1, "a")])))
        scene.store.before_commit = lambda: None
        scene.clock.now += AT_ONCE.redelivery_s
        assert not failed(scene.grouping.ask_tick())
        assert answer == [True]
        assert not woken(scene)
        scene.clock.now += 10.0
        assert not failed(scene.grouping.ask_tick())
        assert woken(scene)


def test_what_fails_for_ever_does_not_hold_up_deadlines_for_ever() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50)]))
        for _ in range(8):
            scene.store.before_commit = Trouble(1, OSError())
            assert failed(scene.grouping.submit([note(1, "a")]))
            assert not woken(scene)
            scene.clock.now += 9.0
        assert not failed(scene.grouping.ask_tick())
        assert woken(scene)


def test_each_failure_after_a_success_is_waited_for() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        for _ in range(3):
            assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50, id="once")]))
            scene.clock.now += AT_ONCE.redelivery_s
            scene.store.before_commit = Trouble(1, OSError())
            assert failed(scene.grouping.submit([note(1, "a")]))
            scene.clock.now += AT_ONCE.redelivery_s
            assert not failed(scene.grouping.ask_tick())
            assert not woken(scene)


def test_a_refused_request_ends_the_silence_too() -> None:
    scene, gate = Scene(GroupLimits(most_wait_s=0.0, most_waiting=1), lambda: Recorder("A")), Gate()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50)]))
        scene.store.before_commit = gate
        first = scene.grouping.submit([], [bad(1)])
        assert gate.reached.wait(PATIENCE_S)
        second = scene.grouping.submit([], [bad(2)])
        scene.clock.now += 100.0
        with pytest.raises(BusyError):
            scene.grouping.submit([note(3, "a")])
        gate.open()
        assert not failed(first)
        assert not failed(second)
        scene.clock.now += 9.9
        assert not failed(scene.grouping.ask_tick())
        assert not woken(scene)


def test_a_tick_that_fails_says_so_and_may_be_asked_for_again() -> None:
    scene = waits_50_ms()
    with running(scene.grouping):
        assert not failed(scene.grouping.submit([*started(), note(0, "a", wake=50)]))

        def refuse() -> None:
            scene.store.before_commit = lambda: None
            raise OSError

        scene.store.before_commit = refuse
        scene.clock.now += 10.0
        assert failed(scene.grouping.ask_tick())
        # The store was away, so events may be on their way again.
        assert not failed(scene.grouping.ask_tick())
        assert not woken(scene)
        scene.clock.now += AT_ONCE.redelivery_s + 10.0
        assert not failed(scene.grouping.ask_tick())
        assert woken(scene)


def test_a_tick_is_answered_while_a_request_waits_for_others() -> None:
    scene = Scene(LONG)
    with running(scene.grouping):
        waiting = scene.grouping.submit([numbered(0)])
        scene.clock.now += 60.0
        assert not failed(scene.grouping.ask_tick())
        assert not waiting.done()
        assert not scene.done
    assert not failed(waiting)


# --- Whatever happens

Sizes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=14)


@given(Sizes, st.integers(1, 6), st.sets(st.integers(0, 13)))
def test_every_record_is_in_one_batch_in_order_and_answers_are_true(
    sizes: list[tuple[int, int]], most: int, troubles: set[int]
) -> None:
    scene = Scene(GroupLimits(most_records=most, most_wait_s=0.0, most_waiting=1_000))
    attempts = iter(range(1_000))

    def trouble() -> None:
        if next(attempts) in troubles:
            raise OSError

    scene.store.before_commit = trouble
    requests: list[tuple[list[Event], list[Rejected], Future[None]]] = []
    number = 0
    for events, rejected in sizes:
        given_events = [numbered(number + offset) for offset in range(events)]
        given_rejected = [bad(number + offset) for offset in range(rejected)]
        number += max(events, rejected)
        answer = scene.grouping.submit(given_events, given_rejected)
        requests.append((given_events, given_rejected, answer))
    scene.grouping.stop()
    scene.grouping.run()

    assert [event for done in scene.done for event in done.events] == [e for one in requests for e in one[0]]
    assert [record for done in scene.done for record in done.rejected] == [
        record for one in requests for record in one[1]
    ]
    assert all(len(done.events) + len(done.rejected) <= most or done.requests == 1 for done in scene.done)
    left = iter(requests)
    for done in scene.done:
        mine = [next(left) for _ in range(done.requests)]
        assert [event for one in mine for event in one[0]] == list(done.events)
        assert all(failed(answer) == (done.plan is None) for _, _, answer in mine)
    stored = [one for one in requests if not failed(one[2])]
    total = sum(int(event.value.text) for events, _, _ in stored for event in events)
    count = sum(len(events) for events, _, _ in stored)
    assert sums(scene.store) == ({"a": (total, count)} if count else {})
    assert list(scene.store.quarantine()) == [record for _, rejected, _ in stored for record in rejected]


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 10), st.integers(1, 5), st.sets(st.integers(0, 40), max_size=10))
def test_threads_side_by_side_send_again_what_failed_until_all_is_there_once(
    threads: int, each: int, most: int, troubles: set[int]
) -> None:
    """Ids make it safe to send again, whether or not the first attempt was stored."""
    scene = Scene(GroupLimits(most_records=most, most_wait_s=0.0, most_waiting=threads))
    attempts = iter(range(100_000))

    def trouble() -> None:
        if next(attempts) in troubles:
            raise OSError

    scene.store.before_commit = trouble
    scene.grouping.submit([*started()])
    barrier = Barrier(threads)

    def send(mine: Sequence[int]) -> None:
        barrier.wait(PATIENCE_S)
        for number in mine:
            while failed(scene.grouping.submit([numbered(number)])):
                pass

    with running(scene.grouping):
        senders = [
            Thread(target=send, args=(range(first, threads * each, threads),)) for first in range(threads)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(PATIENCE_S)
    assert sums(scene.store) == {"a": (2 ** (threads * each) - 1, threads * each)}
    times = [event.time for done in scene.done if done.plan is not None for event in done.events]
    for first in range(threads):
        of_thread = [time for time in times if (time - BASE) % threads == first and time > BASE]
        assert of_thread == sorted(of_thread)


# --- Several workers on one file


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sets(st.sampled_from("abc"))), max_size=24))
def test_two_workers_on_one_file_decide_on_what_the_other_has_written(
    turns: list[tuple[bool, bool, set[str]]],
) -> None:
    """Each through a connection and a cache of its own, as two processes would; in some turns the other one
    commits the same keys between this one's decision and its commit."""
    with TemporaryDirectory() as folder:
        stores = [Store(Path(folder) / "shared.db") for _ in range(2)]
        workers = [worker(store) for store in stores]
        try:
            for one in workers:
                one.process(Batch(started()))
            expected: dict[str, tuple[int, int]] = {}
            number = 0

            def take(which: bool, keys: set[str]) -> None:
                nonlocal number
                event = amount(number, *sorted(keys), id=f"id-{number}")
                for key in keys:
                    total, count = expected.get(key, (0, 0))
                    expected[key] = (total + 2**number, count + 1)
                number += 1
                workers[which].process(Batch([event]))

            for second, raced, keys in turns:

                def overtake(second: bool = second, keys: set[str] = keys) -> None:
                    stores[second].before_commit = lambda: None
                    take(not second, keys)

                if raced:
                    stores[second].before_commit = overtake
                take(second, keys)
            assert sums(stores[0]) == sums(stores[1]) == expected
        finally:
            for store in stores:
                store.close()


def test_a_batch_says_which_records_of_which_partition_are_in_it() -> None:
    scene = Scene(LONG)

    def record(source: str, position: int) -> Event:
        return msgspec.structs.replace(amount(position, "a"), source=source, position=position)

    rejected = Rejected("notes", None, "not JSON", "notes/0", 7, b"?")
    with running(scene.grouping):
        answers = [
            scene.grouping.submit([record("notes/0", 5), record("notes/1", 5)]),
            scene.grouping.submit([record("notes/0", 6), record("fraud-alerts", 3)], [rejected]),
        ]
    assert all(answer.result(PATIENCE_S) is None for answer in answers)
    (done,) = (done for done in scene.done if done.requests)
    assert done.plan is not None
    assert done.plan.arrived == {"notes/0": [5, 6, 7], "notes/1": [5]}
