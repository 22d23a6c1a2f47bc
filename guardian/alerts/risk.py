"""How dangerous something has become: a score from 0 to 100 out of all that speaks for it.

Each factor is taken for an independent witness who is right with some probability, its weight. The score is
the chance that at least one of them is: 100 · (1 − Π (1 − weight)). So it grows with every factor, never
beyond 100, and many small things do not outweigh a large one at once. A weight halves with every half-life
that passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from guardian.alerts.model import Severity, Status

CONTEXT: Final = "context"
"""What a factor is called that is no alert: something was heard from outside."""

CONTEXT_WEIGHT: Final = 0.03
CONTEXT_MOST: Final = 0.15
"""What is heard from outside together counts for this much at most."""

SEVERITY_WEIGHTS: Final = {
    Severity.CRITICAL: 0.6,
    Severity.HIGH: 0.35,
    Severity.MEDIUM: 0.15,
    Severity.LOW: 0.05,
}

TYPE_SHARES: Final = {
    "LONG_QUEUE": 0.0,
    "LONG_WAIT": 0.0,
    "STAFFING_NEED": 0.0,
    "CHECKOUT_STATION_ACTION": 0.0,
    "SYSTEM_CRASH": 0.5,
    "READ_ERRORS": 0.5,
}
"""By alert type, how much of its severity's weight counts; all of it for a type that is not named. Waiting
customers are no threat; a device that is blind is an opportunity, at most."""

STATUS_SHARES: Final = {Status.CONFIRMED: 1.0, Status.SUSPECTED: 0.5, Status.CLEARED: 0.0}


class Factor(msgspec.Struct, frozen=True):
    """Something that speaks for danger. what: type of the alert, or `CONTEXT`. ref: the alert's id, or the
    record.

    weight: from 0 to 1, when it was new. at: when that was, epoch ms. severity, status: of the alert, else
    empty.
    """

    what: str
    ref: str
    severity: str
    status: str
    weight: float
    at: int


def is_threat(type_: str) -> bool:
    """Whether alerts of a type count at all."""
    return TYPE_SHARES.get(type_, 1.0) > 0


def alert_weight(type_: str, severity: Severity, status: Status) -> float:
    """Weight of a fresh alert, from 0 to 1."""
    return SEVERITY_WEIGHTS[severity] * TYPE_SHARES.get(type_, 1.0) * STATUS_SHARES[status]


def decayed(weight: float, age_ms: int, half_life_ms: int) -> float:
    """What is left of a weight after some time. Something that is still to come counts as new."""
    left: float = 0.5 ** (max(age_ms, 0) / half_life_ms)
    return weight * left


def score(factors: Iterable[Factor], at: int, half_life_ms: int) -> float:
    """The score at a time, from 0 to 100."""
    innocent = outside = 1.0
    for factor in factors:
        left = 1.0 - decayed(factor.weight, at - factor.at, half_life_ms)
        if factor.what == CONTEXT:
            outside *= left
        else:
            innocent *= left
    return 100.0 * (1.0 - innocent * max(outside, 1.0 - CONTEXT_MOST))
