"""What a correct system finds in the records. By rule wherever there is a rule, whatever was intended.

Times are those that the records show (each device's own clock). Where the outcome of a rule would change if a
limit were two seconds longer or shorter, the finding is only tolerated: a system may report it or not.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from guardian.events.topics import EMPLOYEE_ACTIVITY, INVENTORY_DIGITAL, QR_SCANS, SHIPPING
from simulators.store.records import iso
from simulators.warehouse import people, places
from simulators.warehouse.journal import ACCESS_QR, REGENERATE, UPDATE
from simulators.warehouse.people import HOUR_MS, MINUTE_MS
from simulators.warehouse.records import (
    CONSUMED,
    IN_STOCK,
    REGENERATED,
    REVOKED,
    SCANNED,
    SHIPPED,
    Booking,
    Departure,
    Reading,
    Row,
    Scan,
)
from simulators.warehouse.scenarios.scenario import Story
from simulators.warehouse.stock import Shelf

Finding = dict[str, Any]

KINDS = (
    "qr_code_tampering",
    "qr_code_cloned",
    "qr_location_mismatch",
    "qr_mass_regeneration",
    "inventory_mismatch",
    "shipped_but_present",
    "mass_shipment_fraud",
    "after_hours_qr_manipulation",
    "gradual_theft",
    "shelf_weight_mismatch",
)

SLACK_MS = 2_000
"""How near to a limit is too near to demand anything."""

TRUCK_WINDOW_MS = 10 * MINUTE_MS
MASS_PRODUCTS, MASS_WITHIN_MS = 20, 10 * MINUTE_MS
MISMATCH_UNITS, MISMATCH_WITHIN_MS = 5, 2 * MINUTE_MS
PRESENT_WITHIN_MS = 2 * MINUTE_MS
REGENERATED_PRODUCTS, REGENERATED_WITHIN_MS = 10, 15 * MINUTE_MS
AFTER_HOURS_ACTS, AFTER_HOURS_WITHIN_MS = 5, 15 * MINUTE_MS
FLAG_HOLDS_MS = 8 * HOUR_MS
DROPS, DROPPED_UNITS, LARGEST_DROP = 3, 5, 5
SETTLED_MS = 10 * MINUTE_MS
DROPS_WITHIN_MS = 7 * 24 * HOUR_MS
WEIGHT_TOLERANCE = 0.10

CLONED_MS = 15_000
PERHAPS_CLONED_MS = 60_000
CLONED_ELSEWHERE_MS = 14 * MINUTE_MS
PERHAPS_CLONED_ELSEWHERE_MS = 20 * MINUTE_MS
"""Sooner than anybody gets from place to place, from site to site; and what may be taken for it."""


class Evidence(msgspec.Struct):
    """What the rules are applied to.

    rows: stamped records by topic, none twice. readings: those of the shelves, by product id. legacy_secret:
    whether codes of the older kind can be verified.
    """

    rows: dict[str, list[Row]]
    readings: dict[str, list[Row]]
    shelves: dict[str, Shelf]
    stories: list[Story]
    legacy_secret: bool


class Truth:
    """Findings by kind, and those that are tolerated."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
        self.tolerated: list[Finding] = []

    def expected(self) -> dict[str, list[Finding]]:
        """Everything that expected.json says but for the scenarios."""
        judge_codes(self._evidence, self._add)
        judge_people(self._evidence, self._add)
        judge_stock(self._evidence, self._add)
        judge_drifts(self._evidence, self._add)
        judge_weights(self._evidence, self._add)
        for story in self._evidence.stories:
            if not story.honest:
                self._tolerate_effects(story)
        for findings in self.found.values():
            findings.sort(key=lambda one: (one["start"], *map(str, one.values())))
        self.tolerated.sort(key=lambda one: (one["finding"], one["start"], *map(str, one.values())))
        return {**self.found, "tolerated": self.tolerated}

    def _add(self, kind: str, times: list[int], *, sure: bool = True, **what: str) -> None:
        start, end = min(times), max(times)
        finding = {**what, "start": iso(start), "end": iso(end), "scenario": self._scenario(what, start, end)}
        if sure:
            self.found[kind].append(finding)
        else:
            self.tolerated.append({"finding": kind, **finding})

    def _scenario(self, what: dict[str, str], start: int, end: int) -> str:
        """Whose doing it is: the scenario of that article, person or label at that time; "" for none."""
        for story in self._evidence.stories:
            if start > story.end + HOUR_MS or end < story.start - HOUR_MS:
                continue
            if (
                what.get("product_id") in story.products
                or what.get("employee_id") in story.employees
                or what.get("qr_id") in story.codes
                or (what.keys() == {"site"} and story.marks_untaken)
            ):
                return story.name
        return ""

    def _tolerate_effects(self, story: Story) -> None:
        """What else a system may notice while an attack is on, or after it."""
        until = max(story.end, story.start) + 30 * MINUTE_MS
        span = [story.start, until]
        for product in story.products if story.moves_goods else ():
            location = self._evidence.shelves[product].article.shelf
            self._add("inventory_mismatch", span, sure=False, product_id=product, location=location)
            self._add("gradual_theft", span, sure=False, product_id=product, location=location)
            self._add("shipped_but_present", span, sure=False, product_id=product)
        for code in story.codes:
            self._add("qr_location_mismatch", span, sure=False, qr_id=code)
            self._add("qr_code_cloned", span, sure=False, qr_id=code)


