"""SHELF_WEIGHT_MISMATCH: what a unit weighs is learnt once, from what agrees, and then costs nothing more."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings, strategies as st

from guardian.detectors.registry import Site, build
from guardian.engine.detector import Detector
from guardian.events.catalogue import Catalogue, Product
from guardian.events.model import Event
from guardian.testing import play
from guardian.testing.play import LATENESS_MS
from guardian.testing.warehouse import shelf

ID = "SHELF_WEIGHT_MISMATCH"


def detectors() -> list[Detector[Any]]:
    catalogue = Catalogue([Product("LISTED", weight_g=250.0)])
    return build(Site(catalogue, LATENESS_MS), only=frozenset({ID}))


reading = st.tuples(
    st.integers(1, 200), st.integers(1, 60), st.floats(-0.02, 0.02), st.floats(0.2, 0.6), st.booleans()
)
"""Seconds since the one before, units, by how much the scale is off, by how much a swap is, and whether it
is one."""

readings = st.lists(reading, min_size=10, max_size=60)


@settings(max_examples=100, deadline=None)
@given(readings, st.data())
def test_every_swap_after_learning_is_found_and_nothing_else(
    rows: list[tuple[int, int, float, float, bool]], data: st.DataObject
) -> None:
    """Scales are off by two percent, swaps by a fifth and more, whether the catalogue knows the weight or
    not."""
    swaps: dict[str, int] = {}
    events: list[Event] = []
    second = 0
    for number, (wait, units, noise, off, swapped) in enumerate(rows):
        second += wait
        for product in ("LISTED", "LEARNT"):
            wrong = swapped and (product == "LISTED" or number >= 5)
            swaps[product] = swaps.get(product, 0) + wrong
            kg = units * 0.25 * (1 - off if wrong else 1 + noise)
            events.append(shelf(second, product, units, weight=kg))
    delays = data.draw(st.lists(st.integers(0, LATENESS_MS), min_size=len(events), max_size=len(events)))
    arrivals = sorted(zip(events, delays, strict=True), key=lambda pair: pair[0].time + pair[1])

    outcome = play([event for event, _ in arrivals], detectors)

    counts: dict[str, int] = {}
    for alert in outcome.alerts.values():
        counts[alert.subject.id] = counts.get(alert.subject.id, 0) + alert.count
        assert abs(alert.evidence["expected_weight_g"] / alert.evidence["physical_quantity"] - 250) <= 6
    assert counts == {product: number for product, number in swaps.items() if number}
    assert not outcome.failures


def test_what_is_learnt_is_small_and_changes_no_more() -> None:
    (detector,) = detectors()
    (given,) = detector.inputs
    state = detector.state()

    def weigh(first: int, last: int) -> bytes:
        for number in range(first, last):
            given.apply(state, shelf(number * 90, "LEARNT", 10, weight=2.5 + number % 5 * 0.01), None)
            if state.wake <= shelf(number * 90 + 1, "LEARNT", 1).time:
                detector.on_wake(state, state.wake, None)
        return msgspec.msgpack.encode(state)

    learnt = weigh(0, 31)
    assert len(learnt) < 80
    assert weigh(31, 1_000) == learnt


def test_readings_that_fit_the_catalogue_reach_no_state() -> None:
    (detector,) = detectors()
    (given,) = detector.inputs

    assert given.key(shelf(0, "LISTED", 10, weight=2.6)) is None
    assert given.key(shelf(0, "LISTED", 10, weight=2.8)) is not None
    assert given.key(shelf(0, "LISTED", 0, weight=1.0)) is None
    assert given.key(shelf(0, "LISTED", 10)) is None


def test_evidence_is_the_worst_of_many() -> None:
    events = [shelf(t * 90, "LISTED", 10, weight=2.0 - (0.9 if t == 3 else 0)) for t in range(100)]

    (alert,) = play(events, detectors).alerts.values()

    assert (alert.count, alert.evidence["actual_weight_g"]) == (100, 1_100.0)
