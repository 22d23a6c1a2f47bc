"""INVENTORY_DISCREPANCY: a snapshot of the stock against the one before, less what was sold since.

A snapshot at T already contains T's sales, so sales in (T0, T1] count. What other alerts explain (an item
that left unpaid, an item that left under another's barcode) is told apart from what nothing explains.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from guardian.alerts.model import Alert, Severity, Status
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS, POS, SNAPSHOTS


class InventoryDiscrepancyParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """low, medium, high: unexplained units from which a severity applies (high: more than `high`).
    settle_s: how long after a snapshot alerts that explain it may still come; longer than pairing takes.
    clock_skew_s: how far the clocks of the tills and of the stock system may be apart: a movement this
        near to a snapshot may be on either side of it.
    """

    low: int = 1
    medium: int = 3
    high: int = 5
    settle_s: float = 30.0
    clock_skew_s: float = 2.0


class Move(msgspec.Struct, array_like=True, frozen=True):
    """Units that left (negative) or stayed after all (positive) at a time; sold, or by what an alert says."""

    time: int
    units: int
    sold: bool


class StockState(KeyState):
    """One SKU: the last snapshot judged, what moved since (by sale or alert), and snapshots not judged yet.

    carried: units that seemed missing (positive) or too many at the last snapshot because a movement
        was just on the other side of it; they come back at the next.
    """

    on_hand: int | None = None
    as_of: int = 0
    moves: dict[str, Move] = msgspec.field(default_factory=dict)
    snapshots: dict[int, int] = msgspec.field(default_factory=dict)
    carried: int = 0


MOVES_CAP = 20_000
SNAPSHOTS_CAP = 1_000


class InventoryDiscrepancy(Detector[StockState]):
    state = StockState
    about = About(
        id="INVENTORY_DISCREPANCY",
        version=1,
        title="Stock is missing",
        description="Fewer units on hand than the last snapshot, the sales since and other alerts explain.",
        subject="sku",
        severities={
            Severity.LOW: "one or two units: a miscount, or a pocket",
            Severity.MEDIUM: "three to five units between two snapshots",
            Severity.HIGH: "more than five units: a sweep of the shelf",
        },
        blind_spots="Losses between snapshots that a delivery in the same interval makes up for.",
        runbook=(
            "Count the article on the shelf and in the back room.",
            "Look at the video of the shelf between the two snapshots.",
        ),
    )
    retention_ms = 7 * 86_400_000

    def __init__(
        self, params: InventoryDiscrepancyParams = InventoryDiscrepancyParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.settle_ms = int(params.settle_s * 1000)
        self.skew_ms = int(params.clock_skew_s * 1000)
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.settle_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # Movements are kept by what they cite and gone once a snapshot has judged them, snapshots by their
        # time: either of them again changes nothing.
        return (
            Input(SNAPSHOTS, _skus_counted, self._on_snapshot, once=False),
            Input(POS, _sku_sold, self._on_sale, once=False),
            Input(FRAUD_ALERTS, _sku_unpaid, self._on_unpaid, frozenset({"SCANNER_AVOIDANCE"})),
            Input(FRAUD_ALERTS, _skus_swapped, self._on_swap, frozenset({"BARCODE_SWITCHING"})),
        )

    def _on_snapshot(self, state: StockState, event: Event, ctx: Context) -> None:
        if state.on_hand is None:
            state.on_hand, state.as_of = event.value.data[ctx.key], event.time
            return
        if event.time <= state.as_of:
            ctx.count("snapshot_too_late")
            return
        if len(state.snapshots) >= SNAPSHOTS_CAP:
            ctx.count("buffer_full")
            return
        state.snapshots[event.time] = event.value.data[ctx.key]
        state.wake_by(event.time + self.settle_ms)

    def _on_sale(self, state: StockState, event: Event, ctx: Context) -> None:
        self._moved(state, event.ref, Move(event.time, -1, True), ctx)

    def _on_unpaid(self, state: StockState, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        if alert.status == Status.CLEARED:
            state.moves.pop(alert.alert_id, None)
        else:
            self._moved(state, alert.alert_id, Move(alert.event_time, -1, False), ctx)

    def _on_swap(self, state: StockState, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        units = -1 if ctx.key == alert.evidence["actual_sku"] else +1
        self._moved(state, alert.alert_id, Move(alert.event_time, units, False), ctx)

    def _moved(self, state: StockState, cause: str, move: Move, ctx: Context) -> None:
        if state.on_hand is not None and move.time <= state.as_of - self.skew_ms:
            return
        if len(state.moves) >= MOVES_CAP:
            ctx.count("buffer_full")
            return
        state.moves[cause] = move

    def on_wake(self, state: StockState, at: int, ctx: Context) -> None:
        for time in sorted(state.snapshots):
            if time + self.settle_ms > at:
                state.wake_by(time + self.settle_ms)
                return
            self._judge(state, time, state.snapshots.pop(time), ctx)

    def _judge(self, state: StockState, time: int, actual: int, ctx: Context) -> None:
        inside = {cause: move for cause, move in state.moves.items() if state.as_of < move.time <= time}
        sold = -sum(move.units for move in inside.values() if move.sold)
        explained = -sum(move.units for move in inside.values() if not move.sold)
        expected = (state.on_hand or 0) - sold
        unexplained = expected - actual - explained + state.carried
        state.carried = 0
        if unexplained and self._may_be_skew(state.moves.values(), time, unexplained):
            state.carried, unexplained = unexplained, 0
        if unexplained >= self.params.low:
            alerts = sorted(cause for cause, move in inside.items() if not move.sold)
            self._tell(ctx, state.as_of, time, (expected, actual, explained, unexplained), alerts)
        state.on_hand, state.as_of = actual, time
        state.moves = {cause: move for cause, move in state.moves.items() if move.time > time}

    def _may_be_skew(self, moves: Collection[Move], time: int, unexplained: int) -> bool:
        """Whether movements recorded on the wrong side of the snapshot, by skew, make it fit."""
        after = -sum(move.units for move in moves if time < move.time <= time + self.skew_ms)
        before = -sum(move.units for move in moves if time - self.skew_ms < move.time <= time)
        return 0 < unexplained <= after or -before <= unexplained < 0

    def _tell(
        self, ctx: Context, since: int, time: int, units: tuple[int, int, int, int], alerts: list[str]
    ) -> None:
        expected, actual, explained, unexplained = units
        if unexplained > self.params.high:
            severity = Severity.HIGH
        else:
            severity = Severity.MEDIUM if unexplained >= self.params.medium else Severity.LOW
        ctx.alert(
            episode=str(time),
            subject=ctx.key,
            severity=severity,
            event_time=time,
            started_at=since,
            ended_at=time,
            count=unexplained,
            evidence={
                "sku": ctx.key,
                "product_sku": ctx.key,
                "snapshot_time": ctx.iso(time),
                "expected": expected,
                "actual": actual,
                "explained": explained,
                "unexplained": unexplained,
                "explained_by": alerts,
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        explained = found["explained"]
        known = f" Other alerts explain {explained} of them." if explained > 0 else ""
        missing = found["expected"] - found["actual"]
        return (
            f"{found['actual']} units of {alert.subject.id} were on hand at {when(alert.event_time)}, "
            f"{found['expected']} expected since {when(alert.started_at)}: {missing} missing.{known} "
            f"{found['unexplained']} unexplained."
        )


def _skus_counted(event: Event) -> list[str]:
    return list(event.value.data)


def _sku_sold(event: Event) -> str | None:
    sku: str | None = event.value.data.sku
    return sku


def _sku_unpaid(event: Event) -> str:
    sku: str = event.value.evidence["sku"]
    return sku


def _skus_swapped(event: Event) -> list[str]:
    return [event.value.evidence["actual_sku"], event.value.evidence["scanned_sku"]]
