"""What a person does within minutes, in any order of arrival, against counting by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings, strategies as st

from guardian.alerts.model import Alert
from guardian.detectors.warehouse.after_hours_qr_manipulation import (
    AfterHoursQrManipulation,
    AfterHoursQrManipulationParams,
)
from guardian.detectors.warehouse.qr_mass_regeneration import QrMassRegeneration, QrMassRegenerationParams
from guardian.engine.detector import Detector
from guardian.events.hours import Hours
from guardian.events.model import Event
from guardian.testing import activity, play, regenerated
from guardian.testing.play import LATENESS_MS

WINDOW_S, QUIET_S = 20, 40

Row = tuple[float, str]
"""When, and what."""


@st.composite
def arriving(draw: st.DrawFn, kinds: Sequence[str]) -> list[Row]:
    """Acts in an order of arrival that keeps within the lateness."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 150), st.sampled_from(kinds), st.integers(0, LATENESS_MS // 1000)),
            max_size=30,
        )
    )
    rows = [(time, kind, delay) for time, kind, delay in rows]
    return [
        (time, kind) for _, time, kind in sorted((time + delay, time, kind) for time, kind, delay in rows)
    ]


def full_windows(acts: Sequence[Row], full: Callable[[Counter[str]], bool]) -> list[tuple[float, float]]:
    """First and last act of every window that is full."""
    found = []
    for begin in sorted({time for time, _ in acts}):
        inside = [(time, kind) for time, kind in acts if begin <= time <= begin + WINDOW_S]
        if full(Counter(kind for _, kind in inside)):
            found.append((begin, max(time for time, _ in inside)))
    return found


def episodes(windows: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Windows that overlap, or follow each other soon, as one."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(windows):
        if merged and begin <= merged[-1][1] + QUIET_S:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def found_by(detector: Callable[[], Detector[Any]], events: Sequence[Event]) -> list[tuple[float, float]]:
    outcome = play(events, lambda: [detector()])
    assert not outcome.failures
    return sorted(map(ends, outcome.alerts.values()))


def ends(alert: Alert) -> tuple[float, float]:
    zero = regenerated(0, "P").time
    return (alert.started_at - zero) / 1000, (alert.ended_at - zero) / 1000


@settings(max_examples=300, deadline=None)
@given(arriving("abcdef"))
def test_many_codes_printed_anew_are_found_whatever_the_order(acts: list[Row]) -> None:
    params = QrMassRegenerationParams(min_products=4, window_s=WINDOW_S, quiet_s=QUIET_S)
    expected = episodes(full_windows(acts, lambda kinds: len(kinds) >= 4))

    found = found_by(
        lambda: QrMassRegeneration(params, lateness_ms=LATENESS_MS),
        [regenerated(time, product) for time, product in acts],
    )

    assert found == expected


UPDATE, TOLD, PRINTED, AT_WORK, AWAY = "inventory_update", "qr_regenerated", "printed", "at work", "away"


@settings(max_examples=300, deadline=None)
@given(arriving((UPDATE, UPDATE, TOLD, PRINTED, PRINTED, AT_WORK, AWAY)))
def test_acts_after_hours_are_found_whatever_the_order(rows: list[Row]) -> None:
    params = AfterHoursQrManipulationParams(max_acts=3, window_s=WINDOW_S, clock_skew_s=3.0, quiet_s=QUIET_S)
    events = []
    for time, kind in rows:
        if kind == PRINTED:
            events.append(regenerated(time, "P"))
        elif kind in {AT_WORK, AWAY}:
            events.append(activity(time, "login", after_hours=kind == AWAY))
        else:
            events.append(activity(time, kind))
    words = sorted((time, kind == AWAY) for time, kind in rows if kind in {AT_WORK, AWAY})

    def counts(time: float, kind: str) -> bool:
        if kind != PRINTED:
            return kind in {UPDATE, TOLD}
        said = [away for at, away in words if at < time + 3.0]
        return said[-1] if said else True

    acts = [(time, kind) for time, kind in rows if counts(time, kind)]
    expected = episodes(
        full_windows(acts, lambda kinds: kinds[UPDATE] + max(kinds[TOLD], kinds[PRINTED]) > 3)
    )

    never_open = Hours(days=())
    found = found_by(
        lambda: AfterHoursQrManipulation(params, hours=never_open, lateness_ms=LATENESS_MS), events
    )

    assert found == expected