Add = Callable[..., None]


# --- Codes -------------------------------------------------------------------------------------------


def judge_codes(evidence: Evidence, add: Add) -> None:
    """Tampered, cloned and misplaced labels."""
    scans = sorted(evidence.rows[QR_SCANS], key=_time)
    revoked: dict[str, int] = {}
    of_label: dict[str, list[Row]] = defaultdict(list)
    tampered: dict[str, list[int]] = defaultdict(list)
    unsure: dict[str, list[int]] = defaultdict(list)
    for row in scans:
        scan: Scan = row.value
        label = row.label
        if scan.action == REVOKED and label is not None:
            revoked[label.serial] = row.time
        if scan.action not in {SCANNED, CONSUMED}:
            continue
        old = scan.qr_data is not None and scan.qr_data.startswith("{")
        if old and not evidence.legacy_secret:
            unsure[scan.product_id].append(row.time)
        elif (
            label is None
            or scan.product_id != label.product_id
            or row.time > revoked.get(label.serial, row.time)
        ):
            tampered[scan.product_id].append(row.time)
        if label is not None:
            of_label[label.serial].append(row)
    for product, times in tampered.items():
        add("qr_code_tampering", times, product_id=product)
    for product, times in unsure.items():
        # Whoever has the public keys alone cannot verify codes of the older kind.
        add("qr_code_tampering", times, sure=False, product_id=product)
    books = _places_in_books(evidence)
    for serial, rows in of_label.items():
        _judge_clones(serial, rows, add)
        old = rows[0].label is not None and rows[0].label.legacy
        _judge_places(serial, rows, books, add, verifiable=evidence.legacy_secret or not old)


def _judge_clones(serial: str, rows: list[Row], add: Add) -> None:
    """One label in two places sooner than anybody walks, or after it was used up."""
    sure: list[int] = []
    perhaps: list[int] = []
    consumed: int | None = None
    for before, row in pairwise([rows[0], *rows]):
        here, there = row.value.location, before.value.location
        if row.value.action == CONSUMED:
            consumed = row.time
        elif consumed is not None and here not in places.PASSAGES:
            (sure if row.time > consumed + MINUTE_MS else perhaps).extend((consumed, row.time))
        if here == there:
            continue
        near = places.site_of(here) == places.site_of(there)
        limit, limit_perhaps = (
            (CLONED_MS, PERHAPS_CLONED_MS) if near else (CLONED_ELSEWHERE_MS, PERHAPS_CLONED_ELSEWHERE_MS)
        )
        if row.time - before.time <= limit_perhaps:
            (sure if row.time - before.time <= limit else perhaps).extend((before.time, row.time))
    if sure:
        add("qr_code_cloned", sure, qr_id=serial)
    elif perhaps:
        add("qr_code_cloned", perhaps, sure=False, qr_id=serial)


