"""Every knob of the warehouse simulator, with its unit."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import msgspec

ATTACKS = (
    "jd_com_attack",
    "after_hours_theft",
    "gradual_theft",
    "cloned_labels",
    "tampered_labels",
    "collusion",
    "forged_departure",
    "slow_theft",
    "swapped_goods",
)
"""Scenarios in which something is wrong."""

LOOKALIKES = ("night_shift", "relabelling", "mass_shipment", "stock_correction")
"""Scenarios in which nothing is wrong, though it may look so."""

DAY_MS = 86_400_000
_RECORDS_PER_PRODUCT_DAY = 965


class WarehouseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A warehouse and what happens in it. Rates are means; the seed decides the exact numbers and moments.

    The warehouse
        starts: the first day, ISO-8601; it begins at local midnight. days: how many.
        products: articles, each on a shelf of its own. units: opening stock of each, from and to.
        unit_weight_kg: of one unit, from and to.

    People and goods
        shipments_per_hour: trucks by day; at night there is a quarter of that.
        deliveries_per_day, counts_per_day: arrivals of goods; shelves counted by hand.
        scans_per_hour: ordinary scans of labels at the shelf, by day.
        posts_per_day: posts about the business.
        legacy_share: share of labels that are still of the older kind.
        legacy_secret: whether the recording carries the secret that verifies these; if not, what only it can
            tell is tolerated, not demanded.
        unflagged_share: share of activities that do not say whether they were after hours (by rostered people
            at night, all do).

    Devices
        sensor_every_s: between two reports of a shelf. weight_noise: largest relative error of a weight.
        rfid_miss_share: readings in which no tag answers, though the shelf counts right.
        max_skew_s: largest difference between any two clocks; each is off by a constant up to half of it.
        late_share, late_max_s: records delivered after younger ones, and by how much at most; yet never so
            late that the newest record is more than lateness_s ahead.
        resend_share: records sent twice, with the same event_id.

    scenarios: names from `ATTACKS` and `LOOKALIKES`. variants: fixes the variant of a scenario, by name; the
        seed chooses for those that are not in it.
    """

    starts: str = "2025-06-03"
    days: int = 1
    products: int = 160
    units: tuple[int, int] = (10, 120)
    unit_weight_kg: tuple[float, float] = (0.1, 8.0)

    shipments_per_hour: float = 2.0
    deliveries_per_day: float = 14.0
    counts_per_day: float = 60.0
    scans_per_hour: float = 50.0
    posts_per_day: float = 20.0
    legacy_share: float = 0.03
    legacy_secret: bool = False
    unflagged_share: float = 0.25

    sensor_every_s: float = 90.0
    weight_noise: float = 0.02
    rfid_miss_share: float = 0.02
    max_skew_s: float = 5.0
    late_share: float = 0.03
    late_max_s: float = 3.0
    lateness_s: float = 5.0
    resend_share: float = 0.01

    scenarios: tuple[str, ...] = ATTACKS + LOOKALIKES
    variants: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for a warehouse that cannot be simulated."""
        self._check(len(self.starts) == len("2025-06-03"), "starts is a date")
        date.fromisoformat(self.starts)
        self._check(1 <= self.days <= 366, "days must be from 1 to 366")
        self._check(20 <= self.products <= 50_000, "products must be from 20 to 50,000")
        self._check(10 <= self.units[0] <= self.units[1] <= 10_000, "units must lie between 10 and 10,000")
        low, high = self.unit_weight_kg
        self._check(0.05 <= low <= high <= 1_000, "unit_weight_kg must lie between 0.05 and 1,000")
        self._check(10 <= self.sensor_every_s <= 100, "sensor_every_s must be from 10 to 100")
        # Goods and their bookings move up to 55 s apart; more skew would make honest ones look wrong.
        self._check(self.max_skew_s <= 5, "clocks are at most 5 s apart")
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float):
                self._check(math.isfinite(value) and value >= 0, f"{name} must not be negative")
                share = name.endswith(("_share", "_noise"))
                self._check(not share or value <= 1, f"{name} is a share, from 0 to 1")
        unknown = sorted({*self.scenarios, *self.variants} - {*ATTACKS, *LOOKALIKES})
        self._check(not unknown, f"no such scenario: {', '.join(unknown)}")
        self._check(len(set(self.scenarios)) == len(self.scenarios), "a scenario is played once")

    def _check(self, holds: bool, why: str) -> None:
        if not holds:
            raise ValueError(why)

    @property
    def starts_ms(self) -> int:
        """The first midnight, in ms since 1970 of the local clock (as if the local time were UTC)."""
        return round(datetime.fromisoformat(self.starts).replace(tzinfo=UTC).timestamp() * 1000)

    @property
    def ends_ms(self) -> int:
        """The last midnight, in ms as `starts_ms`."""
        return self.starts_ms + self.days * DAY_MS

    @classmethod
    def honest(cls) -> WarehouseConfig:
        """A warehouse in which nobody steals, though some of what people do may look like it."""
        return cls(scenarios=LOOKALIKES)

    @classmethod
    def for_volume(cls, records: int) -> WarehouseConfig:
        """The default warehouse with more articles and days, for at least so many records."""
        if records < 1:
            raise ValueError("records must be at least 1")
        days = min(max(1, math.ceil(records / 400_000)), 7)
        products = max(160, math.ceil(records / days / _RECORDS_PER_PRODUCT_DAY))
        busier = products / 160
        return cls(
            days=days,
            products=products,
            shipments_per_hour=2.0 * busier,
            deliveries_per_day=14.0 * busier,
            counts_per_day=60.0 * busier,
            scans_per_hour=50.0 * busier,
        )
