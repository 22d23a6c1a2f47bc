"""WEIGHT_DISCREPANCY: what was weighed at the sale is not what the article weighs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event
from guardian.events.topics import POS


class WeightDiscrepancyParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of the catalogue weight: off by more than `low` is noted, by more than `high` is serious."""

    low: float = 0.05
    high: float = 0.15


class WeightDiscrepancy(Detector[KeyState]):
    state = KeyState
    about = About(
        id="WEIGHT_DISCREPANCY",
        version=1,
        title="Weight does not fit",
        description="The weight of a sale differs from the catalogue's weight for the article.",
        subject="station",
        severities={
            Severity.LOW: "off by a little: a damaged package, a scale to be adjusted",
            Severity.HIGH: "off by a lot: another article, or more than one, went over the scale",
        },
        blind_spots="Articles without a weight in the catalogue; a swap for something just as heavy.",
        runbook=(
            "Look at the article in the bag before the customer leaves.",
            "If the article is right, check the scale and the catalogue weight.",
        ),
    )
    retention_ms = 600_000

    def __init__(
        self,
        params: WeightDiscrepancyParams = WeightDiscrepancyParams(),
        *,
        catalogue: Catalogue,
        lateness_ms: int,
    ) -> None:
        # Exactly at a limit is within it, however the product of two decimal fractions is rounded.
        self.low, self.high = params.low * (1 + 1e-9), params.high * (1 + 1e-9)
        self._expected = {
            product.sku: product.weight_g for product in catalogue if product.weight_g is not None
        }
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(POS, self._off_at, self._on_sale),)

    def _off_at(self, event: Event) -> str | None:
        sale = event.value.data
        expected = self._expected.get(sale.sku)
        weighed = sale.weight_g
        if expected is None or weighed is None or abs(weighed - expected) <= self.low * expected:
            return None
        station: str = event.value.station_id
        return station

    def _on_sale(self, state: KeyState, event: Event, ctx: Context) -> None:
        sale = event.value.data
        expected = self._expected[sale.sku]
        serious = abs(sale.weight_g - expected) > self.high * expected
        ctx.alert(
            # The sale itself, not its record: a till that sends it twice has still sold it once.
            episode=f"{event.time}|{sale.customer_id}|{sale.sku}|{sale.weight_g}",
            subject=ctx.key,
            severity=Severity.HIGH if serious else Severity.LOW,
            event_time=event.time,
            evidence={
                "station_id": ctx.key,
                "customer_id": sale.customer_id,
                "sku": sale.sku,
                "product_sku": sale.sku,
                "expected_weight_g": expected,
                "actual_weight_g": sale.weight_g,
                "event_ids": [event.ref],
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        expected, weighed = found["expected_weight_g"], found["actual_weight_g"]
        return (
            f"At {when(alert.event_time)} {found['sku']} was sold at station {alert.subject.id} weighing "
            f"{weighed:g} g; the catalogue says {expected:g} g ({(weighed - expected) / expected:+.0%})."
        )
