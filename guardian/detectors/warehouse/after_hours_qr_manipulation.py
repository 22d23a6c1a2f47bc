"""AFTER_HOURS_QR_MANIPULATION: one person works on codes and books when nobody should.

An act is reported by the system it was done in (`employee-activity`), printing a code also by the printer
(`qr-code-scans`): it counts once. Who is on a night shift is known from the producer's own word on earlier
acts of the same person, so a printed code is judged when that word has arrived.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.person_acts import Act, ActsDetector, ActsState
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Input, TimeSettingsError
from guardian.engine.windows.episode import Episode
from guardian.events.hours import Hours
from guardian.events.model import Event
from guardian.events.topics import EMPLOYEE_ACTIVITY, QR_SCANS
from guardian.events.warehouse import QR_REGENERATED

ACTIONS = frozenset({"access_qr_system", "inventory_update", QR_REGENERATED})
"""What somebody has to do who prepares goods to disappear from the books."""

PRINTED = "code_printed"
"""Kind of an act that a printer reports: the same as QR_REGENERATED, seen from the other side."""


class AfterHoursQrManipulationParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """max_acts: more acts than this after hours within window_s are too many.
    shift_s: a producer's word on whether somebody works after hours holds for so long.
    clock_skew_s: how far the clocks of two devices may be apart.
    quiet_s: an episode is over when there was no such window for this long.
    """

    max_acts: int = 5
    window_s: float = 900.0
    shift_s: float = 28_800.0
    clock_skew_s: float = 5.0
    quiet_s: float = 3_600.0


class ManipulationState(ActsState):
    """One person. flags: when a producer said whether it was after hours for them, and what it said.
    printed: codes printed (when, reference), not judged yet.
    """

    flags: list[tuple[int, bool]] = msgspec.field(default_factory=list)
    printed: list[tuple[int, str]] = msgspec.field(default_factory=list)


FLAGS_CAP = 32
FLAGS_APART_MS = 60_000
"""Of the same word said again and again, one a minute is kept."""

PRINTED_CAP = 500


class AfterHoursQrManipulation(ActsDetector[ManipulationState]):
    state = ManipulationState
    about = About(
        id="AFTER_HOURS_QR_MANIPULATION",
        version=1,
        title="Codes and books changed after hours",
        description="Outside working hours, one person uses the code system, prints codes or changes the "
        "books again and again.",
        subject="employee",
        severities={Severity.HIGH: "somebody alone with the systems is preparing goods to leave"},
        blind_spots="Few acts at a time; acts within hours. Unplanned night work looks just the same.",
        runbook=(
            "Find out whether this person is at work, and on whose order.",
            "If not: block the account and send somebody to the site.",
            "Check the products whose codes or books were changed, on the shelf.",
        ),
    )

    def __init__(
        self,
        params: AfterHoursQrManipulationParams = AfterHoursQrManipulationParams(),
        *,
        hours: Hours,
        lateness_ms: int,
    ) -> None:
        self.params = params
        self._hours = hours
        self.window_ms = int(params.window_s * 1000)
        self.quiet_ms = int(params.quiet_s * 1000)
        self.shift_ms = int(params.shift_s * 1000)
        self.skew_ms = self.deferred_ms = int(params.clock_skew_s * 1000)
        self.minimum = params.max_acts + 1
        if not 0 <= self.skew_ms < self.window_ms <= self.quiet_ms:
            raise TimeSettingsError(
                f"{self.about.id}: clock_skew_s must be less than window_s, and that no more than quiet_s"
            )
        self.retention_ms = max(self.quiet_ms + self.window_ms, self.shift_ms) + self.skew_ms + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.quiet_ms, self.shift_ms) + self.skew_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            # The same word of the same time again changes nothing.
            Input(EMPLOYEE_ACTIVITY, _flagged, self._on_flag, once=False),
            Input(EMPLOYEE_ACTIVITY, self._acting, self._on_act),
            Input(QR_SCANS, _printed_by, self._on_printed),
        )

    def _acting(self, event: Event) -> str | None:
        value = event.value
        if value.action not in ACTIONS:
            return None
        after_hours = value.is_after_hours
        if after_hours is None:
            after_hours = self._hours.closed(event.time, value.employee_id)
        return value.employee_id if after_hours else None

    def _on_flag(self, state: ManipulationState, event: Event, ctx: Context) -> None:
        flags, said = state.flags, (event.time, event.value.is_after_hours)
        if said in flags:
            return
        insort(flags, said)
        place = flags.index(said)
        if _superfluous(flags, place):
            del flags[place]
            return
        for middle in (place + 1, place - 1):
            if _superfluous(flags, middle):
                del flags[middle]
        del flags[:-FLAGS_CAP]

    def _on_act(self, state: ManipulationState, event: Event, ctx: Context) -> None:
        self.take(state, Act(event.time, event.value.action, event.ref), ctx)
        self._rearm(state)

    def _on_printed(self, state: ManipulationState, event: Event, ctx: Context) -> None:
        if len(state.printed) >= PRINTED_CAP:
            ctx.count("buffer_full")
            return
        insort(state.printed, (event.time, event.ref))
        self._rearm(state)

    def on_wake(self, state: ManipulationState, at: int, ctx: Context) -> None:
        due = [one for one in state.printed if one[0] + self.skew_ms <= at]
        del state.printed[: len(due)]
        for time, ref in due:
            if self._after_hours(state, time, ctx.key):
                self.take(state, Act(time, PRINTED, ref), ctx)
        super().on_wake(state, at, ctx)
        self._rearm(state)

    def _rearm(self, state: ManipulationState) -> None:
        if state.printed:
            state.wake_by(state.printed[0][0] + self.skew_ms)

    def _after_hours(self, state: ManipulationState, time: int, employee: str) -> bool:
        for said_at, after_hours in reversed(state.flags):
            if said_at < time - self.shift_ms:
                break
            if said_at < time + self.skew_ms:
                return after_hours
        return self._hours.closed(time, employee)

    def measure(self, kinds: Mapping[str, int]) -> int:
        twofold = min(kinds.get(QR_REGENERATED, 0), kinds.get(PRINTED, 0))
        return sum(kinds.values()) - twofold

    def evidence(self, state: ManipulationState, episode: Episode) -> dict[str, Any]:
        kinds = self.kinds_in(state, episode)
        actions = [QR_REGENERATED if kind == PRINTED else kind for kind in kinds]
        return {
            "employee_id": state.employee,
            "acts_in_window": int(episode.peak),
            "actions": list(dict.fromkeys(actions)),
            "window_s": self.params.window_s,
        }

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        return (
            f"{alert.subject.id} did {', '.join(found['actions'])} after hours, between "
            f"{when(alert.started_at)} and {when(alert.ended_at)}: {found['acts_in_window']} times within "
            f"{found['window_s'] / 60:g} min."
        )


def _superfluous(flags: list[tuple[int, bool]], middle: int) -> bool:
    """Whether a word says no more than those before and after it."""
    if not 0 < middle < len(flags) - 1:
        return False
    before, after = flags[middle - 1], flags[middle + 1]
    return before[1] == flags[middle][1] == after[1] and after[0] - before[0] <= FLAGS_APART_MS


def _flagged(event: Event) -> str | None:
    value = event.value
    return value.employee_id if value.is_after_hours is not None else None


def _printed_by(event: Event) -> str | None:
    value = event.value
    return value.generated_by if value.action == QR_REGENERATED else None
