"""Which events count as seen before, and for how long."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from guardian.engine.state import Seen
from guardian.engine.watermark import LONG_AGO

HORIZON = 100
BASE = 1_750_000_000_000

sightings = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2 * HORIZON)), max_size=30)


def replayed(steps: list[tuple[str, int]], *, stored: bool = False) -> list[tuple[str, int, bool]]:
    """(identifier, watermark, whether it was new) of sightings given with the time since the one before."""
    seen, now, told = Seen(), BASE, []
    for identifier, later in steps:
        now += later
        told.append((identifier, now, seen.first_time(identifier, now, HORIZON)))
        if stored:
            seen = msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=Seen)
    return told


@given(sightings)
def test_an_identifier_is_remembered_for_a_horizon(steps: list[tuple[str, int]]) -> None:
    taken: dict[str, int] = {}
    for identifier, now, new in replayed(steps):
        if identifier not in taken:
            assert new
        elif now - taken[identifier] <= HORIZON:
            assert not new
        if new:
            taken[identifier] = now


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, HORIZON // 20)), max_size=100))
def test_an_identifier_is_forgotten_after_two_horizons(steps: list[tuple[str, int]]) -> None:
    """Where something is heard often: forgetting happens when something is heard."""
    taken: dict[str, int] = {}
    for identifier, now, new in replayed(steps):
        if new:
            taken[identifier] = now
        else:
            assert now - taken[identifier] <= 2.1 * HORIZON


def test_a_key_that_hears_something_new_does_not_grow() -> None:
    seen = Seen()
    for number in range(10 * HORIZON):
        assert seen.first_time(str(number), BASE + number, HORIZON)
        assert len(seen.young) + len(seen.old) <= 2 * (HORIZON + 1)


@given(sightings)
def test_in_pieces_as_in_one(steps: list[tuple[str, int]]) -> None:
    assert replayed(steps, stored=True) == replayed(steps)


@pytest.mark.parametrize("since", [LONG_AGO, BASE])
def test_what_was_seen_before_the_watermark_began_is_remembered(since: int) -> None:
    """The first two events of a stream do not move the watermark, and may well be delivered again."""
    seen = Seen()
    assert seen.first_time("a", since, HORIZON)
    assert not seen.first_time("a", since, HORIZON)
    assert not seen.first_time("a", BASE, HORIZON)
    assert not seen.first_time("a", BASE + HORIZON, HORIZON)
