"""QR_LOCATION_MISMATCH: a genuine code was scanned where nothing says that its goods should be."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.code_registry import CODE_MISFITS, ELSEWHERE, CodeMisfit
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.engine.windows.episode import MAX_REFS
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL


class QrLocationMismatchParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """settle_s: the books may follow a move by this much.
    recorded_days: a place that the books gave for the product is a place for it this long.
    """

    settle_s: float = 120.0
    recorded_days: float = 30.0


class Stray(msgspec.Struct, array_like=True, frozen=True):
    """A scan of a code away from the place on its label."""

    time: int
    ref: str
    qr_id: str
    place: str
    recorded: str
    scanner: str | None


class Found(msgspec.Struct, array_like=True):
    """What an alert says of a code in a place."""

    start: int
    end: int
    detected_at: int
    refs: list[str]
    count: int = 1


class PlacesState(KeyState):
    """One product. places: where the books put it: the first and the last time they said so. waiting: scans
    that the books may yet explain. found: by code and place.
    """

    places: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    waiting: list[Stray] = msgspec.field(default_factory=list)
    found: dict[str, Found] = msgspec.field(default_factory=dict)


SEPARATOR = "\x1f"
PLACES_CAP = 32
WAITING_CAP = 200
FOUND_CAP = 64
STALE_MS = 3_600_000
"""A place that the books name again and again is noted once an hour, so that the state rarely changes."""

DAY_MS = 86_400_000


class QrLocationMismatch(Detector[PlacesState]):
    state = PlacesState
    about = About(
        id="QR_LOCATION_MISMATCH",
        version=1,
        title="Label in the wrong place",
        description="A genuine code was scanned at a place that neither its label nor the books give for it.",
        subject="qr",
        severities={Severity.LOW: "goods were put away wrongly, or are on their way out"},
        blind_spots="Places that goods only pass through (docks, packing) are always taken for right.",
        runbook=(
            "Put the goods back, or book the move.",
            "If goods of several articles turn up at one place, find out who collects them there.",
        ),
    )

    def __init__(
        self, params: QrLocationMismatchParams = QrLocationMismatchParams(), *, lateness_ms: int
    ) -> None:
        self.settle_ms = int(params.settle_s * 1000)
        self.recorded_ms = int(params.recorded_days * DAY_MS)
        if self.settle_ms < 0 or self.recorded_ms < self.settle_ms:
            raise TimeSettingsError(f"{self.about.id}: recorded_days must be longer than settle_s: {params}")
        self.retention_ms = self.recorded_ms + self.settle_ms + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.recorded_ms + self.settle_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(INVENTORY_DIGITAL, _product_booked, self._on_books, once=False),
            Input(CODE_MISFITS, _product_elsewhere, self._on_stray),
        )

    def _on_books(self, state: PlacesState, event: Event, ctx: Context) -> None:
        place, time = event.value.location, event.time
        known = state.places.get(place)
        if known is None:
            state.places[place] = time, time
            if len(state.places) > PLACES_CAP:
                del state.places[min(state.places, key=lambda one: (state.places[one][1], one))]
        elif time < known[0] or time > known[1] + STALE_MS:
            state.places[place] = min(known[0], time), max(known[1], time)

    def _on_stray(self, state: PlacesState, event: Event, ctx: Context) -> None:
        misfit: CodeMisfit = event.value
        stray = Stray(
            misfit.time,
            misfit.ref,
            misfit.qr_id or "",
            misfit.location,
            misfit.recorded or "",
            misfit.scanner_id,
        )
        if len(state.waiting) >= WAITING_CAP:
            ctx.count("buffer_full")
            return
        insort(state.waiting, stray, key=_when)
        state.wake_by(state.waiting[0].time + self.settle_ms)

    def on_wake(self, state: PlacesState, at: int, ctx: Context) -> None:
        due = [stray for stray in state.waiting if stray.time + self.settle_ms <= at]
        del state.waiting[: len(due)]
        for stray in due:
            if not self._in_books(state, stray):
                self._tell(state, stray, ctx)
        if state.waiting:
            state.wake_by(state.waiting[0].time + self.settle_ms)

    def _in_books(self, state: PlacesState, stray: Stray) -> bool:
        first, last = state.places.get(stray.place, (None, None))
        if first is None or last is None:
            return False
        return first <= stray.time + self.settle_ms and last >= stray.time - self.recorded_ms

    def _tell(self, state: PlacesState, stray: Stray, ctx: Context) -> None:
        name = f"{stray.qr_id}{SEPARATOR}{stray.place}"
        found = state.found.get(name)
        if found is None:
            found = state.found[name] = Found(stray.time, stray.time, ctx.now, [stray.ref])
            if len(state.found) > FOUND_CAP:
                del state.found[min(state.found, key=lambda one: (state.found[one].end, one))]
        elif stray.ref in found.refs:
            return
        else:
            found.start, found.end = min(found.start, stray.time), max(found.end, stray.time)
            found.count += 1
            if len(found.refs) < MAX_REFS:
                found.refs.append(stray.ref)
        ctx.alert(
            episode=name,
            subject=stray.qr_id,
            severity=Severity.LOW,
            event_time=found.start,
            started_at=found.start,
            ended_at=found.end,
            detected_at=found.detected_at,
            count=found.count,
            evidence={
                "qr_id": stray.qr_id,
                "product_id": ctx.key,
                "location": stray.place,
                "recorded_location": stray.recorded,
                "scanner_id": stray.scanner,
                "event_ids": list(found.refs),
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        return (
            f"Code {found['qr_id']} of {found['product_id']} was scanned at {found['location']} at "
            f"{when(alert.event_time)}, but belongs to {found['recorded_location']}."
        )


def _when(stray: Stray) -> tuple[int, str]:
    return stray.time, stray.ref


def _product_booked(event: Event) -> str:
    product: str = event.value.product_id
    return product


def _product_elsewhere(event: Event) -> str | None:
    misfit: CodeMisfit = event.value
    return misfit.product_id if misfit.kind == ELSEWHERE else None
