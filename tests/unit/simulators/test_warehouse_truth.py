"""The rules that say what is to be found, against the plainest reading of them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from simulators.warehouse import WarehouseConfig, simulate_warehouse
from simulators.warehouse.records import CONSUMED, SCANNED, Label, Row, Scan
from simulators.warehouse.truth import (
    AFTER_HOURS_ACTS,
    LARGEST_DROP,
    MINUTE_MS,
    SETTLED_MS,
    _busy,
    _distinct,
    _drops,
    _judge_clones,
)
from tests.unit.simulators.warehouse_rules import hasty_labels, mismatches, overdue, untaken, voided_labels

TIMES = st.integers(0, 100)


@given(st.lists(st.tuples(TIMES, st.sampled_from("abcdef"))), st.integers(1, 5), st.integers(1, 40))
def test_distinct_things_within_a_span(those: list[tuple[int, str]], number: int, within: int) -> None:
    those.sort()
    plain = set()
    for begin in range(-within, 101):
        window = [(time, what) for time, what in those if begin < time <= begin + within]
        if len({what for _, what in window}) >= number:
            plain |= {time for time, _ in window}
    assert set(_distinct(those, number, within)) == plain


@given(
    st.lists(st.tuples(TIMES, st.sampled_from(["print", "qr_regenerated", "inventory_update"])), max_size=20),
    st.integers(1, 60),
)
def test_acts_told_twice_count_once(acts: list[tuple[int, str]], within: int) -> None:
    acts.sort()
    plain = set()
    for begin in range(-within, 101):
        window = [(time, what) for time, what in acts if begin < time <= begin + within]
        kinds = [what for _, what in window]
        number = kinds.count("inventory_update") + max(kinds.count("print"), kinds.count("qr_regenerated"))
        if number > AFTER_HOURS_ACTS:
            plain |= {time for time, _ in window}
    assert set(_busy(acts, within)) == plain


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=12))
def test_small_losses_that_were_not_made_good(levels: list[int]) -> None:
    """Every level lasts: no more is counted than what is missing, and nothing is missing unseen."""
    gaps = [(index * SETTLED_MS, gap) for index, gap in enumerate(levels)]
    drops = _drops(gaps)
    assert all(0 < units <= LARGEST_DROP for _, units in drops)
    assert [time for time, _ in drops] == sorted(time for time, _ in drops)
    assert sum(units for _, units in drops) <= max(levels) - min(levels)
    steps = [before - after for before, after in pairwise(levels)]
    if all(0 <= step <= LARGEST_DROP for step in steps):
        assert [units for _, units in drops] == [step for step in steps if step]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=10), st.data())
def test_what_passes_is_no_loss(levels: list[int], data: st.DataObject) -> None:
    """Movements in progress, which last less than ten minutes, change nothing."""
    calm = [(index * 3 * SETTLED_MS, gap) for index, gap in enumerate(levels)]
    calm = [one for index, one in enumerate(calm) if not index or one[1] != calm[index - 1][1]]
    restless = []
    for time, gap in calm:
        restless.append((time, gap))
        if data.draw(st.booleans()):
            restless += [(time + SETTLED_MS, gap - 9), (time + SETTLED_MS + MINUTE_MS, gap)]
    assert [units for _, units in _drops(restless)] == [units for _, units in _drops(calm)]


@given(st.lists(st.tuples(st.integers(0, 3_000_000), st.sampled_from(["A-01", "B-02", "DOCK-1"]))))
def test_clones_do_not_depend_on_how_often_a_label_is_scanned_where_it_is(
    scans: list[tuple[int, str]],
) -> None:
    label = Label("S", "P", "WH1/A-01", "text", False)
    found: list[tuple[object, ...]] = []

    def judge(those: list[tuple[int, str]]) -> list[tuple[object, ...]]:
        found.clear()
        rows = [Row(time, "HS", Scan("P", f"WH1/{place}"), label=label) for time, place in sorted(those)]
        if rows:
            _judge_clones("S", rows, lambda kind, times, **what: found.append((kind, what.get("sure", True))))
        return list(found)

    assert judge(scans) == judge([*scans, *scans])


def test_a_label_is_used_up_once() -> None:
    label = Label("S", "P", "WH1/A-01", "text", False)

    def judged(*scans: tuple[int, str, str]) -> list[bool]:
        sure = []
        rows = [Row(time, "HS", Scan("P", place, action), label=label) for time, place, action in scans]
        _judge_clones("S", rows, lambda kind, times, **what: sure.append(what.get("sure", True)))
        return sure

    used_up = (1_000_000, "WH1/DOCK-1", CONSUMED)
    assert judged((0, "WH1/A-01", SCANNED), used_up) == []
    assert judged(used_up, (1_005_000, "WH1/DOCK-1", SCANNED)) == []
    assert judged(used_up, (2_000_000, "WH1/A-01", SCANNED)) == [True]


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    skew=st.sampled_from([0.0, 2.0, 5.0]),
    busier=st.sampled_from([0.5, 3.0]),
    units=st.sampled_from([(10, 10), (10, 120), (400, 900)]),
)
def test_any_honest_warehouse_is_honest(
    seed: int, skew: float, busier: float, units: tuple[int, int]
) -> None:
    config = replace(
        WarehouseConfig(),
        products=20,
        units=units,
        scenarios=(),
        max_skew_s=skew,
        sensor_every_s=100.0,
        shipments_per_hour=2.0 * busier,
        deliveries_per_day=10.0 * busier,
        counts_per_day=20.0 * busier,
    )
    day = simulate_warehouse(config, seed)
    assert not any(found for kind, found in day.expected.items() if kind != "tolerated")
    assert untaken(day) == []
    assert list(mismatches(day)) == list(overdue(day)) == []
    assert list(hasty_labels(day)) == list(voided_labels(day)) == []
