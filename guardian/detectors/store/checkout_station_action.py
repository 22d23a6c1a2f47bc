"""CHECKOUT_STATION_ACTION: open a station when customers wait, close one that nobody uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS, QUEUE

OPEN, CLOSE = "Open", "Close"
SITE = "site"


class CheckoutStationActionParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """idle_s: a station nobody has used for this long may close, if another idle one stays open.
    check_s: how often that is looked at. silent_s: a station whose queue monitor says nothing for this long
    is taken to be closed already.
    """

    idle_s: float = 900.0
    check_s: float = 60.0
    silent_s: float = 120.0


class StationsState(KeyState):
    """Of each station of the site: when it was last heard of; when it last had customers, or was first heard
    of; the same before that check period; and the idle stretch it was last advised to close in.
    checked: number of the last check.
    """

    heard: dict[str, int] = msgspec.field(default_factory=dict)
    busy: dict[str, int] = msgspec.field(default_factory=dict)
    before: dict[str, int] = msgspec.field(default_factory=dict)
    advised: dict[str, int] = msgspec.field(default_factory=dict)
    checked: int = 0


STATIONS_CAP = 5_000


class CheckoutStationAction(Detector[StationsState]):
    state = StationsState
    about = About(
        id="CHECKOUT_STATION_ACTION",
        version=1,
        title="Open or close a station",
        description="Advises to open a station when a cashier is needed, and to close one that stands idle.",
        subject="site",
        severities={Severity.LOW: "advice"},
        blind_spots="It does not know opening hours or the roster.",
        runbook=("Open or close the station named, if the roster allows.",),
    )
    retention_ms = 86_400_000

    def __init__(
        self, params: CheckoutStationActionParams = CheckoutStationActionParams(), *, lateness_ms: int
    ) -> None:
        self.idle_ms = int(params.idle_s * 1000)
        self.check_ms = int(params.check_s * 1000)
        self.silent_ms = int(params.silent_s * 1000)
        if self.check_ms <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: stations must be checked less often than the allowed lateness "
                f"(check_s is {params.check_s:g} s, the lateness {lateness_ms} ms)"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.idle_ms + self.check_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(
                QUEUE, _site, self._on_sample, once=False
            ),  # keeps latest times: a sample again changes nothing
            Input(FRAUD_ALERTS, _site, self._on_need, frozenset({"STAFFING_NEED"})),
        )

    def _on_sample(self, state: StationsState, event: Event, ctx: Context) -> None:
        value, time = event.value, event.time
        station, heard = value.station_id, state.heard
        last = heard.get(station)
        if last is None:
            if len(heard) >= STATIONS_CAP:
                ctx.count("stations_full")
                return
            heard[station] = time
            self._used(state, station, time)
        else:
            if time > last:
                heard[station] = time
            if value.data.customer_count:
                used, check = state.busy[station], state.wake
                if check - self.check_ms < used <= time <= check:
                    state.busy[station] = time  # in one check period, as most are, only the latest counts
                else:
                    self._used(state, station, time)
        # Every sample of every station comes here: most find the next check already asked for.
        if state.wake >= time + self.check_ms:
            state.wake_by(max(self._period(time), state.checked + 1) * self.check_ms)

    def _period(self, time: int) -> int:
        """Number of the check that comes at `time` or next after it."""
        return -(-time // self.check_ms)

    def _used(self, state: StationsState, station: str, time: int) -> None:
        # Two times a station, so that a check at a period's end does not see what came after it.
        last = state.busy.get(station, time)
        period, last_period = -(-time // self.check_ms), -(-last // self.check_ms)
        if period > last_period:
            state.before[station] = last
        elif period < last_period:
            state.before[station] = max(time, state.before.get(station, time))
        if time >= last:
            state.busy[station] = time

    def _on_need(self, state: StationsState, event: Event, ctx: Context) -> None:
        need: Alert = event.value
        if not need.evidence["ongoing"]:
            return
        at = need.started_at
        closed = [station for station, heard in state.heard.items() if at - heard > self.silent_ms]
        if closed:
            best: str | None = min(closed)
        else:
            idle = (
                station
                for _, station in self._idle(state, at, 0)
                if state.busy[station] < state.heard[station] and station != need.evidence["station_id"]
            )
            best = next(idle, None)
        self._advise(ctx, OPEN, f"{OPEN}|{need.alert_id}", at, best)

    def on_wake(self, state: StationsState, at: int, ctx: Context) -> None:
        state.checked = at // self.check_ms
        if max(state.heard.values(), default=at) > at:
            state.wake_by(at + self.check_ms)
        idle = self._idle(state, at, self.idle_ms)
        for since, station in idle[:-1]:  # the one that was busy last stays open
            if state.advised.get(station) != since:
                state.advised[station] = since
                self._advise(ctx, CLOSE, f"{CLOSE}|{station}|{since}", at, station)

    def _idle(self, state: StationsState, at: int, for_ms: int) -> list[tuple[int, str]]:
        """Stations at work without customers for at least `for_ms`, and since when, the earliest first."""
        busy, before = state.busy, state.before
        found = []
        for station, heard in state.heard.items():
            if at - heard <= self.silent_ms:
                since = busy[station]
                if since > at:
                    since = before.get(station, since)
                if at - since > for_ms:
                    found.append((since, station))
        found.sort()
        return found

    def _advise(self, ctx: Context, action: str, episode: str, time: int, station: str | None) -> None:
        evidence: dict[str, Any] = {"action": action, "station_id": station}
        ctx.alert(
            episode=episode, subject=ctx.site, severity=Severity.LOW, event_time=time, evidence=evidence
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        station = alert.evidence.get("station_id", "one more station")
        if alert.evidence["action"] == OPEN:
            return f"Open {station}: customers have been waiting since {when(alert.event_time)}."
        minutes = self.idle_ms // 60_000
        return f"Close {station}: no customers for {minutes} min at {when(alert.event_time)}."


def _site(event: Event) -> str:
    """One key: the engine watches one site, and its stations are compared with each other."""
    return SITE
