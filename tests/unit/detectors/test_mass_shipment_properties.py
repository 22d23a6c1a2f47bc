"""MASS_SHIPMENT_FRAUD against its definition, written out plainly, on shipments of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import given, settings, strategies as st

from guardian.alerts.model import Status
from guardian.detectors.registry import Site, build
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.testing import activity, booked, departure, play
from guardian.testing.play import LATENESS_MS
from guardian.testing.ways import WAYS

MANY = 3
WINDOW = 600
LOADING = 3_600
PRODUCTS = [f"P{number}" for number in range(8)]
SETTINGS = {"MASS_SHIPMENT_FRAUD": {"max_products": MANY}}
NAMES = frozenset({"SHIPMENT_TRACKING", "MARKER_CONDUCT", "SHIPPED_BUT_PRESENT", "MASS_SHIPMENT_FRAUD"})


class Marked(NamedTuple):
    time: int
    product: str
    shipment: str | None
    person: str


class Left(NamedTuple):
    time: int
    shipment: str
    goods: tuple[str, ...]


marks = st.lists(
    st.builds(
        Marked,
        st.integers(0, 6_000) | st.integers(0, 900),
        st.sampled_from(PRODUCTS),
        st.sampled_from(["S1", "S2", None]),
        st.sampled_from(["E1", "E2"]),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda mark: (mark.time, mark.product, mark.shipment, mark.person),
)
trucks = st.lists(
    st.builds(
        Left,
        st.integers(0, 7_000),
        st.sampled_from(["S1", "S2"]),
        st.just(()) | st.sets(st.sampled_from(PRODUCTS), min_size=1).map(tuple),
    ),
    max_size=4,
)


def untaken(marked: Sequence[Marked], left: Sequence[Left]) -> list[Marked]:
    """The marks that no truck took, by the definition."""
    alone = []
    for mark in marked:
        same = sorted(
            one.time
            for one in marked
            if one.shipment == mark.shipment and (mark.shipment or one.person == mark.person)
        )
        first = last = mark.time
        while any(first - WINDOW <= time < first for time in same):
            first = min(time for time in same if first - WINDOW <= time < first)
        while any(last < time <= last + WINDOW for time in same):
            last = max(time for time in same if last < time <= last + WINDOW)
        earliest = max(first, mark.time - LOADING) - WINDOW
        latest = min(last, mark.time + LOADING) + WINDOW
        taken = any(
            truck.shipment == mark.shipment
            and earliest <= truck.time <= latest
            and (not truck.goods or mark.product in truck.goods)
            for truck in left
        )
        if not taken:
            alone.append(mark)
    return alone


def too_many(alone: Sequence[Marked]) -> bool:
    return any(
        len({one.product for one in alone if mark.time <= one.time < mark.time + WINDOW}) > MANY
        for mark in alone
    )


def events_of(marked: Sequence[Marked], left: Sequence[Left]) -> list[Event]:
    rows = [
        booked(m.time, m.product, 1, f"WH1/{m.product}", status="shipped", shipment=m.shipment, by=m.person)
        for m in marked
    ]
    rows += [departure(one.time, one.shipment, one.goods) for one in left]
    rows.sort(key=lambda one: one.time)
    return [*rows, activity(14_000, "login", "E9", after_hours=False)]


def detectors() -> list[Detector[Any]]:
    return build(Site(Catalogue.empty(), LATENESS_MS), SETTINGS, NAMES)


@settings(max_examples=200, deadline=None)
@given(marked=marks, left=trucks)
def test_confirmed_exactly_when_no_truck_took_too_many_within_a_window(
    marked: list[Marked], left: list[Left]
) -> None:
    outcome = play(events_of(marked, left), detectors)
    alerts = list(outcome.alerts.values())
    alone = untaken(marked, left)

    assert not outcome.failures
    assert all(alert.status != Status.SUSPECTED for alert in alerts)
    confirmed = [alert for alert in alerts if alert.status == Status.CONFIRMED]
    assert bool(confirmed) == too_many(alone)
    named = {product for alert in confirmed for product in alert.evidence["product_ids"]}
    assert named <= {mark.product for mark in alone}
    spans = sorted((alert.started_at, alert.ended_at) for alert in confirmed)
    assert all(before[1] + WINDOW * 1000 <= after[0] for before, after in pairwise(spans)), (
        "one alert an episode"
    )


@settings(max_examples=60, deadline=None)
@given(
    marked=marks, left=trucks, way=st.sampled_from([way for way in WAYS if way.identical and not way.cold])
)
def test_however_the_events_come(marked: list[Marked], left: list[Left], way: Any) -> None:
    events = events_of(marked, left)
    plain = play(events, detectors)
    other = play(events, detectors, way)

    # Ids of events are given by the way, and cited as evidence: compare what does not cite them.
    def facts(outcome: Any) -> list[tuple[Any, ...]]:
        return sorted(
            (one.status, one.started_at, one.ended_at, one.detected_at, one.evidence["product_ids"])
            for one in outcome.alerts.values()
        )

    assert facts(other) == facts(plain)
