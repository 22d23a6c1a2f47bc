"""A checkout session: one customer at one station, until five minutes of silence."""

from __future__ import annotations

import msgspec

from guardian.events.store import Sale

MAX_ITEMS = 500
"""Items listed one by one; beyond that they are only counted and summed."""


class CheckoutSession(msgspec.Struct, kw_only=True):
    """Kept for history. Times in epoch ms; value in the store's currency.

    items: (time, SKU) of each article. alerts: ids of the alerts about this customer here.
    """

    station_id: str
    customer_id: str
    started_at: int
    ended_at: int
    count: int = 0
    value: float = 0.0
    items: list[tuple[int, str]] = msgspec.field(default_factory=list)
    alerts: list[str] = msgspec.field(default_factory=list)

    @property
    def id(self) -> str:
        """Identifies the session among all of the site."""
        return f"{self.station_id}/{self.customer_id}/{self.started_at}"

    @property
    def duration_s(self) -> float:
        """From the first scan to the last, seconds."""
        return (self.ended_at - self.started_at) / 1000

    def add(self, time: int, sale: Sale) -> None:
        """Takes a sale, in any order."""
        self.started_at = min(self.started_at, time)
        self.ended_at = max(self.ended_at, time)
        self.count += 1
        self.value += sale.price or 0.0
        if len(self.items) < MAX_ITEMS and sale.sku is not None:
            self.items.append((time, sale.sku))

    def note(self, alert_id: str) -> None:
        """Notes an alert about this session, once."""
        if alert_id not in self.alerts:
            self.alerts.append(alert_id)
