"""Threat scores of products, employees and locations: what all alerts together say of each.

This is not a detector of its own: it raises nothing, and keeps the latest score of each for those who ask.
What people write of crime near a place raises that place's score a little, never that of a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from guardian.alerts.model import Alert
from guardian.alerts.risk import (
    CONTEXT,
    CONTEXT_WEIGHT,
    Factor,
    alert_weight,
    decayed,
    is_threat,
    score,
)
from guardian.detectors.warehouse.places import site_of
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS, SOCIAL, THREAT_SCORES

PRODUCT, EMPLOYEE, LOCATION = "product", "employee", "location"

NAMES = (
    (PRODUCT, ("product_id", "product_ids", "sku", "product_sku", "actual_sku")),
    (EMPLOYEE, ("employee_id", "employee_ids")),
    (LOCATION, ("location", "station_id")),
)
"""Which evidence names what is scored."""

CRIME = re.compile(
    r"\b(?:theft|thie(?:f|ves)|steal(?:s|ing)?|stolen?|robb(?:ed|ery|eries|ers?)|burgl(?:ars?|ary|aries|ed)|"
    r"break[- ]?ins?|broken? into|loot(?:ed|ers|ing)|shoplift\w*|smuggl\w*|counterfeit\w*|gangs?)\b",
    re.IGNORECASE,
)
"""Words of crime in a post, in English."""

HOSTILE = -0.5
"""A sentiment of this or less is hostile."""

NAMED_CAP = 200
FACTORS_CAP = 64
SHOWN_CAP = 20
HALF_LIVES_KEPT = 10
"""After so many a factor is forgotten: a thousandth of it is left."""


class ThreatScoresParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """half_life_s: after this long, what happened counts half."""

    half_life_s: float = 86_400.0


class ThreatScore(msgspec.Struct, frozen=True):
    """The score of one product, employee or location (`kind`), from 0 to 100, rounded to a tenth.

    as_of: the time it is the score of, epoch ms; it decays from then on. factors: what it is made of, the
    weightiest first.
    """

    kind: str
    id: str
    score: float
    as_of: int
    half_life_s: float
    factors: list[Factor]


class ThreatState(KeyState):
    """factors: by alert id or record. as_of: the newest time heard of."""

    factors: dict[str, Factor] = msgspec.field(default_factory=dict)
    as_of: int = -NEVER


class ThreatScores(Detector[ThreatState]):
    state = ThreatState
    publishes = (THREAT_SCORES,)
    about = About(
        id="THREAT_SCORES",
        version=1,
        title="Threat scores",
        description="Sums up all alerts about a product, a person or a location; the score fades with time.",
        subject="product, employee or location",
        blind_spots="Who is in no alert. A score says how much there is to look into, not who is guilty.",
    )

    def __init__(
        self, params: ThreatScoresParams = ThreatScoresParams(), *, types: Iterable[str], lateness_ms: int
    ) -> None:
        """types: those of all alerts there are."""
        self.params = params
        self.half_life_ms = int(params.half_life_s * 1000)
        if self.half_life_ms <= 0:
            raise TimeSettingsError(f"{self.about.id}: half_life_s must be positive")
        self.keep_ms = HALF_LIVES_KEPT * self.half_life_ms
        self.retention_ms = self.keep_ms + lateness_ms
        self._types = frozenset(filter(is_threat, types))
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.keep_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A post is known by its record: it again changes nothing.
        return (
            Input(FRAUD_ALERTS, _named, self._on_alert, self._types),
            Input(SOCIAL, _places_in_danger, self._on_post, once=False),
        )

    def _on_alert(self, state: ThreatState, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        known = state.factors.get(alert.alert_id)
        if known is not None and (known.severity, known.status) == (alert.severity, alert.status):
            return
        weight = alert_weight(alert.type, alert.severity, alert.status)
        if known is None and alert.event_time <= state.as_of - self.keep_ms:
            return  # it is long over, and only now being told again
        if weight:
            state.factors[alert.alert_id] = Factor(
                alert.type,
                alert.alert_id,
                alert.severity.value,
                alert.status.value,
                weight,
                alert.event_time,
            )
        elif known is not None:
            del state.factors[alert.alert_id]
        else:
            return
        self._publish(state, alert.event_time, ctx)

    def _on_post(self, state: ThreatState, event: Event, ctx: Context) -> None:
        if event.ref not in state.factors:
            state.factors[event.ref] = Factor(CONTEXT, event.ref, "", "", CONTEXT_WEIGHT, event.time)
            self._publish(state, event.time, ctx)

    def _publish(self, state: ThreatState, time: int, ctx: Context) -> None:
        as_of = state.as_of = max(state.as_of, time)
        forgotten = as_of - self.keep_ms
        if len(state.factors) > FACTORS_CAP:
            ctx.count("buffer_full")
        ranked = sorted(
            (factor for factor in state.factors.values() if factor.at > forgotten),
            key=lambda factor: (-decayed(factor.weight, as_of - factor.at, self.half_life_ms), factor.ref),
        )[:FACTORS_CAP]
        if len(ranked) < len(state.factors):
            state.factors = {factor.ref: factor for factor in ranked}
        kind, _, identifier = ctx.key.partition(":")
        points = round(score(ranked, as_of, self.half_life_ms), 1)
        row = ThreatScore(kind, identifier, points, as_of, self.params.half_life_s, ranked[:SHOWN_CAP])
        ctx.keep(THREAT_SCORES, ctx.key, as_of, row)


def _named(event: Event) -> list[str]:
    """Everything an alert's evidence names."""
    evidence: dict[str, Any] = event.value.evidence
    keys: dict[str, None] = {}
    for kind, names in NAMES:
        for name in names:
            value = evidence.get(name)
            if isinstance(value, str):
                keys[f"{kind}:{value}"] = None
            elif isinstance(value, (list, tuple)):
                keys.update((f"{kind}:{one}", None) for one in value[:NAMED_CAP] if isinstance(one, str))
    return list(keys)


def _places_in_danger(event: Event) -> list[str] | None:
    """The location a post about crime names, and its site."""
    post = event.value
    sentiment = post.sentiment
    hostile = sentiment <= HOSTILE if isinstance(sentiment, (int, float)) else _is_negative(sentiment)
    if not hostile and CRIME.search(post.content) is None:
        return None
    location: str = post.location
    site = site_of(location)
    return [f"{LOCATION}:{location}", f"{LOCATION}:{site}"] if site else [f"{LOCATION}:{location}"]


def _is_negative(sentiment: str) -> bool:
    return sentiment.casefold() in ("negative", "very negative", "hostile")
