"""SHELF_WEIGHT_MISMATCH: what lies on a shelf does not weigh what so many units weigh.

The weight of a unit is the catalogue's; where that has none, the shelf's own first readings teach it. Each
reading carries count and weight together and is judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.books import SEPARATOR, article_at
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import NEVER, KeyState
from guardian.engine.windows.episode import Episode, Episodes
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_PHYSICAL

CATALOGUE_WEIGHT, LEARNT_WEIGHT = "catalogue", "learnt"


class ShelfWeightMismatchParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """tolerance: share of the expected weight by which a reading may be off.
    learn_from: readings that must agree before a unit's weight counts as learnt. learn_until: after so many,
        the learnt weight stays as it is.
    quiet_s: after so long without a wrong reading, the next one is a new finding.
    """

    tolerance: float = 0.10
    learn_from: int = 5
    learn_until: int = 31
    quiet_s: float = 1_800.0


class Weighed(msgspec.Struct, array_like=True, frozen=True):
    """A reading that may teach what a unit weighs."""

    time: int
    units: int
    grams: float
    ref: str


class Wrong(msgspec.Struct, array_like=True, frozen=True):
    """A reading that is off. source: where the expected weight is from."""

    time: int
    units: int
    grams: float
    expected_g: float
    source: str

    @property
    def share(self) -> float:
        """By how much it is off."""
        return abs(self.grams - self.expected_g) / self.expected_g


class ShelfWeightState(KeyState):
    """One article at one place.

    unit_g: learnt weight of a unit, None until it is. samples: weights of a unit it is learnt from, until
    that is done. waiting: readings to be learnt from, once everything before them has arrived. learnt_until:
    up to when that has happened. wrong: the readings that were off the most, of the present episode.
    """

    unit_g: float | None = None
    samples: list[float] = msgspec.field(default_factory=list)
    done: bool = False
    waiting: list[Weighed] = msgspec.field(default_factory=list)
    learnt_until: int = -NEVER
    wrong: list[Wrong] = msgspec.field(default_factory=list)
    episodes: Episodes = msgspec.field(default_factory=Episodes)


WAITING_CAP = 500
WRONG_CAP = 16


class ShelfWeightMismatch(Detector[ShelfWeightState]):
    state = ShelfWeightState
    about = About(
        id="SHELF_WEIGHT_MISMATCH",
        version=1,
        title="The shelf weighs something else",
        description="The units on a shelf do not weigh what so many units of the article weigh.",
        subject="product",
        severities={
            Severity.MEDIUM: "goods swapped for something else, opened packages, or a scale to be adjusted"
        },
        blind_spots=(
            "A swap for something just as heavy, or of less than a tenth of the weight; articles without a "
            "weight in the catalogue whose shelf was wrong from the beginning."
        ),
        runbook=(
            "Open some of the packages at the place named.",
            "If the goods are right, check the scale and the weight in the catalogue.",
        ),
    )
    retention_ms = 30 * 86_400_000
    max_keys = 500_000

    def __init__(
        self,
        params: ShelfWeightMismatchParams = ShelfWeightMismatchParams(),
        *,
        catalogue: Catalogue,
        lateness_ms: int,
    ) -> None:
        self.params = params
        self.quiet_ms = int(params.quiet_s * 1000)
        # Exactly at the limit is within it, however the product of two decimal fractions is rounded.
        self.tolerance = params.tolerance * (1 + 1e-9)
        self._listed = {product.sku: product.weight_g for product in catalogue if product.weight_g}
        if self.quiet_ms <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: quiet_s must be longer than the allowed lateness ({lateness_ms} ms)"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.quiet_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # Readings that fit change nothing, so that only those that do not are remembered, by `_off`.
        return (Input(INVENTORY_PHYSICAL, self._worth_a_look, self._on_reading, once=False),)

    def _worth_a_look(self, event: Event) -> str | None:
        value = event.value
        weight, units = value.weight_kg, value.quantity
        if weight is None or not units:
            return None
        listed = self._listed.get(value.product_id)
        if listed is not None:
            expected = units * listed
            if abs(weight * 1000 - expected) <= self.tolerance * expected:
                return None
        return article_at(event)

    def _on_reading(self, state: ShelfWeightState, event: Event, ctx: Context) -> None:
        value, time = event.value, event.time
        units, grams = value.quantity, value.weight_kg * 1000
        listed = self._listed.get(value.product_id)
        if listed is not None:
            wrong = Wrong(time, units, grams, units * listed, CATALOGUE_WEIGHT)
            self._signal(state, wrong, event.ref, ctx)
        elif state.done or time <= state.learnt_until:
            if state.unit_g is not None:
                self._compare(state, units, grams, time, event.ref, ctx)
        elif all(one.time != time for one in state.waiting):
            if len(state.waiting) >= WAITING_CAP:
                ctx.count("buffer_full")
                return
            state.waiting.append(Weighed(time, units, grams, event.ref))
            state.wake_by(time + 1)

    def _compare(
        self, state: ShelfWeightState, units: int, grams: float, time: int, ref: str, ctx: Context
    ) -> bool:
        """Whether a reading fits the learnt weight; signals if it does not."""
        expected = units * (state.unit_g or 0.0)
        if abs(grams - expected) <= self.tolerance * expected:
            return True
        self._signal(state, Wrong(time, units, grams, expected, LEARNT_WEIGHT), ref, ctx)
        return False

    def _signal(self, state: ShelfWeightState, wrong: Wrong, ref: str, ctx: Context) -> None:
        if not state.seen.first_time(ref, wrong.time, self.quiet_ms):
            return
        state.wrong.append(wrong)
        episode = state.episodes.signal(wrong.time, wrong.share, ref, self.quiet_ms, max(ctx.now, wrong.time))
        if episode is not None:
            # Only what the evidence of an episode is chosen from may be dropped: each keeps its worst.
            inside = [one for one in state.wrong if episode.start <= one.time <= episode.end]
            if len(inside) > WRONG_CAP:
                state.wrong.remove(min(inside, key=_share))
            self._tell(state, episode, ctx, ongoing=True)
        self._rearm(state)

    def on_wake(self, state: ShelfWeightState, at: int, ctx: Context) -> None:
        if state.waiting:
            due = sorted((one for one in state.waiting if one.time < at), key=_time)
            state.waiting = [one for one in state.waiting if one.time >= at]
            for weighed in due:
                self._learn(state, weighed, ctx)
            state.learnt_until = max(state.learnt_until, at - 1)
        closed, opened = state.episodes.close_by(at, self.quiet_ms)
        if closed is not None:
            self._tell(state, closed, ctx, ongoing=False)
            state.wrong = [one for one in state.wrong if one.time > closed.end]
        if opened is not None:
            self._tell(state, opened, ctx, ongoing=True)
        self._rearm(state)

    def _learn(self, state: ShelfWeightState, weighed: Weighed, ctx: Context) -> None:
        unit_g = weighed.grams / weighed.units
        if state.unit_g is not None:
            fits = self._compare(state, weighed.units, weighed.grams, weighed.time, weighed.ref, ctx)
            if state.done or not fits:
                return
        samples = [*state.samples, unit_g][-self.params.learn_until :]
        middle = median(samples)
        agreeing = [one for one in samples if abs(one - middle) <= self.tolerance * middle]
        state.samples = samples
        if len(agreeing) >= self.params.learn_from:
            state.unit_g, state.samples = median(agreeing), agreeing
            if len(agreeing) >= self.params.learn_until:
                state.done, state.samples = True, []

    def _rearm(self, state: ShelfWeightState) -> None:
        state.wake = state.episodes.next_due(self.quiet_ms)
        if state.waiting:
            state.wake_by(min(map(_time, state.waiting)) + 1)

    def _tell(self, state: ShelfWeightState, episode: Episode, ctx: Context, *, ongoing: bool) -> None:
        inside = [one for one in state.wrong if episode.start <= one.time <= episode.end]
        worst = max(inside, key=_share)
        product, _, location = ctx.key.partition(SEPARATOR)
        ctx.alert(
            episode=str(episode.anchor),
            subject=product,
            severity=Severity.MEDIUM,
            event_time=episode.start,
            started_at=episode.start,
            ended_at=episode.end,
            detected_at=episode.detected_at,
            count=episode.count,
            evidence={
                "product_id": product,
                "location": location,
                "expected_weight_g": round(worst.expected_g, 1),
                "actual_weight_g": round(worst.grams, 1),
                "physical_quantity": worst.units,
                "weight_source": worst.source,
                "event_ids": list(episode.refs),
                "ongoing": ongoing,
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        expected, weighed = found["expected_weight_g"], found["actual_weight_g"]
        source = (
            "the catalogue says"
            if found["weight_source"] == CATALOGUE_WEIGHT
            else "such readings used to give"
        )
        return (
            f"From {when(alert.started_at)} to {when(alert.ended_at)} the {found['physical_quantity']} units "
            f"of {found['product_id']} at {found['location']} weighed {weighed:g} g; {source} {expected:g} g "
            f"({(weighed - expected) / expected:+.0%})."
        )


def _share(wrong: Wrong) -> tuple[float, int]:
    return wrong.share, wrong.time


def _time(weighed: Weighed) -> int:
    return weighed.time
