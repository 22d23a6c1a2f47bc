"""Watches what else the people do who mark goods as shipped.

This is not a detector of its own: it emits what makes a marking suspicious, and MASS_SHIPMENT_FRAUD
decides what that means. A person may act at one place and mark goods of another, so this is kept by person.
"""

from __future__ import annotations

import msgspec

from guardian.detectors.warehouse.places import site_of
from guardian.detectors.warehouse.shipment_tracking import OPEN, SHIPMENT_MARKS
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.hours import Hours
from guardian.events.model import Event
from guardian.events.topics import EMPLOYEE_ACTIVITY, QR_SCANS
from guardian.events.warehouse import QR_REGENERATED

MARKER_CONDUCT = "marker-conduct"
"""Derived stream: a `Conduct` when somebody who marks goods does what corroborates a suspicion."""

AFTER_HOURS, REGENERATED_CODES = "after_hours", "regenerated_codes"


class MarkerConductParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """near_s: what a person does this long before or after marking goods is seen together with it.
    min_regenerated: codes of so many products printed anew count; one or two are everyday work.
    shift_s: a producer's word on whether somebody is at work after hours holds for so long.
    """

    near_s: float = 3_600.0
    min_regenerated: int = 3
    shift_s: float = 28_800.0


class Conduct(msgspec.Struct, array_like=True, frozen=True):
    """A person who marked goods of a site: after hours, or having printed codes anew at about the time."""

    employee: str
    site: str
    kind: str
    time: int


class ConductState(KeyState):
    """One person. marked: when they last marked goods, by site. flag: the producer's last word on after
    hours. regenerated: products whose codes they printed anew, and when. told: when a site was last told
    what."""

    marked: dict[str, int] = msgspec.field(default_factory=dict)
    flag: tuple[int, bool] | None = None
    regenerated: dict[str, int] = msgspec.field(default_factory=dict)
    told: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)


KEPT = 64
"""Sites, and regenerated products, remembered of a person: the latest."""

TELL_AGAIN_MS = 600_000


class MarkerConduct(Detector[ConductState]):
    state = ConductState
    emits = (MARKER_CONDUCT,)
    about = About(
        id="MARKER_CONDUCT",
        version=1,
        title="What people do who mark goods as shipped",
        description="Tells when whoever marks goods does so after hours, or has printed codes anew.",
        subject="employee",
        blind_spots="People who use somebody else's account.",
    )

    def __init__(
        self, params: MarkerConductParams = MarkerConductParams(), *, hours: Hours, lateness_ms: int
    ) -> None:
        self.params = params
        self._hours = hours
        self.near_ms = int(params.near_s * 1000)
        self.shift_ms = int(params.shift_s * 1000)
        self.retention_ms = max(self.shift_ms, self.near_ms) + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.near_ms, self.shift_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        # Everything is kept by its latest time: again changes nothing.
        return (
            Input(EMPLOYEE_ACTIVITY, _flagged, self._on_activity, once=False),
            Input(QR_SCANS, _regenerated_by, self._on_regenerated, once=False),
            Input(SHIPMENT_MARKS, _marked_by, self._on_marks, once=False),
        )

    def _on_activity(self, state: ConductState, event: Event, ctx: Context) -> None:
        if state.flag is None or state.flag[0] <= event.time:
            state.flag = event.time, event.value.is_after_hours
        if event.value.is_after_hours:
            self._tell_where_marked(state, AFTER_HOURS, event.time, ctx)

    def _on_regenerated(self, state: ConductState, event: Event, ctx: Context) -> None:
        known = state.regenerated
        product = event.value.product_id
        known[product] = max(event.time, known.get(product, event.time))
        if len(known) > KEPT:
            del known[min(known, key=known.__getitem__)]
        if self._printed_anew(state, event.time):
            self._tell_where_marked(state, REGENERATED_CODES, event.time, ctx)

    def _on_marks(self, state: ConductState, event: Event, ctx: Context) -> None:
        for mark in event.value.marks:
            if mark.employee != ctx.key:
                continue
            site, time = site_of(mark.location), mark.time
            state.marked[site] = max(time, state.marked.get(site, time))
            if len(state.marked) > KEPT:
                del state.marked[min(state.marked, key=state.marked.__getitem__)]
            if self._after_hours(state, time, ctx.key):
                self._tell(state, site, AFTER_HOURS, time, ctx)
            if self._printed_anew(state, time):
                self._tell(state, site, REGENERATED_CODES, time, ctx)

    def _after_hours(self, state: ConductState, time: int, employee: str) -> bool:
        if state.flag is not None and abs(time - state.flag[0]) <= self.shift_ms:
            return state.flag[1]
        return self._hours.closed(time, employee)

    def _printed_anew(self, state: ConductState, time: int) -> bool:
        near = sum(abs(time - at) <= self.near_ms for at in state.regenerated.values())
        return near >= self.params.min_regenerated

    def _tell_where_marked(self, state: ConductState, kind: str, time: int, ctx: Context) -> None:
        for site, marked in state.marked.items():
            if abs(time - marked) <= self.near_ms:
                self._tell(state, site, kind, time, ctx)

    def _tell(self, state: ConductState, site: str, kind: str, time: int, ctx: Context) -> None:
        """Once, and again from time to time while it goes on."""
        told = state.told.setdefault(site, {})
        if len(state.told) > KEPT:
            del state.told[next(iter(state.told))]
        if kind not in told or abs(time - told[kind]) > TELL_AGAIN_MS:
            told[kind] = time
            ctx.emit(MARKER_CONDUCT, Conduct(ctx.key, site, kind, time), time)


def _flagged(event: Event) -> str | None:
    value = event.value
    return value.employee_id if value.is_after_hours is not None else None


def _regenerated_by(event: Event) -> str | None:
    value = event.value
    return value.generated_by if value.action == QR_REGENERATED else None


def _marked_by(event: Event) -> list[str]:
    told = event.value
    return list({mark.employee: None for mark in told.marks}) if told.outcome == OPEN else []
