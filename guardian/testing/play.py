"""Plays events through an engine as a worker would: decide, commit, and only then the next batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from guardian.alerts.model import Alert
from guardian.engine.detector import Detector
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch, Failure, HistoryRow, Plan
from guardian.engine.state import NEVER
from guardian.engine.watermark import Watermark
from guardian.events.model import Event
from guardian.testing.cases import Case, unmet
from guardian.testing.states import MemoryStates
from guardian.testing.ways import IN_ONE_BATCH, Way

Detectors: TypeAlias = Callable[[], Sequence[Detector[Any]]]
"""Makes detectors afresh: after a crash nothing of the old ones is left."""

SITE = "test-site"
LATENESS_MS = 5_000


class Outcome(msgspec.Struct):
    """What was committed, all batches together."""

    alerts: dict[str, Alert] = {}
    history: dict[tuple[str, str], HistoryRow] = {}
    failures: list[Failure] = []
    counters: Counter[str] = msgspec.field(default_factory=Counter)

    def add(self, plan: Plan) -> None:
        """Takes over what a plan says, the way a store does."""
        self.alerts |= msgspec.convert(_stored(plan.alerts), dict[str, Alert])
        self.history |= {
            (row.kind, row.id): msgspec.structs.replace(row, row=_stored(row.row)) for row in plan.history
        }
        self.failures += plan.failures
        self.counters += plan.counters

    def encoded(self) -> bytes:
        """Alerts and history as bytes, to be compared."""
        rows = [self.history[name] for name in sorted(self.history)]
        return msgspec.json.encode((dict(sorted(self.alerts.items())), rows))


def play(
    events: Sequence[Event],
    detectors: Detectors,
    way: Way = IN_ONE_BATCH,
    *,
    lateness_ms: int = LATENESS_MS,
) -> Outcome:
    """Plays `events`, in order of arrival, the given way, and lets every deadline pass in the end."""
    events = _numbered(events, identified=way.identified)

    def started() -> Engine:
        return Engine(detectors(), site=SITE, lateness_ms=lateness_ms, slice_events=way.slice_events)

    engine = started()
    if not way.cold and events:
        running = Watermark(lateness_ms, newest=min(one.time for one in events))
        engine.restore(msgspec.msgpack.encode(running))
    states = MemoryStates()
    outcome = Outcome()

    def commit(plan: Plan) -> None:
        states.commit(plan)
        outcome.add(plan)

    for batch in way.cut(events, lateness_ms):
        plan = engine.process(Batch(batch), states)
        commit(plan)
        if way.crash:
            engine = started()
            engine.restore(plan.watermark)
            states.sweep(engine.watermark.value)
    while way.by_clock and (due := states.next_due()) < NEVER:
        commit(engine.tick(due - engine.watermark.newest + lateness_ms, states))
    commit(engine.finish(states))
    return outcome


def problems(case: Case, detectors: Detectors, way: Way, *, lateness_ms: int = LATENESS_MS) -> list[str]:
    """What is wrong when `case` is played the given way: a line each, none if all is well."""
    if way.in_time_only and _late(case.events, lateness_ms):
        return []
    outcome = play(case.events, detectors, way, lateness_ms=lateness_ms)
    lines = [f"failed: {one.detector} on {one.event}: {one.error}" for one in outcome.failures]
    if not way.cold:
        lines += unmet(case.expect, list(outcome.alerts.values()), details=way.identical)
    if way.identical and way is not IN_ONE_BATCH:
        plain = msgspec.structs.replace(IN_ONE_BATCH, identified=way.identified, cold=way.cold)
        reference = play(case.events, detectors, plain, lateness_ms=lateness_ms)
        if outcome.encoded() != reference.encoded():
            lines += [f"{way.name}: not the same as in one batch", *_apart(reference, outcome)]
    if way is IN_ONE_BATCH:
        lines += _kept(case, outcome)
        lines += [
            f"counter {name}: {outcome.counters[name]} instead of {number}"
            for name, number in case.counts.items()
            if outcome.counters[name] != number
        ]
    return lines


def _numbered(events: Sequence[Event], *, identified: bool) -> list[Event]:
    """Each event with its own position; if `identified`, with an id of its own where it has none."""
    return [
        msgspec.structs.replace(
            one, position=number, id=f"id-{number}" if identified and one.id is None else one.id
        )
        for number, one in enumerate(events, 1)
    ]


def _late(events: Sequence[Event], lateness_ms: int) -> int:
    newest = min((one.time for one in events), default=0)
    return Watermark(lateness_ms, newest=newest).observe(events)[1]


def _kept(case: Case, outcome: Outcome) -> list[str]:
    if case.history is None:
        return []
    rows = [row.row for row in outcome.history.values()]
    lines = [] if len(rows) == len(case.history) else [f"{len(rows)} rows kept: {rows}"]
    for wanted in case.history:
        if not any(wanted.items() <= row.items() for row in rows):
            lines.append(f"no row kept with {wanted} among {rows}")
    return lines


def _stored(thing: Any) -> Any:
    """What JSON leaves of something: a store keeps no more."""
    return msgspec.json.decode(msgspec.json.encode(thing))


def _apart(reference: Outcome, outcome: Outcome) -> list[str]:
    """Where two outcomes differ, for people."""
    lines = []
    for was, now in ((reference.alerts, outcome.alerts), (reference.history, outcome.history)):
        for name in dict.fromkeys((*was, *now)):
            before, after = _stored(was.get(name)) or {}, _stored(now.get(name)) or {}
            lines += [
                f"{name} {field}: {after.get(field)!r} instead of {before.get(field)!r}"
                for field in dict.fromkeys((*before, *after))
                if before.get(field) != after.get(field)
            ]
    return lines
