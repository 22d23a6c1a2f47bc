"""Runs one detector over the keys of a batch.

This is the inner loop: per event it costs a key function, a dictionary look-up and the handler.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from functools import partial
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.context import AFTER, APPLIED, WOKEN, Context, Derived, Place
from guardian.engine.detector import Detector, Input
from guardian.engine.plan import Failure, Plan, StateWrite
from guardian.engine.state import NEVER, Entry, KeyState, StateView
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS

Item = tuple[int, Event, Input]
"""An event for a key: its index in the batch, itself, and the input that takes it."""

Link = tuple[Place, Event, Input]
"""A derived event for a key, and its place among the events."""

NOWHERE = (-1, WOKEN, -NEVER)
"""Before any place."""

MAX_WAKES = 100_000
"""Wake-ups of one key in a row without an event: beyond that a detector re-arms itself for ever."""


class RestlessError(RuntimeError):
    """A detector re-arms itself for ever."""


class Outcome(msgspec.Struct):
    """What a run gave besides states: alerts in the order they were raised, and derived events."""

    alerts: list[Alert]
    derived: list[Derived]


class Runner:
    """One detector, its codec and its context."""

    def __init__(self, detector: Detector[Any], stage: int, site: str, zone: tzinfo) -> None:
        self.detector = detector
        self.id = detector.about.id
        self._inputs = detector.inputs
        self._context = Context(detector.about, stage, site, zone)
        self._new_state: Callable[[], KeyState] = detector.state
        self._prefix = bytes([detector.state_version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(detector.state).decode
        self._marks: list[int] = []
        self._until = 0
        self._latest = NOWHERE

    def run(
        self,
        by_topic: dict[str, list[tuple[int, Event]]],
        derived: dict[str, list[Derived]],
        due: Iterable[str],
        marks: list[int],
        until: int,
        states: StateView,
        plan: Plan,
    ) -> Outcome:
        """Applies what a batch holds for this detector; states, history and counters go into `plan`.

        by_topic: the batch's events with their index. derived: what earlier detectors emitted.
        due: keys with a stored deadline that has passed. marks: the watermark after each event.
        until: the watermark at the end.
        """
        self._marks, self._until = marks, until
        context = self._context
        context.clear()  # of what a batch left behind that could not be finished
        groups = self._by_key(by_topic, plan)
        chained = self._chained(derived, plan)
        for key in (*due, *chained):
            groups.setdefault(key, [])
        applied = 0
        for key, items in groups.items():
            links = chained.get(key)
            applied += len(items) + (len(links) if links else 0)
            mark = context.mark() if context.counters else None
            sizes = len(context.alerts), len(context.derived), len(context.history)
            entry = self._entry(states, key)
            context.key = key
            self._latest = NOWHERE
            try:
                if links is None:
                    self._apply(entry, items)
                else:
                    self._apply_chained(entry, items, links)
                self._wake(entry.state, until)
                data = self._encode(entry.state)
            except Exception:
                context.rewind(mark or (*sizes, type(context.counters)()))
                states.reload(self.id, key)
                self._latest = NOWHERE
                entry = self._entry(states, key)
                self._apply_carefully(entry, items, links or (), plan)
                data = self._encode(entry.state)
            plan.states.append(
                StateWrite(self.id, key, self._prefix + data, entry.state.wake, entry.expires, entry.version)
            )
        if applied:
            plan.counters[f"{self.id}.applied"] += applied
        plan.counters.update(context.counters)
        context.counters.clear()
        plan.history += context.history
        outcome = Outcome(context.alerts, context.derived)
        context.history, context.alerts, context.derived = [], [], []
        return outcome

    def _by_key(self, by_topic: dict[str, list[tuple[int, Event]]], plan: Plan) -> dict[str, list[Item]]:
        groups: dict[str, list[Item]] = {}
        topics = 0
        for given in self._inputs:
            indexed = by_topic.get(given.topic)
            if indexed is None:
                continue
            topics += 1
            key_of = given.key
            # Most events are of no interest to most detectors, so finding that out has to be the cheap part.
            try:
                keyed = [
                    (key, index, event) for index, event in indexed if (key := key_of(event)) is not None
                ]
            except Exception:
                keyed = [
                    (key, index, event)
                    for index, event in indexed
                    if (key := self._key_carefully(given, event, plan)) is not None
                ]
            for key, index, event in keyed:
                for one in (key,) if key.__class__ is str else key:
                    try:
                        groups[one].append((index, event, given))
                    except KeyError:
                        groups[one] = [(index, event, given)]
        if topics > 1:
            for items in groups.values():
                items.sort(key=_index)
        return groups

    def _key_carefully(self, given: Input, event: Event, plan: Plan) -> str | Sequence[str] | None:
        try:
            return given.key(event)
        except Exception as error:
            self._failed(plan, "", event.ref, error)
            return None

    def _failed(self, plan: Plan, key: str, what: str, error: Exception) -> None:
        plan.failures.append(Failure(self.id, key, what, f"{type(error).__name__}: {error}"))
        plan.counters[f"{self.id}.failed"] += 1

    def _chained(self, derived: dict[str, list[Derived]], plan: Plan) -> dict[str, list[Link]]:
        """Derived events by key. Few, so not worth a fast path."""
        groups: dict[str, list[Link]] = {}
        for given in self._inputs:
            for place, event in derived.get(given.topic, ()):
                if not _wanted(given, event):
                    continue
                key = self._key_carefully(given, event, plan)
                if key is None:
                    continue
                for one in (key,) if isinstance(key, str) else key:
                    groups.setdefault(one, []).append((place, event, given))
        return groups

    def _entry(self, states: StateView, key: str) -> Entry:
        entry = states.get(self.id, key)
        if entry is None:
            entry = states.create(self.id, key)
        if entry.state is None:
            data = entry.data
            entry.state = self._new_state() if data is None else self._read(data)
            entry.data = None
        return entry

    def _read(self, data: bytes) -> KeyState:
        """The stored state; a new one, counted, if it is of another version or damaged."""
        if data[:1] == self._prefix:
            try:
                state: KeyState = self._decode(memoryview(data)[1:])
            except msgspec.DecodeError:
                pass
            else:
                return state
        self._context.count("state_reset")
        return self._new_state()

    def _apply(self, entry: Entry, items: Sequence[Item]) -> None:
        state = entry.state
        context, marks, retention = self._context, self._marks, self.detector.retention_ms
        context.phase, context.due = APPLIED, 0
        for index, event, given in items:
            mark = marks[index]
            if state.wake <= mark:
                self._wake(state, mark)
            if entry.expires < mark and state.wake == NEVER:
                state = entry.state = self._new_state()
            time = event.time
            if time + retention > entry.expires:
                entry.expires = time + retention
            identifier = event.id
            if (
                identifier is not None
                and given.once
                and not state.seen.first_time(identifier, mark, retention)
            ):
                context.count("duplicates")
                continue
            context.now, context.index = time, index
            given.apply(state, event, context)
            if state.wake <= mark:
                self._wake(state, mark, index)

    def _apply_chained(self, entry: Entry, items: Sequence[Item], links: Sequence[Link]) -> None:
        """Like `_apply`, with derived events in their places among those of the batch."""
        done = 0
        for place, event, given in sorted(links, key=_place):
            # An event comes before what was derived from it, and after what its watermark let happen.
            upto = bisect_left(items, place.step + (place.phase != WOKEN), lo=done, key=_index)
            if upto > done:
                self._apply(entry, items[done:upto])
                done = upto
            self._wake_before(entry.state, place)
            self._apply_one(entry, place, event, given)
        self._apply(entry, items[done:] if done else items)

    def _apply_one(self, entry: Entry, place: Place, event: Event, given: Input) -> None:
        marks, retention, context = self._marks, self.detector.retention_ms, self._context
        index = place.step
        mark = marks[index] if index < len(marks) else self._until
        if place.phase == WOKEN:
            # This happens at a deadline before the watermark's: later deadlines, and what they lead to, are
            # still to come.
            mark = min(mark, place.due - 1)
        if entry.expires < mark and entry.state.wake == NEVER:
            entry.state = self._new_state()
        entry.expires = max(entry.expires, event.time + retention)
        if event.id is not None and given.once and not entry.state.seen.first_time(event.id, mark, retention):
            context.count("duplicates")
            return
        context.now, context.index, context.phase, context.due = event.time, index, place.phase, place.due
        given.apply(entry.state, event, context)
        context.phase, context.due = APPLIED, 0
        if entry.state.wake <= mark:
            self._latest = max(self._latest, place[:3])
            self._wake(entry.state, mark, None if place.phase == WOKEN else index)

    def _wake(self, state: Any, mark: int, after: int | None = None) -> None:
        """Fires what is due by `mark`; `after` is the event that has just asked for a time already past."""
        for _ in range(MAX_WAKES):
            if state.wake > mark:
                return
            self._fire(state, after)
        raise RestlessError(f"asked {MAX_WAKES} times in a row to be woken")

    def _wake_before(self, state: Any, place: Place) -> None:
        for _ in range(MAX_WAKES):
            if not self._due_before(state, place):
                return
            self._fire(state)
        raise RestlessError(f"asked {MAX_WAKES} times in a row to be woken")

    def _fire(self, state: Any, after: int | None = None) -> None:
        context, at = self._context, state.wake
        state.wake = NEVER
        if after is None:
            place = bisect_left(self._marks, at), WOKEN, at
        else:
            place = after, AFTER, at
        # A wake-up that asks for an earlier one comes before it all the same.
        self._latest = max(place, self._latest)
        context.index, context.phase, context.due = self._latest
        context.now = at
        self.detector.on_wake(state, at, context)
        context.phase, context.due = APPLIED, 0

    def _due_before(self, state: Any, place: Place) -> bool:
        """Whether a wake-up comes before `place`. At the same instant, derived events go before wake-ups."""
        at = state.wake
        return at <= self._until and (bisect_left(self._marks, at), WOKEN, at) < place[:3]

    def _apply_carefully(
        self,
        entry: Entry,
        items: Sequence[Item],
        links: Sequence[Link],
        plan: Plan,
    ) -> None:
        """Takes one step at a time and undoes those that raise: they fail, the rest goes on."""

        def attempt(what: str, step: Callable[[], None]) -> bool:
            mark = self._context.mark()
            before = self._encode(entry.state), entry.expires
            try:
                step()
                self._encode(entry.state)  # what cannot be stored has failed, too
            except Exception as error:
                self._context.rewind(mark)
                entry.state, entry.expires = self._decode(before[0]), before[1]
                self._failed(plan, self._context.key, what, error)
                return False
            return True

        def fire_while(is_due: Callable[[], bool]) -> None:
            for _ in range(MAX_WAKES):
                if not is_due():
                    return
                if not attempt(f"deadline {entry.state.wake}", lambda: self._fire(entry.state)):
                    entry.state.wake = NEVER  # given up, not retried for ever
            entry.state.wake = NEVER
            error = RestlessError(f"asked {MAX_WAKES} times in a row to be woken")
            self._failed(plan, self._context.key, "deadline", error)

        for place, event, given in _in_order(items, links):
            fire_while(lambda place=place: self._due_before(entry.state, place))  # type: ignore[misc]
            attempt(event.ref, partial(self._apply_one, entry, place, event, given))
        fire_while(lambda: bool(entry.state.wake <= self._until))


def _in_order(items: Sequence[Item], links: Sequence[Link]) -> list[Link]:
    """Events of the batch and derived events in one order; a stable sort keeps emissions of one call."""
    merged = [(Place(index, APPLIED, 0, -1, ""), event, given) for index, event, given in items]
    merged += links
    merged.sort(key=_place)
    return merged


def _index(item: Item) -> int:
    return item[0]


def _place(item: Link) -> Place:
    return item[0]


def _wanted(given: Input, event: Event) -> bool:
    return event.topic != FRAUD_ALERTS or event.value.type in given.types
