"""What the alerts come to: for the dashboard, for analysts, and about the detectors themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from flask import Response
from flask_openapi3 import OpenAPI

from cloud_run.api.alert_items import title
from cloud_run.api.answers import answer, answers, iso, resource
from cloud_run.api.models.analytics import (
    AnalyticsQuery,
    BucketItem,
    DashboardItem,
    DetectorList,
    DetectorStats,
    HourItem,
    PeriodQuery,
    PlaceItem,
    SeverityCounts,
    ThreatItem,
    ThreatsItem,
    TypeCount,
)
from cloud_run.api.parts import Parts, Records
from cloud_run.api.problems import bad_value
from cloud_run.api.remembered import Remembered
from cloud_run.api.resources.status import Watch
from cloud_run.api.row_pages import sites_of
from cloud_run.api.security import requires, site_scope
from guardian.alerts.handling import Resolution
from guardian.alerts.model import Alert, Status, Workflow
from guardian.alerts.risk import Factor, alert_weight, decayed, score
from guardian.alerts.value_at_risk import value_at_risk
from guardian.desk_ports import MOST_ITEMS, AlertDesk, AlertQuery, AlertWithHandling, Role
from guardian.detectors.registry import REGISTRY
from guardian.detectors.warehouse.threat_scores import (
    EMPLOYEE,
    LOCATION,
    PRODUCT,
    SHOWN_CAP,
    ThreatScore,
)
from guardian.events.topics import THREAT_SCORES

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS
LONGEST_MS: Final = 400 * DAY_MS
MOST: Final = 10_000
"""Alerts that one answer looks at, the latest."""
BUCKETS: Final = 48
"""Of a timeline at most."""
TOP: Final = 20
SCORES: Final = 2_000
"""Threat scores looked at, the latest."""
DASHBOARD_S: Final = 2.0
PERIOD_S: Final = 10.0
"""How old answers may be."""

Scope = tuple[str, ...] | None


def register(app: OpenAPI, parts: Parts) -> None:
    """Adds `analytics`."""
    if parts.records is None:
        return
    sums = Sums(parts, parts.records)
    dashboard_of = Remembered(DASHBOARD_S, sums.dashboard)
    threats_of = Remembered(PERIOD_S, sums.threats)
    detectors_of = Remembered(PERIOD_S, sums.detectors)
    api = resource("analytics", "What the alerts come to.")

    @api.get("/analytics/dashboard", summary="At a glance", responses=answers(DashboardItem))
    def dashboard(query: AnalyticsQuery) -> Response:
        return answer(dashboard_of.ask(site_scope(query.site)))

    @api.get("/analytics/threats", summary="What, where, who and when", responses=answers(ThreatsItem))
    def threats(query: PeriodQuery) -> Response:
        scope = site_scope(query.site)
        return answer(threats_of.ask(scope, *sums.period(scope, query)))

    @api.get("/analytics/detectors", summary="How good the detectors are", responses=answers(DetectorList))
    @requires(Role.ANALYST)
    def detectors(query: PeriodQuery) -> Response:
        scope = site_scope(query.site)
        return answer(detectors_of.ask(scope, *sums.period(scope, query)))

    app.register_api(api)


class Sums:
    """Adds up alerts, what people found, and the machine's rows."""

    def __init__(self, parts: Parts, records: Records) -> None:
        self._desk = parts.desk
        self._catalogue = parts.catalogue
        self._records = records
        self._clock = parts.clock
        self._watch = Watch(parts)

    def now(self, scope: Scope) -> int:
        """The watermark of the site that is furthest, so that a replay of last year has a today; else
        the clock.
        """
        rows = self._records.rows
        marks = [rows.progress(site).watermark for site in sites_of(rows, scope)]
        return max(filter(None, marks), default=int(self._clock() * 1000))

    def period(self, scope: Scope, query: PeriodQuery) -> tuple[int, int]:
        """From and until when. Raises a Problem."""
        until = query.until
        if until is None:
            # To the minute, so that the same question is the same.
            until = (self.now(scope) // 60_000 + 1) * 60_000
        since = until - WEEK_MS if query.since is None else query.since
        if not 0 <= since < until or until - since > LONGEST_MS:
            raise bad_value("since", f"expected a time before until, at most {LONGEST_MS // DAY_MS} days")
        return since, until

    def dashboard(self, scope: Scope) -> DashboardItem:
        """At a glance."""
        now = self.now(scope)
        waiting, more_waiting = read(
            self._desk,
            AlertQuery(
                sites=scope,
                statuses=(Status.SUSPECTED, Status.CONFIRMED),
                workflows=(Workflow.OPEN, Workflow.ACKNOWLEDGED),
            ),
        )
        recent, more_recent = read(self._desk, AlertQuery(sites=scope, since=now - DAY_MS))
        raised = [one.alert for one in recent if one.alert.status is not Status.CLEARED]
        status = self._watch.status(scope)
        open_ = [one.alert for one in waiting]
        factors = [
            Factor(
                a.type,
                a.alert_id,
                a.severity,
                a.status,
                alert_weight(a.type, a.severity, a.status),
                a.event_time,
            )
            for a in open_
        ]
        return DashboardItem(
            as_of=iso(now),
            open=_severities(open_),
            open_total=len(open_),
            raised_24h=len(raised),
            confirmed_24h=sum(alert.status is Status.CONFIRMED for alert in raised),
            risk_score=round(score(factors, now, DAY_MS), 1),
            value_at_risk=self._value(open_),
            event_rate=status.event_rate,
            lag_s=status.lag_s,
            series=_hours(raised, now),
            partial=more_waiting or more_recent,
        )

    def threats(self, scope: Scope, since: int, until: int) -> ThreatsItem:
        """What, where, who and when."""
        found, more = read(self._desk, AlertQuery(sites=scope, since=since, until=until))
        raised = [one.alert for one in found if one.alert.status is not Status.CLEARED]
        bucket_ms = max(HOUR_MS, -(-(until - since) // BUCKETS // HOUR_MS) * HOUR_MS)
        while -(-until // bucket_ms) - since // bucket_ms > BUCKETS:
            bucket_ms += HOUR_MS
        types = Counter(alert.type for alert in raised)
        scores = self._scores(scope, until)
        return ThreatsItem(
            since=iso(since),
            until=iso(until),
            bucket_s=bucket_ms // 1000,
            timeline=_timeline(raised, since, until, bucket_ms),
            by_type=[TypeCount(type=name, title=title(name), count=n) for name, n in types.most_common()],
            by_location=self._places(raised),
            products=scores[PRODUCT],
            employees=scores[EMPLOYEE],
            locations=scores[LOCATION],
            partial=more,
        )

    def detectors(self, scope: Scope, since: int, until: int) -> DetectorList:
        """How good the detectors are."""
        found, more = read(self._desk, AlertQuery(sites=scope, since=since, until=until))
        by_type: defaultdict[str, list[AlertWithHandling]] = defaultdict(list)
        for one in found:
            by_type[one.alert.type].append(one)
        known = [name for name, entry in REGISTRY.items() if entry.detector.about.severities]
        names = [*known, *sorted(by_type.keys() - set(known))]
        items = [_stats(name, by_type[name]) for name in names]
        return DetectorList(since=iso(since), until=iso(until), items=items, partial=more)

    def _value(self, alerts: Iterable[Alert]) -> float:
        return round(sum(value_at_risk(alert, self._catalogue) or 0.0 for alert in alerts), 2)

    def _places(self, alerts: Iterable[Alert]) -> list[PlaceItem]:
        places: defaultdict[tuple[str, str], list[Alert]] = defaultdict(list)
        for alert in alerts:
            places[alert.site, _place(alert)].append(alert)
        ranked = sorted(places.items(), key=lambda one: (-len(one[1]), one[0]))
        return [
            PlaceItem(
                site=site,
                location=location,
                alerts=len(there),
                value_at_risk=self._value(there),
                by_severity=_severities(there),
            )
            for (site, location), there in ranked[:TOP]
        ]

    def _scores(self, scope: Scope, now: int) -> dict[str, list[ThreatItem]]:
        """The highest threat scores of each kind, faded until now."""
        rows = self._records.rows
        top: dict[str, list[ThreatItem]] = {PRODUCT: [], EMPLOYEE: [], LOCATION: []}
        for site in sites_of(rows, scope):
            for kept in rows.newest(site, THREAT_SCORES, SCORES):
                row = msgspec.convert(kept.row, ThreatScore)
                half_life_ms = int(row.half_life_s * 1000)
                if len(row.factors) < SHOWN_CAP:
                    points = score(row.factors, max(now, row.as_of), half_life_ms)
                else:  # not all of them are in the row
                    points = decayed(row.score, now - row.as_of, half_life_ms)
                points = round(points, 1)
                if points > 0 and row.kind in top:
                    top[row.kind].append(
                        ThreatItem(
                            site=site, id=row.id, score=points, factors=len(row.factors), as_of=iso(row.as_of)
                        )
                    )
        return {
            kind: sorted(items, key=lambda one: (-one.score, one.site, one.id))[:TOP]
            for kind, items in top.items()
        }


def read(desk: AlertDesk, query: AlertQuery) -> tuple[list[AlertWithHandling], bool]:
    """The latest alerts of a query, `MOST` at most, and whether there are more."""
    found: list[AlertWithHandling] = []
    cursor = ""
    while True:
        some = desk.find(msgspec.structs.replace(query, limit=MOST_ITEMS, cursor=cursor))
        found += some.items
        cursor = some.next_cursor
        if not cursor or len(found) >= MOST:
            return found[:MOST], bool(cursor) or len(found) > MOST


def _severities(alerts: Iterable[Alert]) -> SeverityCounts:
    return SeverityCounts(**Counter(alert.severity.value for alert in alerts))


def _hours(alerts: Iterable[Alert], now: int) -> list[HourItem]:
    """The 24 hours up to now, each whether or not something happened."""
    by_hour: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for alert in alerts:
        by_hour[alert.event_time // HOUR_MS][alert.severity.value] += 1
    last = now // HOUR_MS
    return [
        HourItem(t=iso(hour * HOUR_MS), t_ms=hour * HOUR_MS, **by_hour[hour])
        for hour in range(last - 23, last + 1)
    ]


def _timeline(alerts: Iterable[Alert], since: int, until: int, bucket_ms: int) -> list[BucketItem]:
    buckets: defaultdict[int, list[Alert]] = defaultdict(list)
    for alert in alerts:
        buckets[alert.event_time // bucket_ms].append(alert)
    return [
        BucketItem(
            t=iso(number * bucket_ms),
            t_ms=number * bucket_ms,
            types=dict(Counter(alert.type for alert in buckets[number])),
            **_severities(buckets[number]).model_dump(),
        )
        for number in range(since // bucket_ms, -(-until // bucket_ms))
    ]


def _place(alert: Alert) -> str:
    evidence: dict[str, Any] = alert.evidence
    for name in ("location", "station_id"):
        if isinstance(place := evidence.get(name), str):
            return place
    return alert.subject.id if alert.subject.kind == "station" else alert.site


def _stats(name: str, found: list[AlertWithHandling]) -> DetectorStats:
    statuses = Counter(one.alert.status for one in found)
    right = sum(one.handling.resolution is Resolution.TRUE_POSITIVE for one in found)
    wrong = sum(one.handling.resolution is Resolution.FALSE_POSITIVE for one in found)
    took = sorted((one.alert.detected_at - one.alert.event_time) / 1000 for one in found)
    return DetectorStats(
        id=name,
        title=title(name),
        alerts=len(found),
        suspected=statuses[Status.SUSPECTED],
        confirmed=statuses[Status.CONFIRMED],
        cleared=statuses[Status.CLEARED],
        resolved=sum(one.handling.workflow is Workflow.RESOLVED for one in found),
        true_positive=right,
        false_positive=wrong,
        false_positive_rate=round(wrong / (right + wrong), 4) if right + wrong else None,
        latency_p50_s=_percentile(took, 50),
        latency_p95_s=_percentile(took, 95),
    )


def _percentile(ordered: list[float], percent: int) -> float | None:
    """The smallest value that so many percent are not above."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
