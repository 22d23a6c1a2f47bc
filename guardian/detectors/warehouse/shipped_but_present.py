"""SHIPPED_BUT_PRESENT: the books say the goods are gone, and the shelf still sees them.

Goods that wait for their truck are honest, so a sighting is a suspicion until it is known whether a truck
took them: cleared if one did and they were not seen after it, confirmed if none came or they were.

An article has many units, of which few may be marked. What counts is how many units the shelf has beyond
those that the books leave there. Once the shelf has been seen without the goods, they are gone for good:
whatever stands there later is something else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from guardian.alerts.model import Alert, Severity, Status
from guardian.detectors.warehouse.places import is_passage, site_of
from guardian.detectors.warehouse.shipment_tracking import OPEN, SHIPMENT_MARKS, TAKEN, Mark, Marks
from guardian.engine.about import About
from guardian.engine.context import Context
from guardian.engine.detector import Detector, Input, TimeSettingsError
from guardian.engine.state import KeyState
from guardian.events.model import Event
from guardian.events.topics import INVENTORY_DIGITAL, INVENTORY_PHYSICAL
from guardian.events.warehouse import IN_STOCK

SEPARATOR = "\x1f"

SLACK_UNITS = 3
"""So few units beyond the books may be a miscount, and not the goods."""


class ShippedButPresentParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """sighting_s: a sighting this long after the marking raises the suspicion.
    after_truck_s: goods are seen after their truck if it, and the marking, were longer ago than this (picking
        and booking are not the same moment, and clocks differ).
    watch_s: how long after the truck, or after it was certain that none comes, a sighting still confirms.
    """

    sighting_s: float = 120.0
    after_truck_s: float = 60.0
    watch_s: float = 1_800.0


class Reading(msgspec.Struct, array_like=True):
    """What a shelf told last. seen: RFID saw the article; else the units are only counted.

    calm: the same again would tell nothing new, as it mostly is.
    """

    place: str
    time: int
    units: int
    seen: bool
    ref: str
    calm: bool = False


class Slack(msgspec.Struct, array_like=True, frozen=True):
    """Units a shelf has beyond the books all along. candidate: what it has had lately, since a time."""

    units: int
    candidate: int
    since: int


class Watch(msgspec.Struct, array_like=True):
    """One shipment's goods of this article.

    marks: the markings, by time. outcome: as `Marks.outcome`. truck_at: when its truck left.
    decided_at: when the outcome was known. first_seen, last_seen: sightings after the marking; units: most
    seen beyond the books. gone: the shelf was seen without most of them. status: of the alert, if any.
    """

    shipment: str
    marks: list[Mark]
    outcome: str = OPEN
    truck_at: int | None = None
    decided_at: int | None = None
    first_seen: int | None = None
    last_seen: int | None = None
    seen_at: str = ""
    units: int = 0
    sightings: int = 0
    refs: list[str] = msgspec.field(default_factory=list)
    gone: bool = False
    status: str | None = None
    detected_at: int = 0

    @property
    def quantity(self) -> int:
        """Units marked; 0: all there were."""
        return sum(mark.quantity for mark in self.marks)


class PresenceState(KeyState):
    """One article of a site.

    books: (time, units) the stock system last gave, by place. readings: what the shelf told last, by place: a
    marking from before it may still be on its way. slack: units a shelf has had beyond the books all along.
    watches: shipments whose goods are looked for.
    """

    books: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    readings: dict[str, Reading] = msgspec.field(default_factory=dict)
    slack: dict[str, Slack] = msgspec.field(default_factory=dict)
    watches: list[Watch] = msgspec.field(default_factory=list)


PLACES_CAP = 64
WATCHES_CAP = 64
MARKS_CAP = 200
REFS_CAP = 20


class ShippedButPresent(Detector[PresenceState]):
    state = PresenceState
    about = About(
        id="SHIPPED_BUT_PRESENT",
        version=1,
        title="Shipped by the books, still on the shelf",
        description="Goods were marked as shipped, in transit or delivered, and RFID still sees them.",
        subject="product",
        severities={Severity.HIGH: "goods that are no longer on the books can leave unnoticed"},
        blind_spots=(
            "Goods that nobody sees between the marking and their disappearance; goods left behind at a "
            "dock; goods marked while a delivery of the same article is being put on the shelf."
        ),
        runbook=(
            "Go to the place named and look whether the goods are there.",
            "Ask whoever marked them, and the driver of the truck if there was one.",
            "Keep the goods from leaving until the shipment is explained.",
        ),
    )
    retention_ms = 30 * 86_400_000

    def __init__(
        self, params: ShippedButPresentParams = ShippedButPresentParams(), *, lateness_ms: int
    ) -> None:
        self.params = params
        self.sighting_ms = int(params.sighting_s * 1000)
        self.after_truck_ms = int(params.after_truck_s * 1000)
        self.watch_ms = int(params.watch_s * 1000)
        if self.sighting_ms <= lateness_ms:
            raise TimeSettingsError(
                f"{self.about.id}: sighting_s must be longer than the allowed lateness ({lateness_ms} ms)"
            )
        super().__init__(lateness_ms=lateness_ms)

    @property
    def span_ms(self) -> int:
        return max(self.sighting_ms, self.watch_ms)

    @property
    def inputs(self) -> tuple[Input, ...]:
        # Books and readings are kept by place and time: either again changes nothing.
        return (
            Input(INVENTORY_DIGITAL, _article_in_stock, self._on_books, once=False),
            Input(SHIPMENT_MARKS, _articles_marked, self._on_marks),
            Input(INVENTORY_PHYSICAL, _article_on_shelf, self._on_reading, once=False),
        )

    def _on_books(self, state: PresenceState, event: Event, ctx: Context) -> None:
        place = event.value.location
        known = state.books.get(place)
        if known is None and len(state.books) >= PLACES_CAP:
            ctx.count("buffer_full")
        elif known is None or known[0] <= event.time:
            state.books[place] = event.time, event.value.quantity
            if place in state.readings:
                state.readings[place].calm = False

    def _on_marks(self, state: PresenceState, event: Event, ctx: Context) -> None:
        told: Marks = event.value
        for mark in told.marks:
            if _key(mark.product_id, mark.location) != ctx.key:
                continue
            watch = self._watch_of(state, told, mark, ctx)
            if watch is None:
                continue
            if told.outcome != OPEN:
                watch.outcome, watch.truck_at, watch.decided_at = told.outcome, told.truck_at, ctx.now
            # Seen already, by a record that was faster than the marking.
            for reading in state.readings.values():
                reading.calm = False
                if reading.time > mark.time and reading.ref not in watch.refs:
                    self._look(state, watch, reading)
            self._judge(watch, ctx)
            state.wake_by(self._over_at(watch))

    def _watch_of(self, state: PresenceState, told: Marks, mark: Mark, ctx: Context) -> Watch | None:
        """The watch a mark belongs to, opened or joined if the mark is new."""
        for watch in state.watches:
            if any(one.ref == mark.ref for one in watch.marks):
                return watch
        for watch in state.watches:
            same = watch.shipment == told.shipment and (
                told.shipment or watch.marks[0].employee == mark.employee
            )
            if same and not watch.gone and watch.outcome == told.outcome:
                if len(watch.marks) < MARKS_CAP:
                    watch.marks.append(mark)
                return watch
        if len(state.watches) >= WATCHES_CAP:
            ctx.count("buffer_full")
            return None
        watch = Watch(told.shipment, [mark])
        state.watches.append(watch)
        return watch

    def _on_reading(self, state: PresenceState, event: Event, ctx: Context) -> None:
        value, time = event.value, event.time
        place, seen = value.location, value.rfid_detected
        # A tag that is read is there, whatever the shelf counts.
        units = value.quantity or int(seen)
        last = state.readings.get(place)
        if last is None:
            if len(state.readings) >= PLACES_CAP:
                ctx.count("buffer_full")
                return
        elif last.time >= time:
            return
        elif last.calm and last.units == units and last.seen == seen:
            last.time, last.ref = time, event.ref
            return
        reading = state.readings[place] = Reading(place, time, units, seen, event.ref)
        if all(watch.gone for watch in state.watches):
            reading.calm = self._note_slack(state, reading)
            return
        for watch in state.watches:
            if time > watch.marks[0].time:
                self._look(state, watch, reading)
                self._judge(watch, ctx)

    def _note_slack(self, state: PresenceState, reading: Reading) -> bool:
        """Learns how many units the shelf has beyond the books while nothing is on its way out.

        True if the same reading again would teach nothing.
        """
        if reading.place not in state.books:
            return True
        beyond = min(max(reading.units - self._left_by_books(state, reading.place), 0), SLACK_UNITS)
        known = state.slack.get(reading.place)
        if known is None:
            state.slack[reading.place] = Slack(beyond, beyond, reading.time)
        elif known.candidate != beyond:
            state.slack[reading.place] = Slack(known.units, beyond, reading.time)
        elif known.units != beyond and reading.time - known.since >= self.sighting_ms:
            # Goods picked a moment before they are booked do not change it.
            state.slack[reading.place] = Slack(beyond, beyond, known.since)
        now = state.slack[reading.place]
        return now.units == now.candidate

    def _look(self, state: PresenceState, watch: Watch, reading: Reading) -> None:
        """Takes a reading into account, if it says anything about the goods of a watch."""
        if watch.gone:
            return
        place, time = reading.place, reading.time
        marked_here = any(mark.location == place for mark in watch.marks)
        if not marked_here and place in state.books:
            return  # units of the same article that belong elsewhere
        slack = state.slack.get(place)
        beyond = reading.units - self._left_by_books(state, place) - (slack.units if slack else 0)
        wanted = watch.quantity
        present = min(beyond, wanted) if wanted else beyond
        if present <= 0 or present < min(wanted, SLACK_UNITS + 1):
            watch.gone = marked_here
            return
        if not reading.seen:
            return
        watch.first_seen = time if watch.first_seen is None else min(watch.first_seen, time)
        watch.last_seen = time if watch.last_seen is None else max(watch.last_seen, time)
        watch.units = max(watch.units, present)
        watch.seen_at = place
        watch.sightings += 1
        if len(watch.refs) < REFS_CAP:
            watch.refs.append(reading.ref)

    def _left_by_books(self, state: PresenceState, place: str) -> int:
        """Units that belong at a place: what the books last said, less what was marked since."""
        books = state.books.get(place)
        if books is None:
            return 0
        left = books[1]
        for watch in state.watches:
            for mark in watch.marks:
                if mark.location == place and mark.time > books[0]:
                    left = 0 if mark.quantity == 0 else left - mark.quantity
        return max(left, 0)

    def _judge(self, watch: Watch, ctx: Context) -> None:
        status = self._status(watch)
        if status is None or status == watch.status:
            return
        if watch.status is None:
            watch.detected_at = max(ctx.now, watch.last_seen or 0)
        watch.status = status
        self._tell(watch, Status(status), ctx)

    def _status(self, watch: Watch) -> str | None:
        """What the alert on a watch should say now; None for no alert."""
        first, last = watch.first_seen, watch.last_seen
        if first is None or last is None:
            return None
        if watch.outcome == OPEN:
            soon = any(0 < first - mark.time <= self.sighting_ms for mark in watch.marks)
            return Status.SUSPECTED if soon or watch.status else None
        if watch.outcome == TAKEN and watch.truck_at is not None:
            if last > max(watch.truck_at, watch.marks[-1].time) + self.after_truck_ms:
                return Status.CONFIRMED
            return Status.CLEARED if watch.status else None
        return Status.CONFIRMED

    def _tell(self, watch: Watch, status: Status, ctx: Context) -> None:
        first, last = watch.first_seen, watch.last_seen
        product, _, _ = ctx.key.partition(SEPARATOR)
        marked = min(mark.time for mark in watch.marks)
        ctx.alert(
            episode=f"{watch.shipment}|{watch.marks[0].time}|{watch.marks[0].ref}",
            subject=product,
            severity=Severity.HIGH,
            status=status,
            event_time=marked if first is None else first,
            started_at=marked,
            ended_at=marked if last is None else last,
            detected_at=watch.detected_at,
            count=watch.sightings,
            evidence={
                "product_id": product,
                "location": watch.seen_at,
                "physical_quantity": watch.units,
                "marked_quantity": watch.quantity or None,
                "digital_status": watch.marks[-1].status,
                "employee_id": watch.marks[-1].employee,
                "shipment_ids": [watch.shipment] if watch.shipment else [],
                "truck_left_at": None if watch.truck_at is None else ctx.iso(watch.truck_at),
                "event_ids": [*[mark.ref for mark in watch.marks[:5]], *watch.refs][:REFS_CAP],
            },
        )

    def _over_at(self, watch: Watch) -> int:
        """When nothing more can come of a watch."""
        since = watch.marks[-1].time if watch.decided_at is None else watch.decided_at
        if watch.outcome == TAKEN and watch.truck_at is not None:
            since = max(since, watch.truck_at)
        # Without an outcome one is still to come; should it never, the watch must end all the same.
        return since + (self.watch_ms if watch.decided_at is not None else self.retention_ms) + 1

    def on_wake(self, state: PresenceState, at: int, ctx: Context) -> None:
        over = [watch for watch in state.watches if self._over_at(watch) <= at]
        state.watches = [watch for watch in state.watches if self._over_at(watch) > at]
        for mark in (mark for watch in over for mark in watch.marks):
            # Not every stock system tells what is left: then the books are what they said, less this.
            books = state.books.get(mark.location)
            if books is not None and mark.time > books[0]:
                left = 0 if mark.quantity == 0 else max(books[1] - mark.quantity, 0)
                state.books[mark.location] = books[0], left
        if state.watches:
            state.wake = min(map(self._over_at, state.watches))

    def narrate(self, alert: Alert, when: Callable[[int], str]) -> str:
        found = alert.evidence
        status = found["digital_status"].replace("_", " ")
        what = (
            f"{found['product_id']} was marked as {status} by {found['employee_id']} at "
            f"{when(alert.started_at)}, and {found['physical_quantity']} units were still seen at "
            f"{found['location']} until {when(alert.ended_at)}."
        )
        if alert.status == Status.CLEARED:
            return f"{what} Their truck has taken them since."
        if alert.status == Status.CONFIRMED:
            return f"{what} " + (
                "Their truck had left by then." if "truck_left_at" in found else "No truck took them."
            )
        return f"{what} No truck has taken them yet."


@lru_cache(maxsize=32_768)
def _shelf_key(product: str, location: str) -> str | None:
    # At a dock, goods of several shipments stand side by side: whose they are cannot be told.
    return None if is_passage(location) else _key(product, location)


def _key(product: str, location: str) -> str:
    return f"{product}{SEPARATOR}{site_of(location)}"


def _article_in_stock(event: Event) -> str | None:
    value = event.value
    return _key(value.product_id, value.location) if value.status == IN_STOCK else None


def _articles_marked(event: Event) -> list[str]:
    return list({_key(mark.product_id, mark.location): None for mark in event.value.marks})


def _article_on_shelf(event: Event) -> str | None:
    value = event.value
    return _shelf_key(value.product_id, value.location)
