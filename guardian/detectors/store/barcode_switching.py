"""BARCODE_SWITCHING: another article was paid for than the one that passed."""

from __future__ import annotations

from collections.abc import Callable

from guardian.alerts.model import Alert, Severity
from guardian.detectors.store.item_pairing import CHECKOUT_MISFITS
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event


class BarcodeSwitching(Detector[KeyState]):
    state = KeyState
    about = About(
        id="BARCODE_SWITCHING",
        version=1,
        title="Barcode switched",
        description="The item at the checkout is one article by its RFID tag, and the sale is for another.",
        subject="station",
        severities={Severity.HIGH: "an article is paid for as another, usually a cheaper one"},
        blind_spots="A swap between items of one SKU; items without a tag.",
        runbook=(
            "Stop the sale and compare the named item with the receipt.",
            "Look for loose or doubled barcode labels on the item and keep them.",
        ),
    )
    retention_ms = 600_000

    def __init__(self, *, catalogue: Catalogue, lateness_ms: int) -> None:
        self._catalogue = catalogue
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return 0

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(CHECKOUT_MISFITS, _swapped_at, self._on_swap),)

    def _on_swap(self, state: KeyState, event: Event, ctx: Context) -> None:
        misfit = event.value
        read, sold = misfit.read, misfit.sold
        ctx.alert(
            episode=f"{read.time}|{read.sku}|{read.tag}",
            subject=ctx.key,
            severity=Severity.HIGH,
            event_time=sold.time,
            started_at=min(read.time, sold.time),
            ended_at=max(read.time, sold.time),
            detected_at=misfit.detected_at,
            count=2,
            evidence={
                "station_id": ctx.key,
                "customer_id": sold.tag,
                "actual_sku": read.sku,
                "scanned_sku": sold.sku,
                "price_difference": self._difference(read.sku, sold.sku),
                "epc": read.tag,
                "camera_confidence": misfit.seen_by_camera,
                "event_ids": [read.ref, sold.ref],
            },
        )

    def _difference(self, actual: str, scanned: str) -> float | None:
        worth, paid = self._catalogue.get(actual), self._catalogue.get(scanned)
        if worth is None or paid is None or worth.price is None or paid.price is None:
            return None
        return round(worth.price - paid.price, 2)

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        who = f"customer {found['customer_id']}" if "customer_id" in found else "somebody"
        lost = found.get("price_difference", 0)
        price = f", {lost:g} cheaper" if lost > 0 else ""
        seen = " The camera saw the real article too." if "camera_confidence" in found else ""
        return (
            f"At {when(alert.event_time)} {who} paid for {found['scanned_sku']} at station {alert.subject.id}"
            f"{price}, while the item that passed was {found['actual_sku']}.{seen}"
        )


def _swapped_at(event: Event) -> str | None:
    return event.value.station_id if event.value.sold is not None else None
