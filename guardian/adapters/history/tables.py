"""The tables of history: one for every input stream, and those of what the product says itself.

Generated from the contracts, so that a field of a stream is a column of its table.
"""

from __future__ import annotations

from typing import Final

import msgspec

from guardian.adapters.history.fields import Field, about, fields_of
from guardian.alerts.handling import Handling
from guardian.alerts.model import Alert
from guardian.alerts.risk import Factor
from guardian.detectors.warehouse.code_registry import CodeRow
from guardian.detectors.warehouse.threat_scores import ThreatScore
from guardian.events.topics import TOPICS, Topic

ALERTS: Final = "alerts_history"
INCIDENTS: Final = "fraud_incidents"
CODES: Final = "qr_code_registry"
METRICS: Final = "system_metrics"
SCORES: Final = "threat_scores"
PREDICTIONS: Final = "ml_predictions"
QUARANTINE: Final = "quarantine"

EVENT_DAYS: Final = 400
"""How long events are kept: the same week of last year can still be looked at."""


class Table(msgspec.Struct, frozen=True):
    """partition: the field by whose day (UTC) rows lie together. cluster: what they are sorted by within it.

    key: rows that agree in it are the same row, delivered again or in a later state. latest: of those, the
    one that counts has the greatest; empty: they are all alike. expiration_days: 0 for never.
    """

    name: str
    description: str
    fields: tuple[Field, ...]
    partition: str
    cluster: tuple[str, ...]
    key: tuple[str, ...]
    latest: str = ""
    expiration_days: int = 0


def table_name(topic: str) -> str:
    """The name of a stream's table: "pos_transactions"."""
    return topic.replace("-", "_")


_SITE: Final = Field("site", "STRING", "REQUIRED", "name of the site, as in its settings")

_EVENT_FIELDS: Final = (
    Field(
        "event_id", "STRING", "REQUIRED", "identity of the event: the producer's own, else where it was read"
    ),
    Field("event_time", "TIMESTAMP", "REQUIRED", "when it happened"),
    _SITE,
    Field("seq", "INT64", "REQUIRED", "grows in the order in which events were decided on, site by site"),
    Field("read_from", "STRING", "REQUIRED", "where it was read: a file, a feed, a topic and partition"),
    Field("read_position", "INT64", "REQUIRED", "its number there: line, sequence or offset"),
    Field("raw", "STRING", "REQUIRED", "the value as it came, JSON"),
)

_CLUSTER: Final = ("site", "station_id", "product_id", "location", "employee_id", "shipment_id")


def _of_stream(topic: Topic) -> Table:
    # The time is there as event_time, the producer's way to write it in `raw`.
    fields = fields_of(topic.contract, frozenset({topic.time_field, "event_id"}))
    names = {field.name for field in fields} | {"site"}
    return Table(
        name=table_name(topic.name),
        description=f"Stream {topic.name}: {about(topic.contract)}",
        fields=(*_EVENT_FIELDS, *fields),
        partition="event_time",
        cluster=tuple(name for name in _CLUSTER if name in names)[:4],
        key=("site", "event_id"),
        expiration_days=EVENT_DAYS,
    )


def _alerts() -> Table:
    own = (
        Field("revision", "INT64", "REQUIRED", "of several states of an alert the greatest is the latest"),
        Field("local_time", "DATETIME", "REQUIRED", "event_time by the clock of the site"),
        Field(
            "value_at_risk", "FLOAT64", "NULLABLE", "in the catalogue's currency; null where nobody can tell"
        ),
        Field("location", "STRING", "NULLABLE", "the place or station that the evidence names"),
        Field("product_id", "STRING", "NULLABLE", "the article that the evidence names"),
        Field("employee_ids", "STRING", "REPEATED", "the people whom the evidence names"),
    )
    return Table(
        name=ALERTS,
        description="Every state of every alert that was told",
        fields=(*fields_of(Alert), *own),
        partition="event_time",
        cluster=("site", "type", "alert_id"),
        key=("site", "alert_id"),
        latest="revision",
    )


def _incidents() -> Table:
    wanted = ("alert_id", "type", "severity", "status", "site", "subject", "event_time")
    of_alert = tuple(field for field in fields_of(Alert) if field.name in wanted)
    # What people write may name people.
    of_people = fields_of(Handling, frozenset({"note"}))
    at_risk = Field("value_at_risk", "FLOAT64", "NULLABLE", "in the catalogue's currency")
    return Table(
        name=INCIDENTS,
        description="Alerts that people have taken up, as of each change",
        fields=(*of_alert, *of_people, at_risk),
        partition="event_time",
        cluster=("site", "type", "alert_id"),
        key=("site", "alert_id"),
        latest="revision",
    )


