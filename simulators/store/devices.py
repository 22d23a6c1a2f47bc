"""What the devices make of what happens: clocks that are off, lapses, repetitions, late delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, TypeVar

import msgspec

from simulators.store.catalogue import Catalogue
from simulators.store.chance import how_many, jitter_ms
from simulators.store.config import StoreConfig
from simulators.store.crashes import MARGIN_MS, Crashes
from simulators.store.customers import Item
from simulators.store.faults import Checkouts
from simulators.store.records import ACTIVE, READ_ERROR, SYSTEM_CRASH, Row, Sale, Tag, View

POS, RFID, CAMERA, QUEUE = "pos", "rfid", "camera", "queue"
STOCK_CLOCK = "stock"

D = TypeVar("D")

SCAN_AREA = "IN_SCAN_AREA"
NO_TAG = Tag(None, None, None)
_NO_SALE = Sale(None, None, None, None, None, None)
_NO_VIEW = View(None, None)

_SURE = (0.85, 0.98)
_UNSURE = (0.5, 0.75)
_SUSPICIOUS = (0.6, 0.85)
_CRIME_SEEN = 0.88
_CRIME_MISTAKEN = {"avoided": 0.05, "switched": 0.12}
_LINGER_MS = 40_000
_TICK_JITTER_MS = 40


def clock_name(station: str, device: str) -> str:
    """Name of a device's clock in `Clocks`."""
    return f"{station}/{device}"


class Clocks:
    """How far each device's clock is ahead of the truth, in ms: constant, at most half the largest skew."""

    def __init__(self, config: StoreConfig, rng: Random) -> None:
        half = config.max_skew_s * 500
        names = [clock_name(station, d) for station in config.stations for d in (POS, RFID, CAMERA, QUEUE)]
        self.ahead_ms = {name: int(rng.uniform(-half, half)) for name in [*names, STOCK_CLOCK]}

    def of(self, station: str, device: str) -> int:
        """ms that a station's device is ahead."""
        return self.ahead_ms[clock_name(station, device)]

    @property
    def stock(self) -> int:
        """ms that the stock system is ahead."""
        return self.ahead_ms[STOCK_CLOCK]


class ReadErrors(msgspec.Struct):
    """True ms at which readers and queue monitors fail to read: by (station, device)."""

    at: dict[tuple[str, str], list[int]]


def plan_read_errors(config: StoreConfig, rng: Random) -> ReadErrors:
    """Single errors anywhere, and bursts of 3 to 6 within less than five minutes."""
    at: dict[tuple[str, str], list[int]] = {}
    station_hours = config.station_count * config.hours

    def fail(station: str, time: int) -> None:
        at.setdefault((station, rng.choice((RFID, QUEUE))), []).append(time)

    for _ in range(how_many(rng, config.background_errors * station_hours)):
        fail(rng.choice(config.stations), rng.randint(config.opens_ms, config.closes_ms))
    for _ in range(how_many(rng, config.error_bursts * station_hours)):
        station = rng.choice(config.stations)
        length = rng.randint(30_000, 240_000)
        start = rng.randint(config.opens_ms, max(config.opens_ms, config.closes_ms - length))
        for _ in range(rng.randint(3, 6)):
            fail(station, start + rng.randint(0, length))
    return ReadErrors(at)


def draw_lapses(
    config: StoreConfig,
    catalogue: Catalogue,
    checkouts: Checkouts,
    may_vanish: Callable[[Item], bool],
    rng: Random,
) -> None:
    """Decides of every item whether its tag is read and what the camera sees.

    may_vanish: whether the stock would show clearly that this stolen item is gone (see `faults`).
    """
    crimes = [item for item in checkouts if item.crime]
    honest = [item for item in checkouts if not item.crime]
    products = catalogue.products
    near_crime: dict[int, list[Item]] = {}
    for crime in crimes:
        for other in checkouts.beside(crime):
            near_crime.setdefault(id(other), []).append(crime)
        seen = rng.random()
        wrong = _CRIME_MISTAKEN[crime.crime]
        if seen < _CRIME_SEEN - wrong:
            crime.seen_as = crime.product
        elif seen < _CRIME_SEEN:
            crime.seen_as = rng.choice(products)
        crime.sure = round(rng.uniform(*_SUSPICIOUS), 2)
        lost = rng.random() < config.attack_read_loss
        crime.read = not (lost and may_vanish(crime))
    for item in honest:
        lost, chance = rng.random() < config.read_loss, rng.random()
        if chance >= config.view_loss:
            wrong_view = chance < config.view_loss + config.view_error
            item.seen_as = rng.choice(products) if wrong_view else item.product
            item.sure = round(rng.uniform(*(_SURE if item.seen_as is item.product else _UNSURE)), 2)
        if lost and not config.ambiguous and id(item) in near_crime:
            lost = _clear(item, near_crime[id(item)])
        item.read = not lost


def _clear(item: Item, crimes: list[Item]) -> bool:
    """Whether a lost tag beside these crimes leaves no doubt; sees to it that the camera is right then."""
    if item.keyed or any(
        crime.product is item.product or crime.seen_as is not crime.product for crime in crimes
    ):
        return False
    if item.seen_as is not item.product:
        item.seen_as, item.sure = item.product, _SURE[0]
    return True