def _judge_places(
    serial: str, rows: list[Row], books: dict[str, set[str]], add: Add, *, verifiable: bool
) -> None:
    """A label scanned where nothing says that it should be."""
    times = []
    swapped = False
    for row in rows:
        scan, label = row.value, row.label
        fine = places.PASSAGES | books[label.product_id] | {label.location} if label is not None else ()
        if scan.location not in fine:
            times.append(row.time)
            swapped |= label is not None and scan.product_id != label.product_id
    if times:
        # A label on another article is tampering first of all; and who has the public keys alone cannot tell
        # whether one of the older kind is genuine.
        add("qr_location_mismatch", times, sure=not swapped and verifiable, qr_id=serial)


def _places_in_books(evidence: Evidence) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in evidence.rows[INVENTORY_DIGITAL]:
        found[row.value.product_id].add(row.value.location)
    return found


# --- People ------------------------------------------------------------------------------------------


def judge_people(evidence: Evidence, add: Add) -> None:
    """Who prints codes in masses, and who works on codes when nobody should."""
    prints: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in sorted(evidence.rows[QR_SCANS], key=_time):
        if row.value.action == REGENERATED and row.value.generated_by:
            prints[row.value.generated_by].append((row.time, row.value.product_id))
    for person, those in prints.items():
        _demand(
            "qr_mass_regeneration",
            add,
            partial(_distinct, those, REGENERATED_PRODUCTS),
            REGENERATED_WITHIN_MS,
            employee_id=person,
        )
    for person, acts in _after_hours(evidence, prints).items():
        _demand(
            "after_hours_qr_manipulation",
            add,
            partial(_busy, acts),
            AFTER_HOURS_WITHIN_MS,
            employee_id=person,
        )


def _after_hours(
    evidence: Evidence, prints: dict[str, list[tuple[int, str]]]
) -> dict[str, list[tuple[int, str]]]:
    """(ms, what) of everything that people did on codes and books after hours, by person, by time.

    What was printed is told by the printer, and by the system that people use for it: "print" and REGENERATE.
    """
    flags: dict[str, list[tuple[int, bool | None]]] = defaultdict(list)
    acts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in sorted(evidence.rows[EMPLOYEE_ACTIVITY], key=_time):
        person, flag = row.value.employee_id, row.value.is_after_hours
        flags[person].append((row.time, flag))
        if row.value.action in {ACCESS_QR, UPDATE, REGENERATE}:
            if people.closed(row.time) if flag is None else flag:
                acts[person].append((row.time, row.value.action))
    for person, those in prints.items():
        for time, _ in those:
            told = [
                flag for at, flag in flags[person] if flag is not None and time - FLAG_HOLDS_MS <= at <= time
            ]
            if told[-1] if told else people.closed(time):
                acts[person].append((time, "print"))
    for those in acts.values():
        those.sort()
    return acts


def _busy(acts: list[tuple[int, str]], within: int) -> list[int]:
    """Times of acts of which more than so many lie within a span; one act may be told twice."""
    found: list[int] = []
    for last, (time, _) in enumerate(acts):
        window = [act for act in acts[: last + 1] if act[0] > time - within]
        by_printer = sum(what == "print" for _, what in window)
        by_system = sum(what == REGENERATE for _, what in window)
        if len(window) - min(by_printer, by_system) > AFTER_HOURS_ACTS:
            found += [at for at, _ in window]
    return found


def _distinct(those: list[tuple[int, str]], number: int, within: int) -> list[int]:
    """Times of things of which at least so many different ones lie within a span."""
    found: list[int] = []
    for last, (time, _) in enumerate(those):
        first = bisect_right(those, (time - within, "\U0010ffff"))
        window = those[first : last + 1]
        if len({what for _, what in window}) >= number:
            found += [at for at, _ in window]
    return found


def _demand(kind: str, add: Add, times: Callable[[int], list[int]], within: int, **what: str) -> None:
    """Adds a finding whose rule asks for things within a span; tolerates it if it depends on two seconds."""
    strict = times(within - SLACK_MS)
    loose = strict or times(within + SLACK_MS)
    if loose:
        add(kind, loose, sure=bool(strict), **what)


# --- Stock -------------------------------------------------------------------------------------------


class Mark(msgspec.Struct):
    """Units marked as shipped. taken: whether a truck took them."""

    time: int
    booking: Booking
    taken: bool = False


