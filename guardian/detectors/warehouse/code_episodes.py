"""Detectors whose alert is an episode of misfits of one code."""

from __future__ import annotations

from abc import abstractmethod
from bisect import insort
from collections.abc import Mapping
from typing import Any

import msgspec

from guardian.detectors.episodic import EpisodeState, EpisodicDetector
from guardian.detectors.warehouse.code_registry import CODE_MISFITS, CodeMisfit
from guardian.engine.context import Context
from guardian.engine.detector import Input
from guardian.engine.windows.episode import Episode
from guardian.events.model import Event

FACTS_CAP = 8


class CodeEpisodeParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """quiet_s: an episode is over when nothing was wrong with the code for this long."""

    quiet_s: float = 3_600.0


class CodeEpisodeState(EpisodeState):
    """One code. facts: what evidence says of a misfit, by its time: of the earliest, and of the latest."""

    facts: list[tuple[int, str, dict[str, Any]]] = msgspec.field(default_factory=list)


class CodeEpisodeDetector(EpisodicDetector[CodeEpisodeState]):
    """Raises an episode of the misfits of one kind."""

    state = CodeEpisodeState
    kind: str

    def __init__(self, params: CodeEpisodeParams = CodeEpisodeParams(), *, lateness_ms: int) -> None:
        self.quiet_ms = int(params.quiet_s * 1000)
        self.retention_ms = 2 * self.quiet_ms + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (Input(CODE_MISFITS, self._code_of, self._on_misfit),)

    def _code_of(self, event: Event) -> str | None:
        misfit: CodeMisfit = event.value
        if misfit.kind != self.kind:
            return None
        return misfit.product_id if misfit.qr_id is None else misfit.qr_id

    @abstractmethod
    def facts(self, misfit: CodeMisfit, ctx: Context) -> Mapping[str, Any]:
        """What evidence says of a misfit, besides what it says of every one. None: nothing."""

    def _on_misfit(self, state: CodeEpisodeState, event: Event, ctx: Context) -> None:
        misfit: CodeMisfit = event.value
        # Two records that contradict each other are told again when one of them is redelivered.
        if not state.seen.first_time(misfit.ref, misfit.time, self.quiet_ms):
            return
        facts = {
            "qr_id": misfit.qr_id,
            "product_id": misfit.product_id,
            "location": misfit.location,
            "scanner_id": misfit.scanner_id,
            "reason": misfit.reason,
            **self.facts(misfit, ctx),
        }
        told = {name: value for name, value in facts.items() if value is not None}
        insort(state.facts, (misfit.time, misfit.ref, told), key=_when)
        if len(state.facts) > FACTS_CAP:
            del state.facts[FACTS_CAP // 2]
        self.tell(state, misfit, ctx)

    def tell(self, state: CodeEpisodeState, misfit: CodeMisfit, ctx: Context) -> None:
        """Lets the episode grow by a misfit."""
        self.signal(state, misfit.time, 1, misfit.ref, ctx)

    def evidence(self, state: CodeEpisodeState, episode: Episode) -> dict[str, Any]:
        inside = [facts for time, _, facts in state.facts if episode.start <= time <= episode.end]
        first = inside[0] if inside else state.facts[0][2]
        return {**first, "reasons": list(dict.fromkeys(facts["reason"] for facts in inside))}

    def on_wake(self, state: CodeEpisodeState, at: int, ctx: Context) -> None:
        super().on_wake(state, at, ctx)
        over = state.episodes.closed_end
        state.facts = [one for one in state.facts if one[0] > over]


def _when(fact: tuple[int, str, dict[str, Any]]) -> tuple[int, str]:
    return fact[0], fact[1]
