"""Runs one detector over the keys of a batch.

This is the inner loop: per event it costs a key function, a dictionary look-up and the handler.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.context import AFTER, APPLIED, WOKEN, Context, Derived, Place
from guardian.engine.detector import Detector, Input
from guardian.engine.plan import Failure, Plan, StateWrite
from guardian.engine.state import NEVER, UNBORN, Entry, KeyState, StateView
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS

Item = tuple[int, Event, Input, str | Sequence[str]]
"""An event for a key: its index in the slice, itself, the input that takes it, and what the key is."""

Link = tuple[Place, Event, Input]
"""A derived event for a key, and its place among the events."""

DerivedStream = str | tuple[str, str]
"""What derived events are told apart by: their topic; alerts by theirs and their type."""

NOWHERE = (-1, WOKEN, -NEVER)
"""Before any place."""

MAX_WAKES = 100_000
"""Wake-ups of one key in a row without an event: beyond that a detector re-arms itself for ever."""

SLACK = 8
"""A state is kept up to this fraction of its retention longer than it must be, so that what is known of its
expiry changes seldom: a state in which nothing else changes need not be stored again for it."""

_index = itemgetter(0)
_place = itemgetter(0)


class RestlessError(RuntimeError):
    """A detector re-arms itself for ever."""


class UnsoundError(Exception):
    """A step of a detector failed, and the state it began from is gone.

    The batch has to be decided again, with this detector run carefully.
    """

    def __init__(self, detector: str) -> None:
        self.detector = detector
        super().__init__(detector)


class Outcome(msgspec.Struct):
    """What a slice gave besides states: alerts in the order they were raised, and derived events."""

    alerts: list[Alert]
    derived: list[Derived]


class Runner:
    """One detector, its codec and its context.

    A batch is run slice by slice: `begin`, then `run` for each slice, then `finish`. States stay live in
    between and are encoded once, at the end.
    """

    def __init__(self, detector: Detector[Any], stage: int, site: str, zone: tzinfo) -> None:
        self.detector = detector
        self.id = detector.about.id
        # Those that open states come first: the others are passed over where there is none by then.
        self._inputs = sorted(detector.inputs, key=lambda given: not given.creates)
        self._streams = [(stream, given) for given in self._inputs for stream in _streams_of(given)]
        self._hears = {stream for stream, _ in self._streams}
        self._context = Context(detector.about, stage, site, zone)
        self._new_state: Callable[[], KeyState] = detector.state
        self._prefix = bytes([detector.state_version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(detector.state).decode
        self._kept_ms = detector.retention_ms + detector.retention_ms // SLACK
        # Of the batch:
        self._states: StateView
        self._held: Mapping[str, Entry] = {}
        self._touched: dict[str, Entry] = {}
        self._pending: list[tuple[int, str]] = []  # heap of the wake-ups that come in a later slice
        self._last = 0
        self._careful = False
        self._applied = 0
        # Of the slice:
        self._marks: Sequence[int] = []
        self._until = 0
        # Of the key:
        self._latest = NOWHERE

    def begin(self, states: StateView, due: Iterable[str], last: int, *, careful: bool) -> None:
        """Begins a batch.

        due: keys with a stored deadline that passes in it. last: the watermark at its end. careful: every
        step can be undone, and those that fail are; else a failure raises UnsoundError.
        """
        self._states, self._held = states, states.held(self.id)
        self._last, self._careful = last, careful
        self._touched, self._pending, self._applied = {}, [], 0
        self._context.clear()  # of what a batch left behind that could not be finished
        for key in due:
            wake = self._touch(key).state.wake
            if wake <= last:
                heappush(self._pending, (wake, key))

    def undo(self) -> None:
        """Takes back what was done to states since `begin`."""
        for entry in self._touched.values():
            entry.reset()

    def run(
        self,
        by_topic: dict[str, list[tuple[int, Event]]],
        derived: Mapping[DerivedStream, list[Derived]],
        marks: Sequence[int],
        until: int,
        plan: Plan,
    ) -> Outcome | None:
        """Applies what a slice holds for this detector; None: that is nothing.

        by_topic: the slice's events with their index in it. derived: what earlier detectors emitted.
        marks: the watermark after each event. until: the watermark at the end.
        """
        pending = self._pending
        if not (pending and pending[0][0] <= until):
            if self._hears.isdisjoint(by_topic) and self._hears.isdisjoint(derived):
                return None
        self._marks, self._until = marks, until
        context, touched, last = self._context, self._touched, self._last
        chained = self._chained(derived, plan)
        groups = self._by_key(by_topic, chained, plan)
        self._applied += sum(map(len, groups.values())) + sum(map(len, chained.values()))
        while pending and pending[0][0] <= until:
            groups[heappop(pending)[1]]  # it may have nothing but its wake-up
        for key, items in groups.items():
            links = chained.get(key, ()) if chained else ()
            entry = touched.get(key)
            if entry is None:
                entry = self._touch(key)
            context.key = key
            self._latest = NOWHERE
            if self._careful:
                self._try(entry, items, links, plan)
            else:
                try:
                    self._advance(entry, items, links)
                except Exception as error:
                    raise UnsoundError(self.id) from error
            wake = entry.state.wake
            if wake <= last:
                heappush(pending, (wake, key))
        outcome = Outcome(context.alerts, context.derived)
        context.alerts, context.derived = [], []
        return outcome

    def finish(self, plan: Plan) -> None:
        """Puts states, history and counters of the batch into `plan`."""
        for key, entry in self._touched.items():
            if entry.expires == UNBORN:
                entry.state = None  # nothing has come of it
            else:
                try:
                    data = self._prefix + self._encode(entry.state)
                except Exception as error:
                    raise UnsoundError(self.id) from error
                if data != entry.data or entry.expires != entry.stored_expires:
                    write = StateWrite(self.id, key, data, entry.state.wake, entry.expires, entry.version)
                    plan.states.append(write)
                    continue
            plan.unchanged.append((self.id, key, entry.version))
        context = self._context
        if self._applied:
            context.count("applied", self._applied)
        plan.counters.update(context.counters)
        plan.history += context.history

    def _by_key(
        self, by_topic: dict[str, list[tuple[int, Event]]], chained: Mapping[str, Any], plan: Plan
    ) -> dict[str, list[Item]]:
        groups: dict[str, list[Item]] = defaultdict(list)
        topics = 0
        for known in chained:
            groups[known]
        for given in self._inputs:
            indexed = by_topic.get(given.topic)
            if indexed is None:
                continue
            topics += 1
            key_of = given.key
            # Most events are of no interest to most detectors, so finding that out has to be the cheap part.
            items: list[Item]
            try:
                items = [
                    (index, event, given, key)
                    for index, event in indexed
                    if (key := key_of(event)) is not None
                ]
            except Exception:
                items = [
                    (index, event, given, key)
                    for index, event in indexed
                    if (key := self._key_carefully(given, event, plan)) is not None
                ]
            if not given.creates:
                self._add_to_possible(groups, items)
                continue
            for item in items:
                of = item[3]
                if of.__class__ is str:
                    groups[of].append(item)
                else:
                    for one in of:
                        groups[one].append(item)
        if topics > 1:
            for of_key in groups.values():
                if len(of_key) > 1:
                    of_key.sort(key=_index)
        return groups

    def _add_to_possible(self, groups: dict[str, list[Item]], items: Sequence[Item]) -> None:
        """Adds events that open no state to those of their keys that may have one."""
        possible = self._states.possible(self.id)
        for item in items:
            key = item[3]
            for one in (key,) if isinstance(key, str) else key:
                if one in groups or one in possible:
                    groups[one].append(item)

    def _key_carefully(self, given: Input, event: Event, plan: Plan) -> str | Sequence[str] | None:
        try:
            return given.key(event)
        except Exception as error:
            self._failed(plan, "", event.ref, error)
            return None

    def _failed(self, plan: Plan, key: str, what: str, error: Exception) -> None:
        plan.failures.append(Failure(self.id, key, what, f"{type(error).__name__}: {error}"))
        plan.counters[f"{self.id}.failed"] += 1

    def _chained(self, derived: Mapping[DerivedStream, list[Derived]], plan: Plan) -> dict[str, list[Link]]:
        """Derived events by key. Few, so not worth a fast path."""
        groups: dict[str, list[Link]] = {}
        for stream, given in self._streams:
            for place, event in derived.get(stream, ()):
                key = self._key_carefully(given, event, plan)
                if key is None:
                    continue
                for one in (key,) if isinstance(key, str) else key:
                    groups.setdefault(one, []).append((place, event, given))
        return groups

    def _touch(self, key: str) -> Entry:
        """The entry of a key that comes up for the first time in the batch."""
        entry = self._held.get(key)
        if entry is None:
            entry = self._states.load(self.id, key)
        if entry.state is None:
            entry.state = self._new_state() if entry.data is None else self._read(entry.data)
        self._touched[key] = entry
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

    def _advance(self, entry: Entry, items: Sequence[Item], links: Sequence[Link]) -> None:
        """Brings one key to the end of the slice."""
        if links:
            self._apply_chained(entry, items, links)
        else:
            self._apply(entry, items)
        if entry.state.wake <= self._until:
            self._wake(entry.state, self._until)

    def _try(self, entry: Entry, items: Sequence[Item], links: Sequence[Link], plan: Plan) -> None:
        """Like `_advance`; what fails is undone and told of."""
        mark, applied = self._context.mark(), self._applied
        before = self._encode(entry.state), entry.expires
        try:
            self._advance(entry, items, links)
            self._encode(entry.state)
        except Exception:
            self._context.rewind(mark)
            self._applied, self._latest = applied, NOWHERE
            entry.state, entry.expires = self._decode(before[0]), before[1]
            self._apply_carefully(entry, items, links, plan)

    def _apply(self, entry: Entry, items: Sequence[Item]) -> None:
        state, expires = entry.state, entry.expires
        context, marks, retention = self._context, self._marks, self.detector.retention_ms
        context.phase, context.due = APPLIED, 0
        for index, event, given, _ in items:
            mark = marks[index]
            if state.wake <= mark:
                self._wake(state, mark)
            if expires < mark and state.wake == NEVER:
                if not given.creates:
                    self._applied -= 1
                    continue
                state = entry.state = self._new_state()
            time = event.time
            if time + retention > expires:
                expires = entry.expires = time + self._kept_ms
            if given.once:
                identifier = event.id
                if identifier is not None and not state.seen.first_time(identifier, mark, retention):
                    context.count("duplicates")
                    continue
            context.now, context.index = time, index
            given.apply(state, event, context)
            if state.wake <= mark:
                self._wake(state, mark, index)

    def _apply_chained(self, entry: Entry, items: Sequence[Item], links: Sequence[Link]) -> None:
        """Like `_apply`, with derived events in their places among those of the batch."""
        done, until = 0, self._until
        for place, event, given in sorted(links, key=_place):
            # An event comes before what was derived from it, and after what its watermark let happen.
            if done < len(items):
                upto = bisect_left(items, place.step + (place.phase != WOKEN), lo=done, key=_index)
                if upto > done:
                    self._apply(entry, items[done:upto])
                    done = upto
            if entry.state.wake <= until:
                self._wake_before(entry.state, place)
            self._apply_one(entry, place, event, given)
        if done < len(items):
            self._apply(entry, items[done:])

    def _apply_one(self, entry: Entry, place: Place, event: Event, given: Input) -> None:
        marks, retention, context = self._marks, self.detector.retention_ms, self._context
        index = place.step
        mark = marks[index] if index < len(marks) else self._until
        if place.phase == WOKEN:
            # This happens at a deadline before the watermark's: later deadlines, and what they lead to, are
            # still to come.
            mark = min(mark, place.due - 1)
        if entry.expires < mark and entry.state.wake == NEVER:
            if not given.creates:
                self._applied -= 1
                return
            entry.state = self._new_state()
        if event.time + retention > entry.expires:
            entry.expires = event.time + self._kept_ms
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
    merged = [(Place(index, APPLIED, 0, -1, ""), event, given) for index, event, given, _ in items]
    merged += links
    merged.sort(key=_place)
    return merged


def _streams_of(given: Input) -> list[DerivedStream]:
    if given.topic != FRAUD_ALERTS:
        return [given.topic]
    return [(FRAUD_ALERTS, type_) for type_ in sorted(given.types)]
