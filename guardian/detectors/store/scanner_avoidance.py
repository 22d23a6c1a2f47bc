"""SCANNER_AVOIDANCE: an item passed the scan area and nobody paid for it."""

from __future__ import annotations

from collections.abc import Callable

from guardian.alerts.model import Alert, Severity, Status
from guardian.detectors.store.item_pairing import CHECKOUT_MISFITS
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input
from guardian.engine.state import KeyState
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event


class ScannerAvoidance(Detector[KeyState]):
    state = KeyState
    about = About(
        id="SCANNER_AVOIDANCE",
        version=1,
        title="Item not scanned",
        description="RFID read an item in the scan area of a checkout, and no sale pays for it.",
        subject="station",
        severities={Severity.HIGH: "goods are about to leave unpaid"},
        blind_spots="Items whose tag is not read; an item hidden behind a missed read of the same article.",
        runbook=(
            "Ask the customer, kindly, whether everything was scanned; offer to scan the named item.",
            "If the customer has left, keep the video of the station around the time given.",
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
        return (Input(CHECKOUT_MISFITS, _unpaid_at, self._on_unpaid),)

    def _on_unpaid(self, state: KeyState, event: Event, ctx: Context) -> None:
        misfit = event.value
        read = misfit.read
        product = self._catalogue.get(read.sku)
        # With several people at the station it would be a guess, and a guess accuses a neighbour.
        only = misfit.customers[0] if len(misfit.customers) == 1 else None
        ctx.alert(
            episode=f"{read.time}|{read.sku}|{read.tag}",
            subject=ctx.key,
            severity=Severity.HIGH,
            status=Status.CLEARED if misfit.paid_late else Status.CONFIRMED,
            event_time=read.time,
            detected_at=misfit.detected_at,
            evidence={
                "station_id": ctx.key,
                "customer_id": only,
                "sku": read.sku,
                "product_sku": read.sku,
                "product_name": product.name if product else None,
                "price": product.price if product else None,
                "epc": read.tag,
                "camera_confidence": misfit.seen_by_camera,
                "event_ids": [read.ref],
            },
        )

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        passed = f"passed station {alert.subject.id} at {when(alert.event_time)}"
        if alert.status == Status.CLEARED:
            return f"{found['sku']} {passed}; its sale came in late."
        name = found.get("product_name")
        item = f"{found['sku']} ({name})" if name else found["sku"]
        who = f" while customer {found['customer_id']} was paying" if "customer_id" in found else ""
        seen = " The camera saw it too." if "camera_confidence" in found else ""
        return f"{item} {passed}{who} and was not paid for.{seen}"


def _unpaid_at(event: Event) -> str | None:
    return event.value.station_id if event.value.sold is None else None
