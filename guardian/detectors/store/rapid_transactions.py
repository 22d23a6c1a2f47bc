"""RAPID_TRANSACTIONS: scans at a checkout faster than a person scans.

Keeps the checkout sessions, too: a session is the state this decision is made on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.store.checkout_session import CheckoutSession
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.engine.windows.distinct import DistinctCounter
from guardian.events.model import Event
from guardian.events.store import Sale
from guardian.events.topics import FRAUD_ALERTS, POS

SESSIONS = "checkout-sessions"
"""Kind of the history rows kept."""

SEPARATOR = "\x1f"


class RapidTransactionsParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_scans: this many within less than window_s are too fast.
    session_quiet_s: silence that ends a session.
    """

    min_scans: int = 4
    window_s: float = 5.0
    session_quiet_s: float = 300.0


class SessionState(KeyState):
    """The session that is open. scans: articles scanned lately; several of one at one instant count once,
    because a cashier may key in a number. fast: the episode of fast scans: anchor, first, last, most scans
    in a window, when detected. waiting: sales after a silence that may not have been one.
    early: alerts that no session was open for, and their times: one of another part may be told before the
        sale it is about.
    """

    session: CheckoutSession | None = None
    scans: DistinctCounter = msgspec.field(default_factory=DistinctCounter)
    fast: tuple[int, int, int, int, int] | None = None
    waiting: list[tuple[int, Sale]] = msgspec.field(default_factory=list)
    early: dict[str, int] = msgspec.field(default_factory=dict)


EARLY_CAP = 20


class RapidTransactions(Detector[SessionState]):
    state = SessionState
    about = About(
        id="RAPID_TRANSACTIONS",
        version=1,
        title="Faster than a person scans",
        description="Several different articles are scanned for one customer within a few seconds.",
        subject="customer",
        severities={Severity.MEDIUM: "a script, a replayed basket or pass-through with an accomplice"},
        blind_spots="Fast scans spread over several customer cards.",
        runbook=(
            "Look at the station: is a person scanning, and are the goods there?",
            "Compare the basket with the receipt.",
        ),
    )

    def __init__(
        self, params: RapidTransactionsParams = RapidTransactionsParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.window_ms = int(params.window_s * 1000)
        self.quiet_ms = int(params.session_quiet_s * 1000)
        self.retention_ms = 2 * self.quiet_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.quiet_ms, self.window_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        about_customers = frozenset({"SCANNER_AVOIDANCE", "BARCODE_SWITCHING", "WEIGHT_DISCREPANCY"})
        return (
            Input(POS, _session_of, self._on_sale),
            Input(FRAUD_ALERTS, _session_of_alert, self._on_alert, about_customers),
        )

    def _on_sale(self, state: SessionState, event: Event, ctx: Context) -> None:
        self._take(state, event.time, event.value.data, ctx)
        if state.waiting:
            self._take_waiting(state, ctx)

    def _take_waiting(self, state: SessionState, ctx: Context) -> None:
        """Takes the sales that turn out to belong to the open session, or open the next."""
        waiting, state.waiting = sorted(state.waiting, key=_time), []
        for time, sale in waiting:
            self._take(state, time, sale, ctx)

    def _take(self, state: SessionState, time: int, sale: Sale, ctx: Context) -> None:
        session = state.session
        if session is not None and time > session.ended_at + self.quiet_ms:
            # It opens a new session, unless a sale still on its way bridges the silence.
            state.waiting.append((time, sale))
            return
        if session is None:
            session = state.session = CheckoutSession(
                station_id=ctx.key.partition(SEPARATOR)[0],
                customer_id=ctx.key.partition(SEPARATOR)[2],
                started_at=time,
                ended_at=time,
            )
        session.add(time, sale)
        if state.early:
            self._note_early(state.early, session)
        state.wake = session.ended_at + self.quiet_ms + 1  # later with every sale: one wake-up a session
        state.scans.add(f"{sale.sku}@{time}", time, self.window_ms, self.lateness_ms, cap=100)
        if len(state.scans.latest) >= self.params.min_scans:
            fullest = state.scans.fullest(time, self.window_ms)
            if fullest[0] >= self.params.min_scans:
                self._fast(state, session, fullest, ctx)

    def _fast(
        self,
        state: SessionState,
        session: CheckoutSession,
        found: tuple[int, int, int],
        ctx: Context,
    ) -> None:
        scans, first, last = found
        # One alert a session: whoever scans too fast once and again is one finding.
        anchor, start, end, most, detected = state.fast or (first, first, last, 0, ctx.now)
        fast = state.fast = anchor, min(start, first), max(end, last), max(most, scans), detected
        _, start, end, most, detected = fast
        alert = ctx.alert(
            episode=str(anchor),
            subject=session.customer_id,
            severity=Severity.MEDIUM,
            event_time=start,
            started_at=start,
            ended_at=end,
            detected_at=detected,
            count=most,
            evidence=self._evidence(session, most),
        )
        session.note(alert)

    def _evidence(self, session: CheckoutSession, most: int) -> dict[str, Any]:
        return {
            "station_id": session.station_id,
            "customer_id": session.customer_id,
            "scans_in_window": most,
            "window_s": self.params.window_s,
            "session_items": session.count,
            "session_value": round(session.value, 2),
        }

    def _on_alert(self, state: SessionState, event: Event, ctx: Context) -> None:
        if state.session is not None:
            state.session.note(event.value.alert_id)
        elif len(state.early) < EARLY_CAP:
            state.early[event.value.alert_id] = event.time

    def _note_early(self, early: dict[str, int], session: CheckoutSession) -> None:
        """Notes the alerts that were waiting for this session."""
        for alert_id, time in list(early.items()):
            if session.started_at - self.quiet_ms <= time <= session.ended_at + self.quiet_ms:
                session.note(alert_id)
                del early[alert_id]

    def on_wake(self, state: SessionState, at: int, ctx: Context) -> None:
        session = state.session
        if session is not None:
            self._close(state, session, ctx)

    def _close(self, state: SessionState, session: CheckoutSession, ctx: Context) -> None:
        ctx.keep(SESSIONS, session.id, session.ended_at, session)
        state.session = state.fast = None
        state.scans.latest.clear()
        self._take_waiting(state, ctx)

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        return (
            f"{found['scans_in_window']} articles were scanned for customer {found['customer_id']} at "
            f"station {found['station_id']} within {found['window_s']:g} s, around {when(alert.event_time)}."
        )


def _time(waiting: tuple[int, Sale]) -> int:
    return waiting[0]


def _session_of(event: Event) -> str | None:
    value = event.value
    customer = value.data.customer_id
    return (
        f"{value.station_id}{SEPARATOR}{customer}"
        if customer is not None and value.data.sku is not None
        else None
    )


def _session_of_alert(event: Event) -> str | None:
    evidence = event.value.evidence
    customer = evidence.get("customer_id")
    return f"{evidence['station_id']}{SEPARATOR}{customer}" if customer is not None else None
