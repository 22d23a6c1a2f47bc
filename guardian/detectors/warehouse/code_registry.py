"""Follows every product code from its label to its last use, and says when a scan does not fit.

This is not a detector of its own: it emits what does not fit, and QR_CODE_TAMPERING, QR_CODE_CLONED and
QR_LOCATION_MISMATCH decide what that means. Its states are the register of codes, kept for queries as well.

A code is issued, then active (scanned), then consumed; it may be revoked at any time. It never goes back: a
label that was used up or revoked is replaced by a new one with a code of its own. A genuine code that was
never heard of before registers itself, since its signature proves that it was issued.

What two records contradict each other in does not depend on which of them arrived first: each is compared
with those lately seen. Clocks may differ, so what could be their doing is not held against anybody.
"""

from __future__ import annotations

import hashlib
from bisect import insort

import msgspec

from guardian.detectors.warehouse.places import is_passage, site_of
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import QR_SCANS
from guardian.events.warehouse import QR_CONSUMED, QR_ISSUED, QR_REGENERATED, QR_REVOKED, QR_SCANNED, QrScan
from guardian.qr.verify import Outcome, Verdict, Verifier, claimed_serial

CODE_MISFITS = "code-misfits"
"""Derived stream: a `CodeMisfit` for every scan that does not fit what is known of its code."""

CODES = "codes"
"""Kind of the history rows kept: one a code, as of its last change."""

FORGED, CLONED, ELSEWHERE = "forged", "cloned", "elsewhere"
"""Kinds of misfits. A forged code is none of ours, or on goods it was not issued for, or no longer valid."""

REVOKED_CODE, WRONG_PRODUCT, TOO_FAST, USED_UP = "revoked_code", "wrong_product", "too_fast", "used_up"
"""Reasons besides the outcomes of the verification."""

STAGES = ("unknown", "issued", "active", "consumed", "revoked")
UNKNOWN, ISSUED, ACTIVE, CONSUMED, REVOKED = range(5)
"""A code only ever advances from stage to stage."""

SEEN, TOLD, VERIFIED = 1, 2, 3
"""How well the product of a code is known: by a scan, by the record of its issue, by its signed label."""

UNREADABLE = "\x1f"
"""Before a product's id where it stands for the code of a text that names none."""


class CodeRegistryParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """within_site_s: goods need at least this long from one place of a site to another.
    between_s: the same, where it cannot be told whether two places are in one site.
    between_sites_s: the same, from one site to another.
    clock_skew_s: how far the clocks of two devices may be apart.
    double_read_s: a code consumed twice at one place within this time was read twice.
    """

    within_site_s: float = 20.0
    between_s: float = 120.0
    between_sites_s: float = 900.0
    clock_skew_s: float = 5.0
    double_read_s: float = 300.0


class Sighting(msgspec.Struct, array_like=True, frozen=True):
    """A scan of a code. consumed: it used the code up."""

    time: int
    place: str
    ref: str
    consumed: bool = False


class CodeMisfit(msgspec.Struct, array_like=True, frozen=True):
    """A scan that does not fit.

    qr_id: None for a text that names no code. product_id: what it was scanned on. recorded: the code's own
    product for WRONG_PRODUCT, its own place for ELSEWHERE. before: the earlier scan that it contradicts.
    """

    kind: str
    reason: str
    qr_id: str | None
    product_id: str
    location: str
    time: int
    ref: str
    scanner_id: str | None = None
    recorded: str | None = None
    before: Sighting | None = None


class CodeRow(msgspec.Struct, frozen=True):
    """A code as of its last change of stage, product or place. Times are epoch ms.

    location: where its label belongs. first_scan, last_scan: time and place, None if it was never scanned.
    """

    qr_id: str
    product_id: str
    stage: str
    location: str
    scans: int
    first_scan: tuple[int, str] | None
    last_scan: tuple[int, str] | None
    changed_at: int