def shipped_marks(evidence: Evidence) -> list[Mark]:
    """All marks of goods as shipped, by time, and whether a truck took them."""
    marks = [
        Mark(row.time, row.value)
        for row in sorted(evidence.rows[INVENTORY_DIGITAL], key=_time)
        if row.value.status == SHIPPED
    ]
    departures: dict[str, list[Row]] = defaultdict(list)
    for row in evidence.rows[SHIPPING]:
        departures[row.value.shipment_id].append(row)
    by_shipment: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        if mark.booking.shipment_id is not None:
            by_shipment[mark.booking.shipment_id].append(mark)
    for shipment, those in by_shipment.items():
        for run in _runs(those):
            first, last = run[0].time - TRUCK_WINDOW_MS, run[-1].time + TRUCK_WINDOW_MS
            for row in departures[shipment]:
                if first <= row.time <= last:
                    goods = _goods(row.value)
                    for mark in run:
                        mark.taken |= not goods or mark.booking.product_id in goods
    return marks


def _runs(marks: list[Mark]) -> list[list[Mark]]:
    runs: list[list[Mark]] = []
    for mark in marks:
        if runs and mark.time - runs[-1][-1].time <= TRUCK_WINDOW_MS:
            runs[-1].append(mark)
        else:
            runs.append([mark])
    return runs


def _goods(departure: Departure) -> set[str]:
    return {line if isinstance(line, str) else line.product_id for line in departure.manifest}


def judge_stock(evidence: Evidence, add: Add) -> None:
    """Mass shipments, goods that should be gone, and shelves that are not as the books say."""
    untaken = [mark for mark in shipped_marks(evidence) if not mark.taken]
    by_site: dict[str, list[tuple[int, str]]] = defaultdict(list)
    by_product: dict[str, list[Mark]] = defaultdict(list)
    for mark in untaken:
        by_site[places.site_of(mark.booking.location)].append((mark.time, mark.booking.product_id))
        by_product[mark.booking.product_id].append(mark)
    for site, those in by_site.items():
        for episode in _episodes(those, MASS_WITHIN_MS):
            _demand(
                "mass_shipment_fraud",
                add,
                partial(_distinct, episode, MASS_PRODUCTS + 1),
                MASS_WITHIN_MS,
                site=site,
            )
    books_of: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(evidence.rows[INVENTORY_DIGITAL], key=_time):
        if row.value.location == evidence.shelves[row.value.product_id].article.shelf:
            books_of[row.value.product_id].append(row)
    for product, rows in books_of.items():
        books = Books(rows)
        readings = evidence.readings[product]
        _judge_presence(product, by_product[product], books, readings, add)
        _judge_mismatch(product, by_product[product], books, readings, add)


def _episodes(those: list[tuple[int, str]], gap: int) -> list[list[tuple[int, str]]]:
    episodes: list[list[tuple[int, str]]] = []
    for one in those:
        if episodes and one[0] - episodes[-1][-1][0] <= gap:
            episodes[-1].append(one)
        else:
            episodes.append([one])
    return episodes


class Books:
    """What the stock system says of one shelf over time."""

    def __init__(self, rows: list[Row]) -> None:
        self.times: list[int] = []
        self.units: list[int] = []
        units: int | None = None
        for row in rows:
            booking: Booking = row.value
            if booking.status == IN_STOCK:
                units = booking.quantity
            elif units is not None:
                units = max(0, units - booking.quantity)
            if units is not None:
                self.times.append(row.time)
                self.units.append(units)

    def at(self, time: int) -> int | None:
        """Units on the books; None before the first record."""
        index = bisect_right(self.times, time) - 1
        return self.units[index] if index >= 0 else None

    def around(self, time: int, within: int) -> list[int]:
        """All that the books said in a span around a moment; nothing if there is no record in it."""
        first, last = bisect_left(self.times, time - within), bisect_right(self.times, time + within)
        return self.units[max(0, first - 1) : last] if first < last else []


