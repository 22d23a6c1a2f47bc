"""Toy detectors that write down everything that happens to them, and states that are only ever bytes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch, Plan
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS
from guardian.testing.states import MemoryStates

NOTES, CLOCK = "notes", "clock"
REMARKS, WHISPERS = "remarks", "whispers"
"""Streams whose notes open no state; whispers are what toys emit."""
BASE = 1_750_000_000_000
"""Event times below are offsets from here."""
LATENESS = 10
LONG = 10**9

Key = Callable[[Event], str | Sequence[str] | None]


class Oops(Exception):
    """What a toy raises when its event tells it to."""


class Note(msgspec.Struct, frozen=True):
    """What a toy event says, and what it makes the detectors do.

    wake: ms after the event at which they want to be woken; negative is in the past.
    woken: what they do then: "again" (once more, 7 ms later) or "back" (once more, 5 ms earlier).
    fails: whom it makes raise, and when: "A apply", "B wake".
    """

    keys: tuple[str, ...]
    text: str = ""
    wake: int | None = None
    woken: str = ""
    fails: str = ""


class Log(KeyState):
    """Everything that happened to one key, in order, and what is still to happen."""

    since: int = 0
    lines: list[str] = msgspec.field(default_factory=list)
    agenda: list[tuple[int, str, str]] = msgspec.field(default_factory=list)


def own_keys(event: Event) -> tuple[str, ...]:
    return event.value.keys


def one_key(event: Event) -> str:
    return "all"


class Recorder(Detector[Log]):
    """Tells with every step all it knows: in an alert, to those that listen to it, and for history."""

    state = Log

    def __init__(
        self,
        name: str,
        listens: Mapping[str, Key] | None = None,
        *,
        emits: tuple[str, ...] = (),
        types: frozenset[str] = frozenset(),
        retention_ms: int = LONG,
        state_version: int = 1,
    ) -> None:
        self.about = About(
            id=name, version=1, title=name, description=name, subject="toy", runbook=("look", "think")
        )
        self.emits = emits
        self.retention_ms = retention_ms
        self.state_version = state_version
        self._inputs = tuple(
            Input(topic, key, self.hear, creates=topic not in (REMARKS, WHISPERS))
            for topic, key in (listens or {NOTES: own_keys}).items()
        )
        if types:
            self._inputs += (Input(FRAUD_ALERTS, one_key, self.hear_alert, types),)
        super().__init__(lateness_ms=LATENESS)

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return self._inputs

    def hear(self, state: Log, event: Event, ctx: Context) -> None:
        note: Note = event.value
        self._record(state, ctx, f"{note.text}@{event.time - BASE}", note)
        if note.wake is not None:
            at = event.time + note.wake
            state.agenda.append((at, note.woken, note.fails))
            state.wake_by(at)
        if note.fails == f"{self.about.id} apply":
            raise Oops(note.text)

    def hear_alert(self, state: Log, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        self._record(state, ctx, f"{alert.type}/{alert.subject.id}#{alert.count}@{event.time - BASE}", None)

    def on_wake(self, state: Log, at: int, ctx: Context) -> None:
        ready = sorted(one for one in state.agenda if one[0] <= at)
        state.agenda = [one for one in state.agenda if one[0] > at]
        for due, what, fails in ready:
            # What it makes others do comes half as late again, so that deadlines of all stages mix.
            self._record(state, ctx, f"woken {due - BASE}", Note((ctx.key,), "", 13, "", fails))
            if what == "again":
                state.agenda.append((due + 7, "", fails))
            elif what == "back":
                state.agenda.append((due - 5, "", fails))
            if fails == f"{self.about.id} wake":
                raise Oops(f"woken {due - BASE}")
        for due, _, _ in state.agenda:
            state.wake_by(due)

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        return f"{alert.subject.id}: {alert.count} lines, the last {alert.evidence['lines'][-1]}."

    def _record(self, state: Log, ctx: Context, line: str, note: Note | None) -> None:
        if not state.lines:
            state.since = ctx.now
        state.lines.append(line)
        ctx.alert(
            episode=str(state.since),
            subject=ctx.key,
            severity=Severity.LOW,
            event_time=state.since,
            count=len(state.lines),
            evidence={"lines": list(state.lines), "nothing": None},
        )
        ctx.keep("line", f"{self.about.id}/{ctx.key}/{state.since}/{len(state.lines)}", ctx.now, line)
        ctx.count("lines")
        if note is not None:
            text = f"{self.about.id}/{ctx.key}:{line}"
            for topic in self.emits:
                ctx.emit(topic, msgspec.structs.replace(note, text=text), ctx.now)


def note(
    time: int, *keys: str, text: str = "n", id: str | None = None, topic: str = NOTES, **more: Any
) -> Event:
    """A toy event, `time` ms after BASE."""
    return Event(topic, BASE + time, Note(keys, text, **more), id, "toy", time, b"")


def clock(time: int) -> Event:
    """An event that no detector listens to: only time passes."""
    return Event(CLOCK, BASE + time, None, None, "clock", time, b"")


def started() -> list[Event]:
    """Three events that let the watermark begin at BASE - LATENESS."""
    return [clock(0)] * 3


def pieces(events: Sequence[Event], cuts: Iterable[int]) -> list[list[Event]]:
    """The events cut up before each of the given places."""
    places = sorted({0, len(events), *(cut for cut in cuts if 0 <= cut <= len(events))})
    return [list(events[a:b]) for a, b in itertools.pairwise(places)]


class Outcome(NamedTuple):
    """All that a run came to: alerts as bytes, and everything else in an order-free form."""

    alerts: dict[str, bytes]
    history: dict[tuple[str, str], tuple[int, str]]
    failures: Counter[tuple[str, str, str, str]]
    counters: Counter[str]

    def log(self, detector: str, key: str = "all") -> list[str]:
        """What the last alert about this key says happened to it."""
        (found,) = self.logs(detector, key)
        return found

    def logs(self, detector: str, key: str = "all") -> list[list[str]]:
        """The same, for a key that was forgotten in between."""
        decoded = (msgspec.json.decode(alert, type=Alert) for alert in self.alerts.values())
        found = [alert for alert in decoded if (alert.type, alert.subject.id) == (detector, key)]
        return [alert.evidence["lines"] for alert in sorted(found, key=lambda alert: alert.event_time)]


def run(
    detectors: Sequence[Detector[Any]],
    steps: Iterable[Sequence[Event] | int],
    *,
    finish: bool = True,
    sweep: bool = False,
    states: MemoryStates | None = None,
    slice_events: int = 1_024,
) -> Outcome:
    """Runs an engine over batches and silences (ms), with states and watermark as bytes in between.

    sweep: expired states are deleted after every step. slice_events: how a batch is run inside the engine.
    """
    engine = Engine(detectors, site="toys", lateness_ms=LATENESS, slice_events=slice_events)
    states = MemoryStates() if states is None else states
    outcome = Outcome({}, {}, Counter(), Counter())

    def take(plan: Plan) -> None:
        states.commit(plan)
        engine.restore(plan.watermark)
        if sweep:
            states.sweep(engine.watermark.value)
        outcome.alerts.update({name: msgspec.json.encode(alert) for name, alert in plan.alerts.items()})
        outcome.history.update({(row.kind, row.id): (row.time, row.row) for row in plan.history})
        outcome.failures.update((one.detector, one.key, one.event, one.error) for one in plan.failures)
        outcome.counters.update(plan.counters)

    for step in steps:
        if isinstance(step, int):
            take(engine.tick(step, states))
        else:
            take(engine.process(Batch(list(step)), states))
    if finish:
        take(engine.finish(states))
    return outcome
