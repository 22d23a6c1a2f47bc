"""What the alerts come to, as the API tells it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from cloud_run.api.models.alerts import Moment
from cloud_run.api.models.parameters import Parameters


class AnalyticsQuery(Parameters):
    """Of which site; without one, of all."""

    site: str | None = Field(default=None, max_length=200)


class PeriodQuery(AnalyticsQuery):
    """since, until: event time; by default the week up to now."""

    since: Moment | None = None
    until: Moment | None = None


class SeverityCounts(BaseModel):
    """How many alerts of each severity."""

    low: int = 0
    medium: int = 0
    high: int = 0
    critical: int = 0


class HourItem(SeverityCounts):
    """Alerts raised in the hour that begins at t. The machine has not cleared them."""

    t: str
    t_ms: int


class DashboardItem(BaseModel):
    """The last 24 hours up to `as_of`, which is the watermark, or now where that is not known.

    open: nobody has resolved it and the machine has not cleared it, whenever it was raised. risk_score:
    0 to 100, of what is open. value_at_risk: of what is open, in the catalogue's currency. event_rate:
    per second. partial: there are more alerts than were looked at.
    """

    as_of: str
    open: SeverityCounts
    open_total: int
    raised_24h: int
    confirmed_24h: int
    risk_score: float
    value_at_risk: float
    event_rate: float | None
    lag_s: float | None
    series: list[HourItem]
    partial: bool


class TypeCount(BaseModel):
    """Alerts of one type."""

    type: str
    title: str
    count: int


class PlaceItem(BaseModel):
    """Alerts at a place: a station, a shelf, else the site."""

    site: str
    location: str
    alerts: int
    value_at_risk: float
    by_severity: SeverityCounts


class ThreatItem(BaseModel):
    """A threat score, as of now: 0 to 100."""

    site: str
    id: str
    score: float
    factors: int
    as_of: str


class BucketItem(SeverityCounts):
    """Alerts raised in the time from t on."""

    t: str
    t_ms: int
    types: dict[str, int]


class ThreatsItem(BaseModel):
    """What there was in the period. bucket_s: of the timeline. partial: there is more than was looked at."""

    since: str
    until: str
    bucket_s: int
    timeline: list[BucketItem]
    by_type: list[TypeCount]
    by_location: list[PlaceItem]
    products: list[ThreatItem]
    employees: list[ThreatItem]
    locations: list[ThreatItem]
    partial: bool


class DetectorStats(BaseModel):
    """A detector's alerts in the period, and what people found them to be.

    false_positive_rate: of those that people have judged; null while there are none. latency: from what
    an alert points at until the machine could tell, in event time, seconds.
    """

    id: str
    title: str
    alerts: int
    suspected: int
    confirmed: int
    cleared: int
    resolved: int
    true_positive: int
    false_positive: int
    false_positive_rate: float | None
    latency_p50_s: float | None
    latency_p95_s: float | None


class DetectorList(BaseModel):
    """Every detector that raises alerts. partial: there are more alerts than were looked at."""

    since: str
    until: str
    items: list[DetectorStats]
    partial: bool
