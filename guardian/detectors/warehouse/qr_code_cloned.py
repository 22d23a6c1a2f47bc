"""QR_CODE_CLONED: one code in two places at a time, or still in use after it was used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guardian.alerts.model import Alert, Severity
from guardian.detectors.warehouse.code_episodes import CodeEpisodeDetector, CodeEpisodeState
from guardian.detectors.warehouse.code_registry import CLONED, TOO_FAST, CodeMisfit
from guardian.engine.about import About
from guardian.engine.context import Context


class QrCodeCloned(CodeEpisodeDetector):
    kind = CLONED
    about = About(
        id="QR_CODE_CLONED",
        version=1,
        title="One code, two labels",
        description="A code was scanned in two places sooner than goods can travel, or after it was used up.",
        subject="qr",
        severities={Severity.CRITICAL: "a copied label makes goods pass for others that are accounted for"},
        blind_spots="Copies scanned long enough after each other, and copies that are never scanned. A "
        "used-up code may still be scanned at docks and other places that goods only pass through. How fast "
        "goods travel is a setting of CODE_REGISTRY.",
        runbook=(
            "Go to both places and hold the goods with this code: one of the labels is a copy.",
            "Revoke the code, and label the genuine goods anew.",
            "Keep the video of both scanners around the times given.",
        ),
    )

    def facts(self, misfit: CodeMisfit, ctx: Context) -> Mapping[str, Any]:
        before = misfit.before
        if before is None:
            return {}
        if misfit.reason == TOO_FAST:
            return {
                "other_location": before.place,
                "seconds_apart": round((misfit.time - before.time) / 1000, 1),
            }
        return {"other_location": before.place, "consumed_at": ctx.iso(before.time)}

    def tell(self, state: CodeEpisodeState, misfit: CodeMisfit, ctx: Context) -> None:
        before = misfit.before
        if (
            misfit.reason == TOO_FAST
            and before is not None
            and state.seen.first_time(before.ref, before.time, self.quiet_ms)
        ):
            # The earlier scan looked honest when it came; it belongs to the episode all the same.
            state.episodes.signal(before.time, 1, before.ref, self.quiet_ms, ctx.now)
        super().tell(state, misfit, ctx)

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        code = f"Code {found['qr_id']} of {found['product_id']}"
        if found["reason"] == TOO_FAST:
            return (
                f"{code} was scanned at {found['other_location']} and {found['seconds_apart']:g} s later at "
                f"{found['location']}, around {when(alert.event_time)}: nobody carries goods that fast."
            )
        return (
            f"{code} was scanned at {found['location']} at {when(alert.ended_at)}, after it had been used up "
            f"at {found['other_location']}."
        )
