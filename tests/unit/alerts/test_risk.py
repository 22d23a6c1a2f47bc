"""Risk scores: bounded, growing with what speaks for danger, fading with time."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from guardian.alerts.model import Severity, Status
from guardian.alerts.risk import CONTEXT, CONTEXT_MOST, Factor, alert_weight, decayed, is_threat, score

HOUR = 3_600_000
DAY = 24 * HOUR

times = st.integers(0, 30 * DAY)
factors = st.builds(
    Factor,
    what=st.sampled_from(["QR_CODE_CLONED", "GRADUAL_THEFT", CONTEXT]),
    ref=st.text("abc", min_size=1, max_size=3),
    severity=st.just("high"),
    status=st.just("confirmed"),
    weight=st.floats(0, 1),
    at=times,
)
many = st.lists(factors, max_size=30)


@given(many, times)
def test_between_nothing_and_a_hundred(given_: list[Factor], at: int) -> None:
    assert 0.0 <= score(given_, at, DAY) <= 100.0


@given(many, factors, times)
def test_one_more_factor_never_lowers_it(given_: list[Factor], more: Factor, at: int) -> None:
    assert score([*given_, more], at, DAY) >= score(given_, at, DAY) - 1e-9


@given(many, st.randoms(use_true_random=False), times)
def test_the_order_does_not_matter(given_: list[Factor], chance: object, at: int) -> None:
    shuffled = given_[:]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert score(shuffled, at, DAY) == pytest.approx(score(given_, at, DAY))


@given(many, times, times)
def test_it_only_fades(given_: list[Factor], at: int, later: int) -> None:
    newest = max((factor.at for factor in given_), default=0)
    first, second = sorted((at, later))

    assert score(given_, newest + second, DAY) <= score(given_, newest + first, DAY) + 1e-9


@given(st.lists(factors, max_size=30), times)
def test_what_is_heard_outside_adds_fifteen_points_at_most(given_: list[Factor], at: int) -> None:
    inside = [factor for factor in given_ if factor.what != CONTEXT]

    assert score(given_, at, DAY) <= score(inside, at, DAY) + 100 * CONTEXT_MOST + 1e-9


def test_a_single_factor_is_its_weight_and_halves() -> None:
    one = Factor("QR_CODE_CLONED", "al_1", "critical", "confirmed", 0.6, 0)

    assert score([one], 0, DAY) == pytest.approx(60)
    assert score([one], DAY, DAY) == pytest.approx(30)
    assert score([one], 2 * DAY, DAY) == pytest.approx(15)
    assert score([one, one], 0, DAY) == pytest.approx(84)
    assert score([], 0, DAY) == 0


def test_what_is_still_to_come_counts_as_new() -> None:
    assert decayed(0.6, -HOUR, DAY) == 0.6


@pytest.mark.parametrize(
    ("type_", "severity", "status", "weight"),
    [
        ("QR_CODE_CLONED", Severity.CRITICAL, Status.CONFIRMED, 0.6),
        ("QR_CODE_CLONED", Severity.CRITICAL, Status.SUSPECTED, 0.3),
        ("QR_CODE_CLONED", Severity.CRITICAL, Status.CLEARED, 0.0),
        ("GRADUAL_THEFT", Severity.HIGH, Status.CONFIRMED, 0.35),
        ("INVENTORY_MISMATCH", Severity.MEDIUM, Status.CONFIRMED, 0.15),
        ("QR_LOCATION_MISMATCH", Severity.LOW, Status.CONFIRMED, 0.05),
        ("SYSTEM_CRASH", Severity.HIGH, Status.CONFIRMED, 0.175),
        ("LONG_QUEUE", Severity.MEDIUM, Status.CONFIRMED, 0.0),
    ],
)
def test_weights(type_: str, severity: Severity, status: Status, weight: float) -> None:
    assert alert_weight(type_, severity, status) == pytest.approx(weight)
    assert is_threat(type_) == (type_ != "LONG_QUEUE")