def _judge_presence(product: str, marks: list[Mark], books: Books, readings: list[Row], add: Add) -> None:
    """Goods that were marked and not taken, and that RFID sees soon afterwards."""
    sure: list[int] = []
    perhaps: list[int] = []
    for mark in marks:
        first = bisect_right(readings, mark.time, key=_time)
        for row in readings[first:]:
            since = row.time - mark.time
            if since > PRESENT_WITHIN_MS + SLACK_MS:
                break
            reading: Reading = row.value
            if reading.rfid_detected and reading.quantity > (books.at(row.time) or 0):
                near = since < SLACK_MS or since > PRESENT_WITHIN_MS - SLACK_MS
                (perhaps if near else sure).extend((mark.time, row.time))
    if sure:
        add("shipped_but_present", sure, product_id=product)
    elif perhaps:
        add("shipped_but_present", perhaps, sure=False, product_id=product)


def _judge_mismatch(product: str, marks: list[Mark], books: Books, readings: list[Row], add: Add) -> None:
    """Shelf and books, within two minutes of each other, are more than a few units apart."""
    strict: list[int] = []
    loose: list[int] = []
    reach = MISMATCH_WITHIN_MS + SLACK_MS
    done = 0
    for at in books.times:
        first = max(done, bisect_left(readings, at - reach, key=_time))
        done = max(first, bisect_right(readings, at + reach, key=_time))
        for row in readings[first:done]:
            # Goods that were marked and still stand there are another finding.
            standing = sum(mark.booking.quantity for mark in marks if mark.time <= row.time + reach)
            off = [
                _distance(row.value.quantity, books.around(row.time, MISMATCH_WITHIN_MS + slack), standing)
                for slack in (-SLACK_MS, SLACK_MS)
            ]
            if max(off) > MISMATCH_UNITS:
                loose.append(row.time)
                if min(off) > MISMATCH_UNITS:
                    strict.append(row.time)
    if loose:
        location = readings[0].value.location
        add("inventory_mismatch", strict or loose, sure=bool(strict), product_id=product, location=location)


def _distance(units: int, said: list[int], standing: int) -> int:
    """How far a shelf's units are from everything the books said."""
    if not said:
        return 0
    return max(min(said) - units, units - max(said) - standing, 0)


def judge_drifts(evidence: Evidence, add: Add) -> None:
    """Shelves that lose a few units again and again; by true time, since what counts lasts for minutes."""
    for product, shelf in evidence.shelves.items():
        drops = _drops(shelf.gaps)
        recent = [drop for drop in drops if drops[-1][0] - drop[0] <= DROPS_WITHIN_MS]
        if len(recent) >= DROPS and sum(units for _, units in recent) >= DROPPED_UNITS:
            times = [time for time, _ in recent]
            add("gradual_theft", times, product_id=product, location=shelf.article.shelf)


def _drops(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(ms, units) of small unexplained losses that were not made good again."""
    settled = [one for one, after in pairwise(gaps) if after[0] - one[0] >= SETTLED_MS]
    settled.append(gaps[-1])
    drops: list[tuple[int, int]] = []
    level = settled[0][1]
    for time, gap in settled[1:]:
        if gap < level:
            if level - gap <= LARGEST_DROP:
                drops.append((time, level - gap))
            level = gap
        while drops and gap > level:
            found = min(gap - level, drops[-1][1])
            level += found
            at, units = drops.pop()
            if units > found:
                drops.append((at, units - found))
    return drops


def judge_weights(evidence: Evidence, add: Add) -> None:
    """Shelves that weigh something else than what they count."""
    for product, shelf in evidence.shelves.items():
        if not shelf.swaps:
            continue
        unit_kg = shelf.article.weight_g / 1000
        times = []
        for row in evidence.readings[product]:
            full = row.value.quantity * unit_kg
            if full and abs(row.value.weight_kg - full) > WEIGHT_TOLERANCE * full:
                times.append(row.time)
        if times:
            add("shelf_weight_mismatch", times, product_id=product, location=shelf.article.shelf)


def scenarios(stories: Iterable[Story]) -> list[Finding]:
    """What expected.json says of the scenarios themselves."""
    return [
        {
            "name": story.name,
            "variant": story.variant,
            "honest": story.honest,
            "start": iso(story.start),
            "end": iso(story.end),
            "products": sorted(story.products),
            "employees": sorted(story.employees),
            "first_wrong": None if story.first_wrong is None else iso(story.first_wrong),
        }
        for story in sorted(stories, key=lambda story: (story.start, story.name))
    ]


def _time(row: Row) -> int:
    return row.time
