"""Every knob of the store simulator, with its unit."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec

MAX_SCAN_GAP_S = 60.0


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A store and what happens in it. Rates are means; the seed decides the exact numbers and moments.

    The store
        opens: local time of opening, ISO-8601 without a zone; it is also the first snapshot.
        hours: how long it is open. self_checkouts: stations SCC1 to SCCn. counter: whether there is RC1.
        customers_per_hour: arriving at the whole store. snapshot_every_s: between two counts of the stock.
        sample_every_s: between two heartbeats of a reader, and between two queue samples.

    People
        basket_mean, basket_max: articles a customer buys (exponential, at least 1).
        several_share: share of picks that are 2 to 4 units of one article, scanned one after another.
        keyed_share: share of those for which the number is keyed in: so many sales at the same instant
            (twice as likely at the counter).
        scan_gap_s: seconds between two scans, from and to.
        shared_share: share of customers who begin before the one ahead of them at the station has finished.

    Devices
        max_skew_s: largest difference between any two clocks; each is off by a constant up to half of it.
        read_jitter_s, view_jitter_s: how far at most a tag read or a camera view is from the scan.
        read_loss, view_loss, view_error: shares of honest articles whose tag is not read, which the camera
            does not see, which the camera takes for something else. Sales are never lost.
        reread_share: articles whose tag is read once more 0.2 to 3 s later. linger_share: articles left on
            the counter, read again every 2 to 5 s for up to 40 s.
        resend_share: POS and queue records sent twice, byte for byte (needs event_ids, without which a
            repeated record is another event). late_share, late_max_s: records delivered after younger ones.
        event_ids: whether records carry an event_id.
        weight_noise: largest relative error of an honest weight. pos_error_share: sales that carry the
            status "Read Error" and are sales all the same.

    Attacks and faults, per station and hour unless said otherwise
        avoided: articles carried past the scanner. walkout_share: how many of them by people who pay
            nothing at all. switched: sales under the barcode of a cheaper article. switched_weighed_share:
            share of these whose sale shows the weight of the real article. odd_weights: sales whose weight
            is off by 6-14 % or 16-60 %. rapid: customers whose articles are scanned faster than by hand.
        attack_read_loss: share of avoided and switched articles whose tag is not read: these cannot be found
            at the checkout. ambiguous: let devices fail beside an attack in such a way that the records would
            fit another story just as well (see `simulators.store.faults`); False: they fail elsewhere.
        crashes, long_queues, long_waits, error_bursts: episodes. near_misses: queues of exactly 5 customers,
            at times waiting exactly 120 s, which is not yet too long. background_errors: single read errors.
        shrinkage: thefts from the shelf per hour in the whole store. restocks: deliveries per hour.
    """

    opens: str = "2025-06-03T10:00:00"
    hours: float = 2.0
    self_checkouts: int = 4
    counter: bool = True
    customers_per_hour: float = 120.0
    snapshot_every_s: float = 600.0
    sample_every_s: float = 5.0

    basket_mean: float = 7.0
    basket_max: int = 25
    several_share: float = 0.12
    keyed_share: float = 0.15
    scan_gap_s: tuple[float, float] = (2.0, 8.0)
    shared_share: float = 0.15

    max_skew_s: float = 2.0
    read_jitter_s: float = 1.0
    view_jitter_s: float = 1.0
    read_loss: float = 0.02
    view_loss: float = 0.03
    view_error: float = 0.06
    reread_share: float = 0.05
    linger_share: float = 0.004
    resend_share: float = 0.01
    late_share: float = 0.03
    late_max_s: float = 3.0
    event_ids: bool = True
    weight_noise: float = 0.02
    pos_error_share: float = 0.003

    avoided: float = 1.5
    walkout_share: float = 0.25
    switched: float = 1.1
    switched_weighed_share: float = 0.1
    odd_weights: float = 1.1
    rapid: float = 0.3
    attack_read_loss: float = 0.01
    ambiguous: bool = False
    crashes: float = 0.2
    long_queues: float = 0.45
    long_waits: float = 0.35
    near_misses: float = 0.6
    error_bursts: float = 0.3
    background_errors: float = 1.5
    shrinkage: float = 5.0
    restocks: float = 2.0

    def __post_init__(self) -> None:
        """Raises ValueError for a store that cannot be simulated."""
        self._check(datetime.fromisoformat(self.opens).tzinfo is None, "opens is local time, without a zone")
        self._check(0 < self.hours <= 24 * 31, "hours must be more than 0, and no more than a month")
        self._check(self.self_checkouts >= 0 and self.station_count > 0, "a store needs a station")
        self._check(self.sample_every_s >= 1 and self.snapshot_every_s >= 60, "intervals are too short")
        low, high = self.scan_gap_s
        # Four scans in less than 5 s are the mark of a machine; honest people need longer.
        self._check(1.7 <= low <= high <= MAX_SCAN_GAP_S, "scan_gap_s must lie between 1.7 and 60 s")
        self._check(self.basket_mean > 0 and self.basket_max >= 1, "baskets must hold something")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float):
                self._check(math.isfinite(value) and value >= 0, f"{name} must not be negative")
                share = name.endswith(("_share", "_loss", "_error"))
                self._check(not share or value <= 1, f"{name} is a share, from 0 to 1")

    def _check(self, holds: bool, why: str) -> None:
        if not holds:
            raise ValueError(why)

    @property
    def opens_ms(self) -> int:
        """Opening, in ms since 1970 of the local clock (as if the local time were UTC)."""
        return round(datetime.fromisoformat(self.opens).replace(tzinfo=UTC).timestamp() * 1000)

    @property
    def closes_ms(self) -> int:
        """Closing, in ms as `opens_ms`; nothing happens later."""
        return self.opens_ms + round(self.hours * 3_600_000)

    @property
    def station_count(self) -> int:
        """Self-checkouts and the counter."""
        return self.self_checkouts + int(self.counter)

    @property
    def stations(self) -> tuple[str, ...]:
        """Identifiers of all stations."""
        names = tuple(f"SCC{number}" for number in range(1, self.self_checkouts + 1))
        return (*names, "RC1") if self.counter else names

    @classmethod
    def honest(cls) -> StoreConfig:
        """A store in which nobody steals and no station fails: devices are as imperfect as ever."""
        return cls(
            avoided=0,
            switched=0,
            odd_weights=0,
            rapid=0,
            crashes=0,
            long_queues=0,
            long_waits=0,
            error_bursts=0,
            background_errors=0,
            pos_error_share=0,
            shrinkage=0,
        )

    @classmethod
    def for_volume(cls, records: int) -> StoreConfig:
        """The default store with more stations, for at least so many records; mostly a few per cent more."""
        if records < 1:
            raise ValueError("records must be at least 1")
        per_station_hour = 1_840
        stations = min(max(5, math.ceil(records / per_station_hour / 14)), 400)
        hours = max(0.5, 1.03 * records / per_station_hour / stations) + 0.06
        return cls(
            opens="2025-06-03T08:00:00",
            hours=round(hours, 2),
            self_checkouts=stations - 1,
            customers_per_hour=24.0 * stations,
        )
