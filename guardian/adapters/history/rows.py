"""From what the product knows to rows of its tables.

A row is a mapping by field name. Times in it are epoch milliseconds, those of DATETIMEs by the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from operator import attrgetter
from typing import Any, Final

import msgspec

from guardian.adapters.history.fields import Field
from guardian.adapters.history.tables import STREAM_TABLES
from guardian.alerts.handling import Handling
from guardian.alerts.model import Alert
from guardian.alerts.value_at_risk import value_at_risk
from guardian.engine.plan import HistoryRow
from guardian.events.catalogue import Catalogue
from guardian.events.model import Event, Rejected
from guardian.events.topics import TOPICS

Row = Mapping[str, Any]

TICK: Final = "tick"
"""Name of the metric that says how long nothing came before the clock moved the watermark on, ms."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_OWN_EVENT_FIELDS: Final = 7

_encode = msgspec.json.Encoder().encode


def event_row(event: Event, site: str, seq: int) -> Row:
    """The row of an event. seq: its number in the order of decisions."""
    row: dict[str, Any] = {
        "event_id": event.ref,
        "event_time": event.time,
        "site": site,
        "seq": seq,
        "read_from": event.source,
        "read_position": event.position,
        "raw": event.raw.decode(),
    }
    for name, of, plain in _columns_of[event.topic]:
        value = of(event.value)
        row[name] = value if plain or value is None else _shaped(_FIELDS[event.topic, name], value)
    return row


def alert_row(alert: Alert, revision: int, zone: tzinfo, catalogue: Catalogue) -> Row:
    """The row of an alert in one of its states. zone: the site's."""
    evidence = alert.evidence
    return {
        **_plain(alert, "evidence"),
        "evidence": _encode(evidence).decode(),
        "revision": revision,
        "local_time": _wall_clock(alert.event_time, zone),
        "value_at_risk": value_at_risk(alert, catalogue),
        "location": _named(evidence, "location", "station_id"),
        "product_id": _named(evidence, "product_id", "product_sku", "actual_sku", "sku"),
        "employee_ids": list(_people(evidence)),
    }


def incident_row(alert: Alert, handling: Handling, catalogue: Catalogue) -> Row:
    """The row of an alert that people have done something about."""
    return {
        "alert_id": alert.alert_id,
        "type": alert.type,
        "severity": alert.severity.value,
        "status": alert.status.value,
        "site": alert.site,
        "subject": msgspec.to_builtins(alert.subject),
        "event_time": alert.event_time,
        **_plain(handling, "note"),
        "value_at_risk": value_at_risk(alert, catalogue),
    }


def score_row(kept: HistoryRow, site: str) -> Row:
    """The row of a threat score, as the engine keeps it."""
    factors = [{**factor, "happened_at": factor["at"]} for factor in kept.row["factors"]]
    return {"site": site, **kept.row, "factors": factors}


def code_row(kept: HistoryRow, site: str) -> Row:
    """The row of a product code, as the engine keeps it."""
    row = {"site": site, **kept.row}
    first, last = row.pop("first_scan"), row.pop("last_scan")
    row["first_scan_at"] = first[0] if first else None
    row["last_scan_at"], row["last_scan_location"] = last or (None, None)
    return row


def metric_row(number: int, name: str, value: int, time: int, site: str) -> Row:
    """What was counted under a name. number: of the stretch of time."""
    return {"metric_id": f"{number}/{name}", "event_time": time, "site": site, "name": name, "value": value}


def tick_row(seq: int, silence_ms: int, time: int, site: str) -> Row:
    """The row of a silence after which the clock moved the watermark on. seq: its place among events."""
    return {
        "metric_id": f"{TICK}/{seq}",
        "event_time": time,
        "site": site,
        "name": TICK,
        "value": silence_ms,
    }


def quarantine_row(number: int, record: Rejected, time: int, site: str) -> Row:
    """The row of a record that could not be used. number: its own."""
    return {
        "record_id": str(number),
        "event_time": time,
        "site": site,
        "topic": record.topic,
        "field": record.field,
        "reason": record.reason,
        "read_from": record.source,
        "read_position": record.position,
        "bytes": len(record.raw),
    }


def _columns(topic: str) -> list[tuple[str, Callable[[Any], Any], bool]]:
    """Name, how to get it, and whether it goes into a row as it is."""
    fields = STREAM_TABLES[topic].fields[_OWN_EVENT_FIELDS:]
    kinds = {field.name: field.type for field in msgspec.structs.fields(TOPICS[topic].contract)}
    return [
        (
            field.name,
            attrgetter(field.name),
            field.mode != "REPEATED"
            and field.type != "RECORD"
            and (field.type != "STRING" or _is_text(kinds[field.name])),
        )
        for field in fields
    ]


def _is_text(kind: Any) -> bool:
    """Whether a STRING of this kind is a text already."""
    text = (
        msgspec.inspect.StrType,
        msgspec.inspect.LiteralType,
        msgspec.inspect.EnumType,
        msgspec.inspect.NoneType,
    )
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    if isinstance(info, msgspec.inspect.UnionType):
        return all(isinstance(getattr(each, "type", each), text) for each in info.types)
    return isinstance(info, text)


def _shaped(field: Field, value: Any) -> Any:
    """A value as its field wants it."""
    if field.mode == "REPEATED" and isinstance(value, Mapping):
        return [{"key": key, "value": one} for key, one in value.items()]
    if field.type == "STRING" and field.mode != "REPEATED":
        return value if isinstance(value, str) else _encode(value).decode()
    return msgspec.to_builtins(value)


def _plain(struct: msgspec.Struct, left_out: str) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(struct)
    del row[left_out]
    return row


def _wall_clock(ms: int, zone: tzinfo) -> int:
    local = (_EPOCH + ms * _MS).astimezone(zone)
    return (local.replace(tzinfo=UTC) - _EPOCH) // _MS


def _named(evidence: Mapping[str, Any], *names: str) -> str | None:
    return next((one for name in names if isinstance(one := evidence.get(name), str)), None)


def _people(evidence: Mapping[str, Any]) -> Iterator[str]:
    one, several = evidence.get("employee_id"), evidence.get("employee_ids")
    named = [one, *(several if isinstance(several, list) else [])]
    yield from dict.fromkeys(who for who in named if isinstance(who, str))


_columns_of: Final = {topic: _columns(topic) for topic in TOPICS}
_FIELDS: Final = {
    (topic, field.name): field for topic, table in STREAM_TABLES.items() for field in table.fields
}
