"""The identity of an alert: stable for ever, and never shared by two."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.model import alert_id

names = st.text(st.characters(exclude_characters="\x1f"), max_size=4)
"""The parts are joined with a control character, which no episode holds."""
identities = st.tuples(names, names, names, names)


def test_it_is_what_it_always_was() -> None:
    """Stores and consumers hold ids of before: a change here doubles every alert that is still open."""
    assert alert_id("shop-1", "LONG_QUEUE", "SCC1", "1755093605000") == "al_c511dab342834efa3c990a46"
    assert alert_id("", "", "", "") == "al_a14f0517c05de94cb16878a9"


@given(identities)
def test_it_is_short_plain_text(identity: tuple[str, str, str, str]) -> None:
    assert re.fullmatch("al_[0-9a-f]{24}", alert_id(*identity))


@given(identities, identities)
def test_two_alerts_share_it_only_if_they_are_one(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    assert (alert_id(*one) == alert_id(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b", "c", "d"), ("a", "b", "cd", "")),
        (("a", "b", "c", "d"), ("ab", "", "c", "d")),
        (("a", "b", "c", "d"), ("a", "b", "d", "c")),
        (("s", "t", "SCC1", "11"), ("s", "t", "SCC11", "1")),
        (("s", "t", "k", ""), ("s", "t", "", "k")),
        (("s", "t", "k", "é"), ("s", "t", "k", "e\u0301")),
    ],
)
def test_near_misses(one: tuple[str, str, str, str], other: tuple[str, str, str, str]) -> None:
    assert alert_id(*one) != alert_id(*other)


def test_any_text_has_one() -> None:
    """Half a character from a broken producer is no reason to lose an alert."""
    assert alert_id("s", "t", "\ud800", "1") != alert_id("s", "t", "\ud801", "1")


def test_it_is_the_same_in_another_process() -> None:
    script = "from guardian.alerts.model import alert_id; print(alert_id('s', 't', 'k', 'e'))"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONHASHSEED": "17", "PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == alert_id("s", "t", "k", "e")
