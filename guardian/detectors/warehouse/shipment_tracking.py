"""Follows every shipment: which goods were marked as shipped for it, and whether a truck took them.

This is not a detector of its own: it emits what becomes of every mark, and MASS_SHIPMENT_FRAUD and
SHIPPED_BUT_PRESENT decide what that means.

The marks of a shipment form runs: marks no further apart than the truck window. A mark is taken when a
departure of its shipment, whose manifest (if there is one) lists the goods, lies between one window before
the first mark of its run and one window after the last, yet no further from the mark itself than a truck
takes to load besides. Once such a departure can come no more, the mark is untaken. Marks without a shipment
id are one shipment per person, which no departure can name.
"""

from __future__ import annotations

import msgspec

from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL, SHIPPING
from guardian.events.warehouse import IN_STOCK, SHIPPED

SHIPMENT_MARKS = "shipment-marks"
"""Derived stream: `Marks`, when goods are marked and when it is known what became of them."""

OPEN, TAKEN, UNTAKEN = "open", "taken", "untaken"


class ShipmentTrackingParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """truck_window_s: a truck leaves at most this long before the first or after the last mark of a run.
    loading_s: a truck is loaded for this long at most: marks further than that, and the window, from its
        departure are not its goods, however long a run of marks goes on.
    journey_s: how long goods may be in transit: a truck that left no longer ago is theirs.
    """

    truck_window_s: float = 600.0
    loading_s: float = 3_600.0
    journey_s: float = 7 * 86_400.0


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """An article was marked as gone. quantity: units. employee: who did it. ref: the record."""

    product_id: str
    location: str
    employee: str
    time: int
    quantity: int
    ref: str
    status: str


class Marks(msgspec.Struct, array_like=True, frozen=True):
    """What became of some marks of one shipment.

    shipment: its id; "" when the marks name none. outcome: OPEN, TAKEN or UNTAKEN. truck_at: when the truck
    that took them left, epoch ms.
    """

    shipment: str
    outcome: str
    marks: list[Mark]
    truck_at: int | None = None


class Departure(msgspec.Struct, array_like=True, frozen=True):
    """A truck left. goods: what its manifest lists; None: it lists nothing, and so contradicts nothing."""

    time: int
    goods: frozenset[str] | None


class ShipmentState(KeyState):
    """One shipment. waiting: marks without a truck so far, by their record. given_up: those that no truck can
    take any more, unless its departure comes in late. runs: first and last mark of each run, by time."""

    waiting: dict[str, Mark] = msgspec.field(default_factory=dict)
    given_up: dict[str, Mark] = msgspec.field(default_factory=dict)
    departures: list[Departure] = msgspec.field(default_factory=list)
    runs: list[tuple[int, int]] = msgspec.field(default_factory=list)


MARKS_CAP = 10_000
DEPARTURES_CAP = 64
PERSON = "\x1f"
"""Before a person's id where it stands for the shipment of the marks without one."""


