"""The watermark: how event time advances, and what cannot make it advance."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.engine.watermark import LONG_AGO, WITNESSES, Watermark
from guardian.events.model import Event

LATENESS, JUMP = 5_000, 3_600_000
BASE = 1_750_000_000_000

offsets = st.integers(0, JUMP)
anywhere = st.integers(-5 * JUMP, 5 * JUMP)


def events(times: Sequence[int]) -> list[Event]:
    return [Event("any", BASE + time, None, None, "toy", number, b"") for number, time in enumerate(times)]


def observed(times: Sequence[int], watermark: Watermark | None = None) -> tuple[Watermark, list[int], int]:
    watermark = Watermark(LATENESS) if watermark is None else watermark
    marks, late = watermark.observe(events(times))
    return watermark, marks, late


@given(st.lists(offsets, max_size=30))
def test_within_a_jump_it_follows_the_newest_event(times: list[int]) -> None:
    """The first witnesses agree on the earliest of them; from there on the newest time counts."""
    begin = min(times[:WITNESSES], default=0)
    expected = [
        BASE + max(begin, *times[WITNESSES : number + 1], begin) - LATENESS
        if number + 1 >= WITNESSES
        else LONG_AGO
        for number in range(len(times))
    ]
    before = [LONG_AGO, *expected]
    watermark, marks, late = observed(times)
    assert marks == expected
    assert watermark.value == before[-1]
    assert late == sum(BASE + time < mark for time, mark in zip(times, before, strict=False))


@given(st.lists(st.one_of(anywhere, st.tuples(offsets)), max_size=40))
def test_it_never_goes_back(moves: list[int | tuple[int]]) -> None:
    watermark = Watermark(LATENESS)
    values = [watermark.value]
    for move in moves:
        if isinstance(move, tuple):
            watermark.advance(move[0])
        else:
            marks, late = watermark.observe(events([move]))
            assert marks == [watermark.value]
            assert late in (0, 1)
        values.append(watermark.value)
    assert values == sorted(values)


@given(
    st.lists(anywhere, max_size=30),
    st.lists(st.integers(0, 30)),
    st.sampled_from([None, 0, 20_000, 2 * JUMP]),
)
def test_in_pieces_as_in_one(times: list[int], cuts: list[int], silence: int | None) -> None:
    """Also when it is stored between the pieces."""
    one, other = Watermark(LATENESS), Watermark(LATENESS)
    if silence is not None:
        for watermark in (one, other):
            watermark.observe(events([0, 0, 0]))
            watermark.advance(silence)
    _, expected, expected_late = observed(times, one)
    places = sorted({0, len(times), *(cut for cut in cuts if cut < len(times))})
    marks, late = [], 0
    for begin, end in itertools.pairwise(places):
        other, more, more_late = observed(times[begin:end], other)
        other = msgspec.msgpack.decode(msgspec.msgpack.encode(other), type=Watermark)
        marks += more
        late += more_late
    assert (marks, late, other) == (expected, expected_late, one)


FAR = 10 * JUMP


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], None),
        ([0], None),
        ([0, 0], None),
        ([0, 0, 0], 0),
        ([300, 100, 200], 100),
        ([0, 0, FAR], None),
        ([0, FAR, 0], None),
        ([FAR, 0, 0, 0], 0),
        ([0, 0, 0, FAR], 0),
        ([0, 0, 0, FAR, FAR], 0),
        ([0, 0, 0, FAR, FAR, 1, FAR], 1),
        ([0, 0, 0, FAR, FAR, -1, FAR], 0),
        ([0, 0, 0, FAR, FAR, FAR], FAR),
        ([0, 0, 0, FAR + 2, FAR, FAR + 1], FAR),
        ([0, 0, 0, FAR, 2 * FAR, 3 * FAR], 0),
        ([0, 0, 0, FAR, 2 * FAR, 2 * FAR, 2 * FAR], 2 * FAR),
        ([0, 0, 0, JUMP], JUMP),
        ([0, 0, 0, JUMP + 1], 0),
        ([0, 0, 0, FAR, 5, FAR, 6, FAR, 7], 7),
    ],
)
def test_time_jumps_only_when_three_in_a_row_agree(times: list[int], expected: int | None) -> None:
    watermark, _, _ = observed(times)
    assert watermark.value == (LONG_AGO if expected is None else BASE + expected - LATENESS)


@pytest.mark.parametrize(
    ("ids", "jumps"),
    [
        (["x", "x", "x"], False),
        (["x", "y", "x", "y"], False),
        (["x", "y", "z"], True),
        (["x", "x", "y", "y", "z"], True),
        ([None, None, None], True),
        (["x", None, None], True),
    ],
)
@pytest.mark.parametrize("before", [[], [0, 0, 0]])
def test_the_same_event_again_is_no_further_witness(
    before: list[int], ids: list[str | None], jumps: bool
) -> None:
    watermark, _, _ = observed(before)
    quiet = watermark.value
    for identifier in ids:
        watermark.observe([Event("any", BASE + FAR, None, identifier, "toy", 0, b"")])
    assert watermark.value == (BASE + FAR - LATENESS if jumps else quiet)


@given(st.lists(offsets, min_size=3, max_size=20), st.integers(JUMP + 1, 10**12), st.integers(0, 20))
def test_one_wrong_clock_makes_nobody_late(times: list[int], ahead: int, place: int) -> None:
    """A far-ahead event among the others changes neither the marks nor the count of late ones."""
    head, tail = times[:3], times[3:]
    place = min(place, len(tail))
    far = max(times) + ahead
    _, undisturbed, late = observed(head + tail)
    _, marks, late_too = observed([*head, *tail[:place], far, *tail[place:]])
    del marks[3 + place]
    assert (marks, late_too) == (undisturbed, late)


@pytest.mark.parametrize(
    ("before", "time", "late"),
    [
        ([0, 0, 0], 0, 0),
        ([0, 0, 0], -LATENESS, 0),
        ([0, 0, 0], -LATENESS - 1, 1),
        ([], -LATENESS - 1, 0),
        ([0, 0], -LATENESS - 1, 0),
        ([0, 0, 0, 9_000], 4_000, 0),
        ([0, 0, 0, 9_000], 3_999, 1),
    ],
)
def test_late_is_what_comes_from_before_the_watermark(before: list[int], time: int, late: int) -> None:
    watermark, _, _ = observed(before)
    assert observed([time], watermark)[2] == late


@pytest.mark.parametrize("time", [-6_000, -1, 0, 1, 4_000, 14_999])
def test_late_is_also_what_comes_from_before_a_watermark_moved_by_the_clock(time: int) -> None:
    watermark, _, _ = observed([0, 0, 0])
    watermark.advance(20_000)
    assert watermark.value == BASE + 15_000
    assert observed([time], watermark)[2] == 1
    assert observed([15_000], watermark)[2] == 0


def test_silence_moves_it_as_if_events_had_gone_on() -> None:
    watermark, _, _ = observed([0, 0, 0])
    watermark.advance(7_000)
    assert watermark.value == BASE + 7_000 - LATENESS
    watermark.advance(2_000)  # counted from the newest event, so this is no further
    assert watermark.value == BASE + 7_000 - LATENESS
    watermark, marks, _ = observed([1_000, 6_999, 7_001], watermark)
    assert marks == [BASE + 7_000 - LATENESS] * 2 + [BASE + 7_001 - LATENESS]
    watermark.advance(1_000)
    assert watermark.value == BASE + 8_001 - LATENESS


def test_silence_before_anything_else_tells_nothing() -> None:
    watermark = Watermark(LATENESS)
    watermark.advance(10**9)
    assert watermark.value == LONG_AGO


@pytest.mark.parametrize("times", [[0], [100, 0]])
def test_silence_after_the_very_first_events_believes_them(times: list[int]) -> None:
    watermark, _, _ = observed(times)
    watermark.advance(6_000)
    assert watermark.value == BASE + 6_000 - LATENESS