def _codes() -> Table:
    return Table(
        name=CODES,
        description="Product codes, as of each change",
        fields=(
            _SITE,
            *fields_of(CodeRow, frozenset({"first_scan", "last_scan"})),
            Field("first_scan_at", "TIMESTAMP", "NULLABLE", "null if it was never scanned"),
            Field("last_scan_at", "TIMESTAMP", "NULLABLE"),
            Field("last_scan_location", "STRING", "NULLABLE"),
        ),
        partition="changed_at",
        cluster=("site", "product_id", "qr_id"),
        key=("site", "qr_id"),
        latest="changed_at",
    )


def _scores() -> Table:
    factors = Field(
        "factors",
        "RECORD",
        "REPEATED",
        "what it is made of, the weightiest first",
        tuple(
            # AT is a word of SQL's own.
            msgspec.structs.replace(field, name="happened_at") if field.name == "at" else field
            for field in fields_of(Factor)
        ),
    )
    return Table(
        name=SCORES,
        description="Threat scores of products, people and places, as of each change",
        fields=(_SITE, *fields_of(ThreatScore, frozenset({"factors"})), factors),
        partition="as_of",
        cluster=("site", "kind", "id"),
        key=("site", "kind", "id"),
        latest="as_of",
        expiration_days=EVENT_DAYS,
    )


def _metrics() -> Table:
    return Table(
        name=METRICS,
        description="What was counted, by the stretch of time in which it was",
        fields=(
            Field("metric_id", "STRING", "REQUIRED", "identity of the row"),
            Field("event_time", "TIMESTAMP", "REQUIRED", "event time up to which was counted"),
            _SITE,
            Field("name", "STRING", "REQUIRED", "events.TOPIC, late, quarantined, DETECTOR.failed, …"),
            Field("value", "INT64", "REQUIRED", "how many since the row before"),
        ),
        partition="event_time",
        cluster=("site", "name"),
        key=("site", "metric_id"),
        expiration_days=EVENT_DAYS,
    )


def _predictions() -> Table:
    return Table(
        name=PREDICTIONS,
        description="Scores that models gave",
        fields=(
            Field("prediction_id", "STRING", "REQUIRED", "identity of the row"),
            Field("predicted_at", "TIMESTAMP", "REQUIRED"),
            _SITE,
            Field("model", "STRING", "REQUIRED", "name of the model"),
            Field("model_version", "STRING", "REQUIRED"),
            Field("kind", "STRING", "REQUIRED", "what it is about: product, employee, station, …"),
            Field("id", "STRING", "REQUIRED", "which one"),
            Field("score", "FLOAT64", "REQUIRED", "0 to 1"),
        ),
        partition="predicted_at",
        cluster=("site", "model", "kind"),
        key=("site", "prediction_id"),
        expiration_days=EVENT_DAYS,
    )


def _quarantine() -> Table:
    return Table(
        name=QUARANTINE,
        description="Records that could not be used, and why; the originals stay where they were found",
        fields=(
            Field("record_id", "STRING", "REQUIRED", "identity of the row"),
            Field("event_time", "TIMESTAMP", "REQUIRED", "event time at which it was found"),
            _SITE,
            Field("topic", "STRING", "NULLABLE", "the stream, where the record says"),
            Field("field", "STRING", "NULLABLE", "path of the offending field, if it is one"),
            Field("reason", "STRING", "REQUIRED", "what was expected and what was found"),
            Field("read_from", "STRING", "REQUIRED", "where it was read"),
            Field("read_position", "INT64", "REQUIRED", "its number there"),
            Field("bytes", "INT64", "REQUIRED", "how long it is"),
        ),
        partition="event_time",
        cluster=("site", "topic"),
        key=("site", "record_id"),
        expiration_days=EVENT_DAYS,
    )


STREAM_TABLES: Final[dict[str, Table]] = {topic.name: _of_stream(topic) for topic in TOPICS.values()}
"""By topic."""

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _alerts(),
        _incidents(),
        _codes(),
        _metrics(),
        _scores(),
        _predictions(),
        _quarantine(),
        *STREAM_TABLES.values(),
    )
}
"""By name."""
