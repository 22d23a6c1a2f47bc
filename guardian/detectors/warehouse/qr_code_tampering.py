"""QR_CODE_TAMPERING: a code that is not ours, not for these goods, or no longer valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.code_episodes import CodeEpisodeDetector
from guardian.detectors.warehouse.code_registry import FORGED, REVOKED_CODE, WRONG_PRODUCT, CodeMisfit
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.qr.verify import Outcome

WHY = {
    Outcome.NOT_A_CODE.value: "is no code of ours at all",
    Outcome.UNSIGNED.value: "has no signature",
    Outcome.UNKNOWN_KEY.value: "was signed with a key that is not ours",
    Outcome.REVOKED_KEY.value: "was signed with a key that has been revoked",
    Outcome.BAD_SIGNATURE.value: "was altered: its signature does not fit what it says",
    REVOKED_CODE: "had been revoked",
}


class QrCodeTampering(CodeEpisodeDetector):
    kind = FORGED
    about = About(
        id="QR_CODE_TAMPERING",
        version=1,
        title="Forged or swapped code",
        description="A code was scanned whose signature does not verify, that no key of ours signed, that "
        "was revoked, or that belongs to another article.",
        subject="qr",
        severities={Severity.CRITICAL: "somebody makes goods pass for others"},
        blind_spots="Codes of which only the number is reported, and a site without its public keys: nothing "
        "can be verified then. A genuine label stuck on another unit of the same article.",
        runbook=(
            "Hold the goods with this label, and look at the label: is it stuck over another one?",
            "Find out who brought them there; keep the video of the scanner around the time given.",
            "Check other goods of the same article, and of the same delivery.",
        ),
    )

    def facts(self, misfit: CodeMisfit, ctx: Context) -> Mapping[str, Any]:
        return {"code_product_id": misfit.recorded}

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        name = f"Code {found['qr_id']}" if "qr_id" in found else "A code"
        if found["reason"] == WRONG_PRODUCT:
            why = f"belongs to {found['code_product_id']}"
        else:
            why = WHY[found["reason"]]
        again = f" It was scanned {alert.count} times." if alert.count > 1 else ""
        return (
            f"{name}, scanned on {found['product_id']} at {found['location']} at {when(alert.event_time)}, "
            f"{why}.{again}"
        )