class Station:
    """The devices of one station. Each method returns what one of them sends, in no particular order."""

    def __init__(
        self,
        config: StoreConfig,
        station: str,
        clocks: Clocks,
        crashes: Crashes,
        errors: ReadErrors,
        rng: Random,
    ) -> None:
        self._config = config
        self.name = station
        self._clocks = clocks
        self._crashes = crashes
        self._errors = errors
        self._rng = rng

    def sales(self, items: Iterable[Item]) -> list[Row[Sale]]:
        """The till's records: a sale for every item that is paid for, and one when it goes down."""
        rng, ahead = self._rng, self._clocks.of(self.name, POS)
        rows = []
        for item in items:
            sold = item.sold
            if sold is None:
                continue
            status = READ_ERROR if rng.random() < self._config.pos_error_share else ACTIVE
            sale = Sale(item.customer, sold.sku, sold.name, sold.barcode, sold.price, item.weight_g)
            rows.append(Row(item.time + ahead, self.name, status, sale))
        return rows + self._going_down(ahead, _NO_SALE)

    def views(self, items: Iterable[Item]) -> list[Row[View]]:
        """The camera's records. Of units that are keyed in together it sees one heap."""
        rng, ahead = self._rng, self._clocks.of(self.name, CAMERA)
        limit = round(1000 * self._config.view_jitter_s)
        rows = []
        heap: tuple[int, str] | None = None
        for item in items:
            if item.keyed:
                if heap == (item.time, item.customer):
                    continue
                heap = (item.time, item.customer)
            if item.seen_as is not None:
                time = item.time + jitter_ms(rng, limit) + ahead
                rows.append(Row(time, self.name, ACTIVE, View(item.seen_as.sku, item.sure)))
        return rows + self._going_down(ahead, _NO_VIEW)

    def reads(self, items: Iterable[Item]) -> list[Row[Tag]]:
        """The tag reader's records: reads, the same tags again, and heartbeats whenever it sees nothing."""
        config, rng, name = self._config, self._rng, self.name
        ahead = self._clocks.of(name, RFID)
        limit = round(1000 * config.read_jitter_s)
        again_share, linger_share = config.reread_share, config.linger_share
        rows = []
        busy = set()
        tick_ms = round(1000 * config.sample_every_s)
        for item in items:
            if not item.read:
                continue
            tag = Tag(item.epc, SCAN_AREA, item.product.sku)
            time = item.time + jitter_ms(rng, limit)
            times = [time]
            if rng.random() < again_share:
                times.append(time + rng.randint(200, 3_000))
            if rng.random() < linger_share:
                stays = time + rng.randint(5_000, _LINGER_MS)
                while (time := time + rng.randint(2_000, 5_000)) < stays:
                    times.append(time)
            for time in times:
                if time == times[0] or self._crashes.down_until(time, MARGIN_MS) is None:
                    rows.append(Row(time + ahead, name, ACTIVE, tag))
                    busy.add((time - config.opens_ms) // tick_ms)
        return rows + self._heartbeats(ahead, busy)

    def _heartbeats(self, ahead: int, busy: set[int]) -> list[Row[Tag]]:
        name, opens = self.name, self._config.opens_ms
        tick_ms = round(1000 * self._config.sample_every_s)
        rows = []
        for time, status in self.ticks(RFID):
            if status == ACTIVE and (time - opens) // tick_ms in busy:
                continue
            rows.append(Row(time + ahead, name, status, NO_TAG))
        return rows

    def ticks(self, device: str) -> list[tuple[int, str]]:
        """(true ms, status) of a device that reports every few seconds, all day long."""
        config, rng = self._config, self._rng
        every = round(1000 * config.sample_every_s)
        first = config.opens_ms + rng.randint(_TICK_JITTER_MS, every - _TICK_JITTER_MS)
        errors = {(time - first) // every for time in self._errors.at.get((self.name, device), ())}
        down_until = self._crashes.down_until
        chance, jitter = rng.random, 2 * _TICK_JITTER_MS
        ticks = []
        for number, due in enumerate(range(first, config.closes_ms - _TICK_JITTER_MS, every)):
            time = due + int(chance() * jitter) - _TICK_JITTER_MS
            if down_until(time) is not None:
                ticks.append((time, SYSTEM_CRASH))
            else:
                ticks.append((time, READ_ERROR if number in errors else ACTIVE))
        return ticks

    def _going_down(self, ahead: int, nothing: D) -> list[Row[D]]:
        return [
            Row(start + self._rng.randint(0, 2_000) + ahead, self.name, SYSTEM_CRASH, nothing)
            for start, _ in self._crashes.spans
        ]


class Delivery:
    """Brings records to the store's collector: mostly at once, some late, some twice."""

    def __init__(self, config: StoreConfig, seed: int, rng: Random) -> None:
        """seed: part of the event ids, so that several days may be fed to one system."""
        self._config = config
        self._batch = id_prefix(config, seed)
        self._rng = rng

    def deliver(self, rows: list[Row[D]], device: str, *, resend: bool) -> list[Row[D]]:
        """Records in order of arrival, with event ids if they have any."""
        config, chance = self._config, self._rng.random
        latest = 1000 * config.late_max_s
        late_share = config.late_share
        resend_share = config.resend_share if resend and config.event_ids else 0.0
        arrivals = []
        for row in rows:
            arrivals.append((row.time + (chance() * latest if chance() < late_share else 0.0), row))
            if chance() < resend_share:
                arrivals.append((row.time + chance() * latest, row))
        arrivals.sort(key=_arrival)
        delivered = [row for _, row in arrivals]
        if config.event_ids:
            number = 0
            for row in delivered:
                if row.event_id is None:
                    number += 1
                    row.event_id = f"{self._batch}-{device}-{number}"
        return delivered


def _arrival(entry: tuple[float, Row[Any]]) -> float:
    return entry[0]


def id_prefix(config: StoreConfig, seed: int) -> str:
    """What the event ids of a day begin with: unlike those of another day or another seed."""
    return f"{config.opens[:10]}.{seed}"