class ShipmentTracking(Detector[ShipmentState]):
    state = ShipmentState
    emits = (SHIPMENT_MARKS,)
    about = About(
        id="SHIPMENT_TRACKING",
        version=1,
        title="Shipments and their trucks",
        description="Follows which goods were marked as shipped, and whether a truck took them.",
        subject="shipment",
        blind_spots="A departure without a manifest takes whatever was marked for its shipment at the time.",
    )

    def __init__(
        self, params: ShipmentTrackingParams = ShipmentTrackingParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.window_ms = int(params.truck_window_s * 1000)
        self.loading_ms = int(params.loading_s * 1000)
        self.journey_ms = int(params.journey_s * 1000)
        self.retention_ms = self.journey_ms
        if min(self.window_ms, self.loading_ms) <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: truck_window_s and loading_s must be longer than the allowed lateness"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.loading_ms + 2 * self.window_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A mark is known by its record, a departure by its time: either of them again changes nothing.
        return (
            Input(INVENTORY_DIGITAL, _shipment_marked, self._on_mark, once=False),
            Input(SHIPPING, _shipment_left, self._on_departure, once=False),
        )

    def _on_mark(self, state: ShipmentState, event: Event, ctx: Context) -> None:
        value, ref = event.value, event.ref
        if ref in state.waiting or ref in state.given_up:
            return
        if len(state.waiting) >= MARKS_CAP:
            ctx.count("buffer_full")
            return
        mark = Mark(
            value.product_id, value.location, value.updated_by, event.time, value.quantity, ref, value.status
        )
        shipment = _shipment(ctx.key)
        reach = self._extend_runs(state.runs, mark.time) if mark.status == SHIPPED else None
        truck = self._truck_of(state, mark)
        if truck is None:
            state.waiting[ref] = mark
            state.wake_by(self._last_chance(state, mark) + 1)
            ctx.emit(SHIPMENT_MARKS, Marks(shipment, OPEN, [mark]), mark.time)
        else:
            ctx.emit(SHIPMENT_MARKS, Marks(shipment, TAKEN, [mark], truck.time), mark.time)
        if reach and any(reach[0] <= left.time <= reach[1] for left in state.departures):
            # The run is longer now, and its truck may have taken what was marked before, too.
            self._take(state, shipment, mark.time, ctx)

    def _on_departure(self, state: ShipmentState, event: Event, ctx: Context) -> None:
        manifest = event.value.manifest
        left = Departure(event.time, frozenset(item.product_id for item in manifest) if manifest else None)
        if left in state.departures:
            return
        state.departures.append(left)
        state.departures.sort(key=_time)
        if len(state.departures) > DEPARTURES_CAP:
            ctx.count("buffer_full")
            del state.departures[0]
        self._take(state, _shipment(ctx.key), event.time, ctx)

    def _take(self, state: ShipmentState, shipment: str, time: int, ctx: Context) -> None:
        """Tells of the marks that a truck turns out to have taken."""
        by_truck: dict[int, list[Mark]] = {}
        for marks in (state.waiting, state.given_up):
            for ref, mark in list(marks.items()):
                truck = self._truck_of(state, mark)
                if truck is not None:
                    by_truck.setdefault(truck.time, []).append(mark)
                    del marks[ref]
        for truck_at, taken in sorted(by_truck.items()):
            ctx.emit(SHIPMENT_MARKS, Marks(shipment, TAKEN, taken, truck_at), time)

    def _truck_of(self, state: ShipmentState, mark: Mark) -> Departure | None:
        """The first departure that took the goods of a mark, if one did."""
        if not state.departures:
            return None
        time = mark.time
        if mark.status == SHIPPED:
            first = max(_run_of(state.runs, time)[0], time - self.loading_ms) - self.window_ms
        else:  # on its way already, or there: its truck may have left long ago
            first = time - self.journey_ms
        last = self._last_chance(state, mark)
        for left in state.departures:
            if first <= left.time <= last and (left.goods is None or mark.product_id in left.goods):
                return left
        return None

    def _last_chance(self, state: ShipmentState, mark: Mark) -> int:
        """Until when a departure may still take the goods of a mark."""
        return min(_run_of(state.runs, mark.time)[1], mark.time + self.loading_ms) + self.window_ms

    def _extend_runs(self, runs: list[tuple[int, int]], time: int) -> tuple[int, int] | None:
        """Adds a mark's time to the runs, joining those it bridges.

        Returns between which times a departure concerns the run; None if it has not become longer.
        """
        gap = self.window_ms
        first = last = time
        apart = []
        for run in runs:
            if run[0] - gap <= time <= run[1] + gap:
                first, last = min(first, run[0]), max(last, run[1])
            elif run[1] > time - self.span_ms:
                apart.append(run)
        if (first, last) in runs:
            return None
        runs[:] = sorted([*apart, (first, last)])
        return first - gap, last + gap

    def on_wake(self, state: ShipmentState, at: int, ctx: Context) -> None:
        untaken = [mark for mark in state.waiting.values() if self._last_chance(state, mark) < at]
        if untaken:
            untaken.sort(key=_time)
            for mark in untaken:
                del state.waiting[mark.ref]
            kept = [mark for mark in state.given_up.values() if mark.time > at - 2 * self.span_ms]
            state.given_up = {mark.ref: mark for mark in (*kept, *untaken)}
            ctx.emit(SHIPMENT_MARKS, Marks(_shipment(ctx.key), UNTAKEN, untaken), at)
        if state.waiting:
            state.wake = min(self._last_chance(state, mark) for mark in state.waiting.values()) + 1


def _run_of(runs: list[tuple[int, int]], time: int) -> tuple[int, int]:
    """First and last mark of the run that a time lies in."""
    return next((run for run in runs if run[0] <= time <= run[1]), (time, time))


def _time(timed: Mark | Departure) -> int:
    return timed.time


def _shipment(key: str) -> str:
    return "" if key.startswith(PERSON) else key


def _shipment_marked(event: Event) -> str | None:
    value = event.value
    if value.status == IN_STOCK:
        return None
    shipment: str | None = value.shipment_id
    return shipment if shipment is not None else PERSON + value.updated_by


def _shipment_left(event: Event) -> str:
    shipment: str = event.value.shipment_id
    return shipment
