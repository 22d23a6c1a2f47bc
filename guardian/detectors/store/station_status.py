"""Station status: how each station is now.

This is not a detector of its own: it raises nothing, and keeps the latest of each station for those who ask.
"""

from __future__ import annotations

import msgspec

from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event
from guardian.events.store import ACTIVE, READ_ERROR, SYSTEM_CRASH
from guardian.events.topics import POS, QUEUE, RECOGNITION, RFID

STATIONS = "stations"
"""Kind of the history rows kept: one a station, by its id."""

WORKING, BLIND, CRASHED = "active", "read_error", "crashed"
"""What a station can be. Blind: one of its devices could not read, lately."""


class StationStatusParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """hold_s: a station is published this often at most.
    quiet_s: a crash or a read error is over when no device has reported one for this long.
    """

    hold_s: float = 10.0
    quiet_s: float = 20.0


class StationRow(msgspec.Struct, frozen=True):
    """A station. Times are epoch ms; None: not known.

    status: `active`, `read_error` or `crashed`. queue: customers. average_dwell_s: seconds they wait.
    last_sale, last_rfid: of the last sale, and of the last item its reader saw. updated_at: of the last
    change.
    """

    site: str
    station_id: str
    status: str
    queue: int | None
    average_dwell_s: float | None
    last_sale: int | None
    last_rfid: int | None
    crashed_since: int | None
    updated_at: int


class Trouble(msgspec.Struct, array_like=True):
    """A run of reports that something is wrong: the first and the last of it."""

    first: int
    last: int


class StationState(KeyState):
    """One station. Times are epoch ms.

    sampled_at: of the queue. crash, error: while it lasts; calm: the last report of those that are over.
    as_of: when something changed. told: when it was published; untold: not as it is now.
    """

    queue: int | None = None
    dwell: float | None = None
    sampled_at: int = -NEVER
    last_sale: int | None = None
    last_rfid: int | None = None
    crash: Trouble | None = None
    error: Trouble | None = None
    calm: int = -NEVER
    as_of: int = -NEVER
    told: int = -NEVER
    untold: bool = False


class StationStatus(Detector[StationState]):
    state = StationState
    publishes = (STATIONS,)
    about = About(
        id="STATION_STATUS",
        version=1,
        title="Station status",
        description="Keeps how each station is now: its queue, its last sale, and whether it is down.",
        subject="station",
        blind_spots="A station that falls silent stays as it was last heard of.",
    )
    retention_ms = 7 * 86_400_000

    def __init__(self, params: StationStatusParams = StationStatusParams(), *, lateness_ms: int) -> None:
        self.hold_ms = int(params.hold_s * 1000)
        self.quiet_ms = int(params.quiet_s * 1000)
        if self.hold_ms < 0 or self.quiet_ms <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: hold_s cannot be negative, and quiet_s must be longer than the allowed "
                f"lateness ({lateness_ms} ms)"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.hold_ms, self.quiet_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        # Everything is known by its time: it again changes nothing.
        return (
            Input(POS, _station, self._on_sale, once=False),
            Input(RFID, _station_that_sees, self._on_read, once=False),
            Input(QUEUE, _station, self._on_sample, once=False),
            Input(RECOGNITION, _station_in_trouble, self._on_trouble, once=False),
        )

    def _on_sale(self, state: StationState, event: Event, ctx: Context) -> None:
        if event.value.status != ACTIVE:
            self._on_trouble(state, event, ctx)
        elif state.last_sale is None or event.time > state.last_sale:
            state.last_sale = event.time
            self._changed(state, event.time, ctx)

    def _on_read(self, state: StationState, event: Event, ctx: Context) -> None:
        if event.value.status != ACTIVE:
            self._on_trouble(state, event, ctx)
        elif state.last_rfid is None or event.time > state.last_rfid:
            state.last_rfid = event.time
            self._changed(state, event.time, ctx)

    def _on_sample(self, state: StationState, event: Event, ctx: Context) -> None:
        sample = event.value
        if sample.status != ACTIVE:
            self._on_trouble(state, event, ctx)
        elif event.time > state.sampled_at:
            state.sampled_at = event.time
            count, dwell = sample.data.customer_count, sample.data.average_dwell_time
            if (count, dwell) != (state.queue, state.dwell):
                state.queue, state.dwell = count, dwell
                self._changed(state, event.time, ctx)

    def _on_trouble(self, state: StationState, event: Event, ctx: Context) -> None:
        time, status = event.time, event.value.status
        if time <= state.calm or status not in {SYSTEM_CRASH, READ_ERROR}:
            return
        known = state.crash if status == SYSTEM_CRASH else state.error
        if known is not None and known.first <= time <= known.last + self.quiet_ms:
            known.last = max(known.last, time)
            return
        begun = Trouble(time, time if known is None or time > known.last else known.last)
        if status == SYSTEM_CRASH:
            state.crash = begun
        else:
            state.error = begun
        state.wake_by(begun.last + self.quiet_ms)
        self._changed(state, time, ctx)

    def _changed(self, state: StationState, time: int, ctx: Context) -> None:
        as_of = state.as_of = max(state.as_of, time)
        if as_of >= state.told + self.hold_ms:
            self._publish(state, as_of, ctx)
        elif not state.untold:
            state.untold = True
            state.wake_by(state.told + self.hold_ms)

    def on_wake(self, state: StationState, at: int, ctx: Context) -> None:
        if state.crash is not None and state.crash.last + self.quiet_ms <= at:
            state.calm, state.crash = max(state.calm, state.crash.last), None
            state.as_of, state.untold = max(state.as_of, at), True
        if state.error is not None and state.error.last + self.quiet_ms <= at:
            state.calm, state.error = max(state.calm, state.error.last), None
            state.as_of, state.untold = max(state.as_of, at), True
        if state.untold and at >= state.told + self.hold_ms:
            self._publish(state, at, ctx)
        else:
            self._rearm(state)

    def _rearm(self, state: StationState) -> None:
        """Asks to be woken when there is something to do, and not for what is done already."""
        state.wake = state.told + self.hold_ms if state.untold else NEVER
        for trouble in (state.crash, state.error):
            if trouble is not None:
                state.wake_by(trouble.last + self.quiet_ms)

    def _publish(self, state: StationState, now: int, ctx: Context) -> None:
        state.told, state.untold = now, False
        self._rearm(state)
        if state.crash is not None:
            status = CRASHED
        else:
            status = WORKING if state.error is None else BLIND
        row = StationRow(
            site=ctx.site,
            station_id=ctx.key,
            status=status,
            queue=state.queue,
            average_dwell_s=state.dwell,
            last_sale=state.last_sale,
            last_rfid=state.last_rfid,
            crashed_since=None if state.crash is None else state.crash.first,
            updated_at=state.as_of,
        )
        ctx.keep(STATIONS, ctx.key, state.as_of, row)


def _station(event: Event) -> str:
    station: str = event.value.station_id
    return station


def _station_that_sees(event: Event) -> str | None:
    """Most readings are heartbeats, which change nothing."""
    value = event.value
    data = value.data
    if data.epc is None and data.sku is None and value.status == ACTIVE:
        return None
    station: str = value.station_id
    return station


def _station_in_trouble(event: Event) -> str | None:
    value = event.value
    return None if value.status == ACTIVE else value.station_id