class CodeState(KeyState):
    """One code. stage: index in STAGES. known: how well the product is known. label_at: when the label was
    issued whose place is known. digest: of the text of that label, once verified. sightings: lately, by
    time. consumed: the first use. revoked_at: epoch ms.
    """

    stage: int = UNKNOWN
    product: str = ""
    known: int = 0
    location: str = ""
    label_at: int = 0
    digest: bytes = b""
    scans: int = 0
    first_scan: tuple[int, str] | None = None
    last_scan: tuple[int, str] | None = None
    sightings: list[Sighting] = msgspec.field(default_factory=list)
    consumed: Sighting | None = None
    revoked_at: int | None = None


SIGHTINGS_CAP = 8
DAY_MS = 86_400_000


class CodeRegistry(Detector[CodeState]):
    state = CodeState
    emits = (CODE_MISFITS,)
    retention_ms = 400 * DAY_MS
    max_keys = 5_000_000
    about = About(
        id="CODE_REGISTRY",
        version=1,
        title="Register of product codes",
        description="Follows every code from its label to its last use, and finds scans that do not fit.",
        subject="qr",
        blind_spots="Without the site's public keys no signature can be verified. A copied label that "
        "is never scanned near the time of the original, and before it is consumed, looks like the original.",
    )

    def __init__(
        self,
        params: CodeRegistryParams = CodeRegistryParams(),
        *,
        codes: Verifier | None,
        lateness_ms: int,
    ) -> None:
        self._codes = codes
        # What was verified with other keys is verified again: one of them may have been revoked since.
        self._fingerprint = b"" if codes is None else codes.fingerprint
        self.within_site_ms = int(params.within_site_s * 1000)
        self.between_ms = int(params.between_s * 1000)
        self.between_sites_ms = int(params.between_sites_s * 1000)
        self.skew_ms = int(params.clock_skew_s * 1000)
        self.double_read_ms = int(params.double_read_s * 1000)
        travel = (self.within_site_ms, self.between_ms, self.between_sites_ms)
        if min(*travel, self.skew_ms, self.double_read_ms) < 0:
            raise TimeSettingsError(f"{self.about.id}: times cannot be negative: {params}")
        self.remembered_ms = max(travel) + lateness_ms
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return self.remembered_ms

    @property
    def inputs(self) -> tuple[Input, ...]:
        # A scan again is known by its record, and everything else again changes nothing. Remembering every
        # id for as long as a code lives would make the register many times as large.
        return (Input(QR_SCANS, _code_of, self._on_record, once=False),)

    def _on_record(self, state: CodeState, event: Event, ctx: Context) -> None:
        action = event.value.action
        before = state.stage, state.product, state.location
        if ctx.key.startswith(UNREADABLE):
            self._on_unreadable(event, ctx)
        elif action in {QR_ISSUED, QR_REGENERATED}:
            self._on_issue(state, event, ctx)
        elif action == QR_REVOKED:
            self._on_revocation(state, event, ctx)
        else:
            self._on_scan(state, event, ctx)
        if before != (state.stage, state.product, state.location):
            ctx.keep(CODES, ctx.key, event.time, _row(ctx.key, state, event.time))

    def _on_unreadable(self, event: Event, ctx: Context) -> None:
        if self._codes is None or event.value.action not in {QR_SCANNED, QR_CONSUMED}:
            ctx.count("unverifiable")
            return
        verdict = self._codes.check(event.value.qr_data)
        if not verdict.genuine:
            self._emit(ctx, FORGED, verdict.outcome.value, event)

    def _on_issue(self, state: CodeState, event: Event, ctx: Context) -> None:
        value = event.value
        text = value.qr_data
        if text is not None and self._codes is not None:
            if not self._believe(state, text, self._codes.check(text), ctx):
                ctx.count("unverified_issue")
                return
        if state.known < VERIFIED:
            if event.time >= state.label_at:
                state.location, state.label_at = value.location, event.time
            self._learn(state, value.product_id, TOLD, ctx)
        state.stage = max(state.stage, ISSUED)

    def _on_revocation(self, state: CodeState, event: Event, ctx: Context) -> None:
        time = event.time
        if state.revoked_at is None or time < state.revoked_at:
            state.revoked_at = time
            for seen in state.sightings:
                self._look_whether_revoked(state, seen, None, ctx)
        if not state.known:
            state.product = event.value.product_id
        state.stage = max(state.stage, REVOKED)

    def _on_scan(self, state: CodeState, event: Event, ctx: Context) -> None:
        value: QrScan = event.value
        ref = event.ref
        for seen in state.sightings:
            if seen.ref == ref:
                return
        text, label = value.qr_data, None
        if text is not None:
            if self._codes is None:
                ctx.count("unverifiable")
            elif not state.digest or self._digest(text) != state.digest:
                verdict = self._codes.check(text)
                label = verdict.code
                if not self._believe(state, text, verdict, ctx):
                    # Whoever forged it, the genuine code of that name has nothing to do with it.
                    self._emit(ctx, FORGED, verdict.outcome.value, event)
                    return
        if not state.known:
            state.product, state.known = value.product_id, SEEN
        product, place = state.product, state.location
        if label is not None:
            product, place = label.product_id, label.location
        if value.product_id != product:
            self._emit(ctx, FORGED, WRONG_PRODUCT, event, recorded=product)
        elif (label is not None or state.known == VERIFIED) and not _belongs(
            value.location, place, state.location
        ):
            self._emit(ctx, ELSEWHERE, ELSEWHERE, event, recorded=place)
        self._see(state, event, ctx)

    def _believe(self, state: CodeState, text: str, verdict: Verdict, ctx: Context) -> bool:
        """Takes over what a label says, unless it is forged; of several with one code, the newest."""
        label = verdict.code
        if label is None:
            return False
        if verdict.genuine:
            known = VERIFIED
        elif _undecidable(text, verdict):
            ctx.count("unverifiable")
            known = TOLD
        else:
            return False
        if known > state.known or (known == state.known and label.issued_at >= state.label_at):
            state.location, state.label_at = label.location, label.issued_at
            # Codes of the older kind are verified each time: that is cheap, and their secret may change.
            state.digest = self._digest(text) if verdict.outcome == Outcome.VALID else b""
        self._learn(state, label.product_id, known, ctx)
        return True

    def _digest(self, text: str) -> bytes:
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._fingerprint, digest_size=12).digest()

    def _learn(self, state: CodeState, product: str, known: int, ctx: Context) -> None:
        """Takes over the code's product, if it was not known as well before."""
        if known <= state.known:
            return
        if state.known and product != state.product and state.sightings:
            # It was scanned on something else already, by a reader that gave the number alone.
            seen = state.sightings[-1]
            self._emit_seen(ctx, FORGED, WRONG_PRODUCT, seen, state.product, recorded=product)
        state.product, state.known = product, known

    def _see(self, state: CodeState, event: Event, ctx: Context) -> None:
        """Compares a scan with those before and after it, and remembers it."""
        time, place = event.time, event.value.location
        seen = Sighting(time, place, event.ref, event.value.action == QR_CONSUMED)
        state.scans += 1
        if state.first_scan is None or time < state.first_scan[0]:
            state.first_scan = time, place
        if state.last_scan is None or time >= state.last_scan[0]:
            state.last_scan = time, place
        if state.sightings:
            self._look_whether_too_fast(state, seen, event, ctx)
        if seen.consumed and (state.consumed is None or _order(seen) < _order(state.consumed)):
            state.consumed = seen
            for other in state.sightings:
                self._look_whether_used_up(state, other, None, ctx)
        else:
            self._look_whether_used_up(state, seen, event, ctx)
        self._look_whether_revoked(state, seen, event, ctx)
        state.stage = max(state.stage, CONSUMED if seen.consumed else ACTIVE)
        sightings = state.sightings
        insort(sightings, seen, key=_order)
        horizon = sightings[-1].time - self.remembered_ms
        if len(sightings) > SIGHTINGS_CAP or sightings[0].time < horizon:
            state.sightings = [one for one in sightings if one.time >= horizon][-SIGHTINGS_CAP:]

    def _look_whether_too_fast(self, state: CodeState, seen: Sighting, event: Event, ctx: Context) -> None:
        apart = [
            other
            for other in state.sightings
            if other.place != seen.place
            and abs(other.time - seen.time) + self.skew_ms <= self._travel_ms(other.place, seen.place)
        ]
        if not apart:
            return
        other = min(apart, key=lambda one: (abs(one.time - seen.time), _order(one)))
        if _order(other) < _order(seen):
            self._emit(ctx, CLONED, TOO_FAST, event, before=other)
        else:
            self._emit_seen(ctx, CLONED, TOO_FAST, other, state.product, before=seen)

    def _travel_ms(self, here: str, there: str) -> int:
        site, other = site_of(here), site_of(there)
        if site and other:
            return self.within_site_ms if site == other else self.between_sites_ms
        return self.between_ms

    def _look_whether_used_up(
        self, state: CodeState, seen: Sighting, event: Event | None, ctx: Context
    ) -> None:
        use = state.consumed
        if use is None or seen.time <= use.time + self.skew_ms or is_passage(seen.place):
            return  # goods that were booked out are still carried over the dock
        if seen.consumed and seen.place == use.place and seen.time <= use.time + self.double_read_ms:
            return
        if event is not None:
            self._emit(ctx, CLONED, USED_UP, event, before=use)
        else:
            self._emit_seen(ctx, CLONED, USED_UP, seen, state.product, before=use)

    def _look_whether_revoked(
        self, state: CodeState, seen: Sighting, event: Event | None, ctx: Context
    ) -> None:
        if state.revoked_at is None or seen.time <= state.revoked_at + self.skew_ms:
            return
        if event is not None:
            self._emit(ctx, FORGED, REVOKED_CODE, event)
        else:
            self._emit_seen(ctx, FORGED, REVOKED_CODE, seen, state.product)

    def _emit(
        self,
        ctx: Context,
        kind: str,
        reason: str,
        event: Event,
        *,
        recorded: str | None = None,
        before: Sighting | None = None,
    ) -> None:
        value = event.value
        misfit = CodeMisfit(
            kind,
            reason,
            _qr_id(ctx.key),
            value.product_id,
            value.location,
            event.time,
            event.ref,
            value.scanner_id,
            recorded,
            before,
        )
        ctx.emit(CODE_MISFITS, misfit, event.time)

    def _emit_seen(
        self,
        ctx: Context,
        kind: str,
        reason: str,
        seen: Sighting,
        product: str,
        *,
        recorded: str | None = None,
        before: Sighting | None = None,
    ) -> None:
        """The same for a scan that came before the record it contradicts."""
        misfit = CodeMisfit(
            kind, reason, _qr_id(ctx.key), product, seen.place, seen.time, seen.ref, None, recorded, before
        )
        ctx.emit(CODE_MISFITS, misfit, seen.time)


def _code_of(event: Event) -> str | None:
    value = event.value
    text = value.qr_data
    if text is not None and (serial := claimed_serial(text)) is not None:
        return serial
    if value.qr_id is not None:
        identifier: str = value.qr_id
        return identifier
    # A label was printed, and nothing is said of what stands on it.
    return None if text is None else f"{UNREADABLE}{value.product_id}"


def _qr_id(key: str) -> str | None:
    return None if key.startswith(UNREADABLE) else key


def _order(seen: Sighting) -> tuple[int, str]:
    return seen.time, seen.ref


def _belongs(place: str, *recorded: str) -> bool:
    return place in recorded or is_passage(place)


def _undecidable(text: str, verdict: Verdict) -> bool:
    """Whether it is a code of the older kind, and the secret of those is not known here."""
    return verdict.outcome == Outcome.UNKNOWN_KEY and text.lstrip().startswith("{")


def _row(qr_id: str, state: CodeState, time: int) -> CodeRow:
    return CodeRow(
        qr_id,
        state.product,
        STAGES[state.stage],
        state.location,
        state.scans,
        state.first_scan,
        state.last_scan,
        time,
    )
