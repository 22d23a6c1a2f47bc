"""QR_MASS_REGENERATION: one person prints new codes for many products within minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.person_acts import Act, ActsDetector, ActsState
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Input, TimeSettingsError
from guardian.engine.windows.episode import Episode
from guardian.events.model import Event
from guardian.events.topics import QR_SCANS
from guardian.events.warehouse import QR_REGENERATED


class QrMassRegenerationParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """min_products: codes of this many different products, printed anew within window_s, are too many.
    quiet_s: an episode is over when there was no such window for this long.
    """

    min_products: int = 10
    window_s: float = 900.0
    quiet_s: float = 3_600.0


class QrMassRegeneration(ActsDetector[ActsState]):
    state = ActsState
    about = About(
        id="QR_MASS_REGENERATION",
        version=1,
        title="Many codes printed anew",
        description="One person prints new codes for many products within minutes.",
        subject="employee",
        severities={Severity.HIGH: "goods are being given another identity, as before they are carried off"},
        blind_spots="Printing spread over hours or over several people's accounts; labels made elsewhere.",
        runbook=(
            "Ask whoever planned the work whether the products were to be labelled anew.",
            "If not: block the account, and stop goods with the new labels at the docks.",
            "Compare the shelves of the products named with the books.",
        ),
    )

    def __init__(
        self, params: QrMassRegenerationParams = QrMassRegenerationParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.window_ms = int(params.window_s * 1000)
        self.quiet_ms = int(params.quiet_s * 1000)
        self.minimum = params.min_products
        self.retention_ms = self.quiet_ms + self.window_ms + lateness_ms
        if not 0 < self.window_ms <= self.quiet_ms:
            raise TimeSettingsError(f"{self.about.id}: quiet_s must be at least window_s, above 0")
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(QR_SCANS, _regenerated_by, self._on_regenerated),)

    def _on_regenerated(self, state: ActsState, event: Event, ctx: Context) -> None:
        self.take(state, Act(event.time, event.value.product_id, event.ref), ctx)

    def measure(self, kinds: Mapping[str, int]) -> int:
        return len(kinds)

    def evidence(self, state: ActsState, episode: Episode) -> dict[str, Any]:
        return {
            "employee_id": state.employee,
            "products": int(episode.peak),
            "product_ids": self.kinds_in(state, episode),
            "window_s": self.params.window_s,
        }

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        return (
            f"{alert.subject.id} printed new codes for {found['products']} products within "
            f"{found['window_s'] / 60:g} min, between {when(alert.started_at)} and {when(alert.ended_at)}."
        )


def _regenerated_by(event: Event) -> str | None:
    value = event.value
    return value.generated_by if value.action == QR_REGENERATED else None
