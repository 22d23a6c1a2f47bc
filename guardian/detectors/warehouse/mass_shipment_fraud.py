"""MASS_SHIPMENT_FRAUD: many articles are marked as shipped, and no truck takes them.

The attack this was made for: the codes of a warehouse full of goods were changed to "already shipped"; no
alarm rang while they were carried out, since the system believed them gone.

Ordinary loading looks the same until its truck leaves, so nothing is said while a truck may still come,
unless something else is wrong: whoever marks the goods does so after hours, or has printed codes anew, or
RFID still sees the goods on their shelves. Then the alert is raised at once, as suspected. It is confirmed
when it is certain that no truck took more articles than the threshold, and cleared if trucks did.
What takes a mark is decided by SHIPMENT_TRACKING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from guardian.alerts.model import Alert, Severity, Status
from guardian.detectors.warehouse.marker_conduct import AFTER_HOURS, MARKER_CONDUCT, REGENERATED_CODES
from guardian.detectors.warehouse.places import site_of
from guardian.detectors.warehouse.shipment_tracking import OPEN, SHIPMENT_MARKS, TAKEN, UNTAKEN, Marks
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS
from guardian.events.warehouse import SHIPPED


class MassShipmentFraudParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """max_products: more distinct articles than this within the window are too many.
    window_s: within which they are marked; marks further apart are also different episodes.
    min_still_seen: so many of the marked articles still seen on their shelves corroborate a suspicion.
    corroboration_s: what corroborates is no longer before or after the marks than this.
    """

    max_products: int = 20
    window_s: float = 600.0
    min_still_seen: int = 3
    corroboration_s: float = 3_600.0


class Untaken(msgspec.Struct, array_like=True):
    """An article marked as shipped that no truck has taken. certain: and none can any more."""

    product_id: str
    time: int
    employee: str
    shipment: str
    ref: str
    certain: bool


class Fraud(msgspec.Struct, array_like=True):
    """An episode that an alert was raised for, and what the alert said last.

    anchor: names it. started, ended: first and last mark. told: articles when the alert was last raised.
    """

    anchor: str
    started: int
    ended: int
    detected_at: int
    status: str
    told: int
    evidence: dict[str, Any]


class SiteState(KeyState):
    """One site. marks: not taken by a truck, by record. conduct: when people who mark goods last did what
    makes them suspects, by kind. sighted: articles SHIPPED_BUT_PRESENT has seen, and when."""

    marks: dict[str, Untaken] = msgspec.field(default_factory=dict)
    conduct: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    sighted: dict[str, int] = msgspec.field(default_factory=dict)
    frauds: list[Fraud] = msgspec.field(default_factory=list)


MARKS_CAP = 20_000
SIGHTED_CAP = 5_000
LISTED = 200
"""Articles named in the evidence."""
REFS_LISTED = 20
KEEP_MS = 3 * 3_600_000
"""Marks are kept so long: longer than any of them can wait for its truck."""
TELL_EVERY = 10
"""While a suspicion grows, it is told again after so many further articles."""


class MassShipmentFraud(Detector[SiteState]):
    state = SiteState
    about = About(
        id="MASS_SHIPMENT_FRAUD",
        version=1,
        title="Goods marked as shipped, and no truck",
        description="More articles than usual were marked as shipped within minutes, and no truck took them.",
        subject="site",
        severities={Severity.CRITICAL: "a warehouse is being emptied, or is about to be"},
        blind_spots=(
            "Marking slower than the threshold (25 articles an hour): SHIPPED_BUT_PRESENT and GRADUAL_THEFT "
            "see the goods themselves. A forged departure without a manifest, or whose manifest lists the "
            "goods. Marks that go straight to in_transit or delivered. A site whose stock system gives no "
            "shipment ids at all: its honest shipments look the same."
        ),
        runbook=(
            "Close the gates and doors of the site now, and send somebody to the shelves named.",
            "Block the accounts that marked the goods; keep their logs.",
            "Call the carrier: is there a truck for these shipments?",
            "Keep the video of doors and docks since the first marking.",
        ),
    )
    retention_ms = 24 * 3_600_000

    def __init__(
        self, params: MassShipmentFraudParams = MassShipmentFraudParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.window_ms = int(params.window_s * 1000)
        self.corroboration_ms = int(params.corroboration_s * 1000)
        if not lateness_ms < self.window_ms <= KEEP_MS:
            raise TimeSettingsError(
                f"{self.about.id}: window_s must be longer than the allowed lateness ({lateness_ms} ms) and "
                f"no longer than {KEEP_MS // 1000} s"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(KEEP_MS, self.corroboration_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        return (
            Input(SHIPMENT_MARKS, _sites_marked, self._on_marks),
            Input(MARKER_CONDUCT, _site_of_conduct, self._on_conduct),
            Input(FRAUD_ALERTS, _site_of_sighting, self._on_sighting, frozenset({"SHIPPED_BUT_PRESENT"})),
        )

    def _on_marks(self, state: SiteState, event: Event, ctx: Context) -> None:
        told: Marks = event.value
        times = []
        for mark in told.marks:
            if site_of(mark.location) != ctx.key or mark.status != SHIPPED:
                continue
            if told.outcome == TAKEN:
                if state.marks.pop(mark.ref, None) is not None:
                    times.append(mark.time)
                continue
            if mark.ref not in state.marks and len(state.marks) >= MARKS_CAP:
                ctx.count("buffer_full")
                continue
            state.marks[mark.ref] = Untaken(
                mark.product_id, mark.time, mark.employee, told.shipment, mark.ref, told.outcome == UNTAKEN
            )
            state.wake_by(mark.time + KEEP_MS)
            times.append(mark.time)
        # Ordinary loading ends here: nothing is certain, and nothing corroborates a suspicion.
        suspicious = state.frauds or told.outcome == UNTAKEN
        if times and (suspicious or (told.outcome == OPEN and (state.conduct or state.sighted))):
            self._judge(state, min(times), max(times), ctx)

    def _on_conduct(self, state: SiteState, event: Event, ctx: Context) -> None:
        conduct = event.value
        kinds = state.conduct.setdefault(conduct.employee, {})
        kinds[conduct.kind] = max(conduct.time, kinds.get(conduct.kind, conduct.time))
        state.wake_by(conduct.time + KEEP_MS)
        self._judge(state, conduct.time - self.corroboration_ms, conduct.time + self.corroboration_ms, ctx)

    def _on_sighting(self, state: SiteState, event: Event, ctx: Context) -> None:
        alert: Alert = event.value
        product = alert.subject.id
        if alert.status == Status.CLEARED:
            state.sighted.pop(product, None)
            return
        if product not in state.sighted and len(state.sighted) >= SIGHTED_CAP:
            ctx.count("buffer_full")
            return
        known = state.sighted.get(product)
        state.sighted[product] = max(alert.ended_at, known or 0)
        state.wake_by(alert.ended_at + KEEP_MS)
        if known is None:
            near = self.corroboration_ms
            self._judge(state, alert.ended_at - near, alert.ended_at + near, ctx)

    def _judge(self, state: SiteState, since: int, until: int, ctx: Context) -> None:
        """Looks again at the episodes that have marks between two times, or had some."""
        many = len(state.marks) > self.params.max_products
        if not many and not state.frauds:
            return
        clusters = self._clusters(state.marks.values()) if many else []
        for fraud in state.frauds:
            if fraud.status != Status.CLEARED and not any(
                self._same_episode(fraud, cluster) for cluster in clusters
            ):
                self._clear(fraud, ctx)
        for cluster in clusters:
            if cluster[0].time - self.window_ms <= until and cluster[-1].time + self.window_ms >= since:
                self._judge_cluster(state, cluster, ctx)

    def _clusters(self, marks: Iterable[Untaken]) -> list[list[Untaken]]:
        """The marks by time, split at gaps as long as the window; small clusters are left out."""
        clusters: list[list[Untaken]] = []
        for mark in sorted(marks, key=_order):
            if clusters and mark.time - clusters[-1][-1].time < self.window_ms:
                clusters[-1].append(mark)
            else:
                clusters.append([mark])
        return [cluster for cluster in clusters if len(cluster) > self.params.max_products]

    def _same_episode(self, fraud: Fraud, cluster: Sequence[Untaken]) -> bool:
        gap = self.window_ms
        return cluster[0].time < fraud.ended + gap and cluster[-1].time > fraud.started - gap

    def _judge_cluster(self, state: SiteState, cluster: list[Untaken], ctx: Context) -> None:
        known = next((fraud for fraud in state.frauds if self._same_episode(fraud, cluster)), None)
        certain = self._too_many([mark for mark in cluster if mark.certain])
        window = certain or self._too_many(cluster)
        if not window:
            if known is not None and known.status != Status.CLEARED:
                self._clear(known, ctx)
            return
        reasons = self._corroboration(state, cluster)
        # A suspicion once raised stays, though what raised it may be long ago.
        if certain:
            status = Status.CONFIRMED
        elif reasons or (known is not None and known.status == Status.SUSPECTED):
            status = Status.SUSPECTED
        else:
            return
        self._raise(state, known, cluster, status, reasons, ctx)

    def _too_many(self, marks: Sequence[Untaken]) -> Sequence[Untaken]:
        """The marks of the first window with more distinct articles than allowed; empty if there is none."""
        inside: dict[str, int] = {}
        first = 0
        for last, mark in enumerate(marks):
            inside[mark.product_id] = inside.get(mark.product_id, 0) + 1
            while marks[first].time <= mark.time - self.window_ms:
                product = marks[first].product_id
                inside[product] -= 1
                if not inside[product]:
                    del inside[product]
                first += 1
            if len(inside) > self.params.max_products:
                return marks[first : last + 1]
        return ()

    def _corroboration(self, state: SiteState, marks: Sequence[Untaken]) -> dict[str, Any]:
        """What else is wrong about these marks, by name; empty if nothing is."""
        first, last = marks[0].time - self.corroboration_ms, marks[-1].time + self.corroboration_ms
        reasons: dict[str, Any] = {}
        people = dict.fromkeys(mark.employee for mark in marks)
        for kind in (AFTER_HOURS, REGENERATED_CODES):
            suspects = [
                who for who in people if first <= state.conduct.get(who, {}).get(kind, first - 1) <= last
            ]
            if suspects:
                reasons[kind] = suspects
        seen = sum(first <= state.sighted.get(product, first - 1) <= last for product in _products(marks))
        if seen >= self.params.min_still_seen:
            reasons["still_seen"] = seen
        return reasons

    def _raise(
        self,
        state: SiteState,
        known: Fraud | None,
        cluster: list[Untaken],
        status: Status,
        reasons: dict[str, Any],
        ctx: Context,
    ) -> None:
        told = cluster if status == Status.SUSPECTED else [mark for mark in cluster if mark.certain]
        products = _products(told)
        if known is None:
            anchor = f"{told[0].time}|{told[0].ref}"
            known = Fraud(anchor, told[0].time, told[-1].time, ctx.now, "", 0, {})
            state.frauds.append(known)
        grown = len(products) - known.told
        if known.status == status and (grown == 0 or (status == Status.SUSPECTED and 0 < grown < TELL_EVERY)):
            return
        # Told of these articles alone; what corroborated the suspicion at first may be long ago.
        reasons = self._corroboration(state, told) or known.evidence.get("corroboration", reasons)
        people = list(dict.fromkeys(mark.employee for mark in told))
        known.started, known.ended = told[0].time, told[-1].time
        known.status, known.told = status, len(products)
        known.evidence = {
            "product_ids": products[:LISTED],
            "products": len(products),
            "employee_id": people[0] if len(people) == 1 else None,
            "employee_ids": people[:LISTED],
            "shipment_ids": [name for name in dict.fromkeys(mark.shipment for mark in told) if name][:LISTED],
            "location": ctx.key or ctx.site,
            "corroboration": reasons,
            "decided_at": ctx.iso(ctx.now) if status == Status.CONFIRMED else None,
            "event_ids": [mark.ref for mark in told[:REFS_LISTED]],
        }
        self._tell(known, ctx)

    def _clear(self, fraud: Fraud, ctx: Context) -> None:
        fraud.status, fraud.told = Status.CLEARED, 0
        fraud.evidence["decided_at"] = ctx.iso(ctx.now)
        self._tell(fraud, ctx)

    def _tell(self, fraud: Fraud, ctx: Context) -> None:
        ctx.alert(
            episode=fraud.anchor,
            subject=ctx.key or ctx.site,
            severity=Severity.CRITICAL,
            status=Status(fraud.status),
            event_time=fraud.started,
            started_at=fraud.started,
            ended_at=fraud.ended,
            detected_at=fraud.detected_at,
            count=fraud.evidence["products"],
            evidence=fraud.evidence,
        )

    def on_wake(self, state: SiteState, at: int, ctx: Context) -> None:
        oldest = at - KEEP_MS
        state.frauds = [fraud for fraud in state.frauds if fraud.ended > oldest]
        # An episode keeps all its marks: without some of them it would seem that trucks took the goods.
        state.marks = {
            ref: mark
            for ref, mark in state.marks.items()
            if mark.time > oldest or any(self._same_episode(fraud, (mark,)) for fraud in state.frauds)
        }
        state.sighted = {product: time for product, time in state.sighted.items() if time > oldest}
        state.conduct = {
            who: kinds for who, kinds in state.conduct.items() if max(kinds.values(), default=0) > oldest
        }
        if state.marks or state.sighted or state.conduct or state.frauds:
            state.wake = at + self.window_ms

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        people = found["employee_ids"]
        who = people[0] if len(people) == 1 else f"{len(people)} people"
        what = (
            f"{found['products']} articles were marked as shipped by {who} between "
            f"{when(alert.started_at)} and {when(alert.ended_at)}"
        )
        if alert.status == Status.CLEARED:
            return f"{what}; their truck has left with them."
        reasons = found["corroboration"]
        also = [
            text
            for name, text in (
                (AFTER_HOURS, "after hours"),
                (REGENERATED_CODES, "after codes had been printed anew"),
            )
            if name in reasons
        ]
        if "still_seen" in reasons:
            also.append(f"with {reasons['still_seen']} of them still seen on their shelves")
        besides = f", {', '.join(also)}" if also else ""
        end = "no truck took them" if alert.status == Status.CONFIRMED else "no truck has taken them yet"
        return f"{what}{besides}; {end}."


def _order(mark: Untaken) -> tuple[int, str]:
    return mark.time, mark.ref


def _products(marks: Iterable[Untaken]) -> list[str]:
    return list(dict.fromkeys(mark.product_id for mark in marks))


def _sites_marked(event: Event) -> list[str]:
    return list({site_of(mark.location): None for mark in event.value.marks})


def _site_of_conduct(event: Event) -> str:
    site: str = event.value.site
    return site


def _site_of_sighting(event: Event) -> str:
    return site_of(event.value.evidence["location"])
