"""What history holds, as the engine had it: alerts, and the events in the order they were decided on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from guardian.adapters.embedded.history.folder import HistoryFolder
from guardian.adapters.embedded.history.log import EventReader
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.history.rows import TICK
from guardian.adapters.history.tables import ALERTS, METRICS, STREAM_TABLES
from guardian.alerts.model import Alert
from guardian.events.model import Event

PAGE: Final = 10_000
TIMES: Final = ("event_time", "started_at", "ended_at", "detected_at")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def alerts(folder: HistoryFolder, alert_id: str | None = None) -> Iterator[Alert]:
    """Every alert, or one, in its latest state, by event time and id. Raises HistoryError."""
    fields = ", ".join(Alert.__struct_fields__)
    # S608: names of ours.
    sql = f"""SELECT {fields} FROM {ALERTS} WHERE $id IS NULL OR alert_id = $id
        QUALIFY row_number() OVER (PARTITION BY site, alert_id ORDER BY revision DESC) = 1
        ORDER BY event_time, alert_id"""  # noqa: S608
    with opened(folder, [ALERTS]) as db:
        for row in db.sql(sql, params={"id": alert_id}).to_arrow_table().to_pylist():
            for name in TIMES:
                row[name] = (row[name] - _EPOCH) // _MS
            row["evidence"] = msgspec.json.decode(row["evidence"])
            yield msgspec.convert(row, Alert)


def moments(folder: HistoryFolder, since: date | None = None) -> Iterator[Event | int]:
    """Events, and the silences (ms) after which the clock moved the watermark on, in order.

    since: from this date of event time on. Raises HistoryError.
    """
    reader = EventReader(folder.about().zone)
    with opened(folder, [METRICS, *(table.name for table in STREAM_TABLES.values())], since) as db:
        found = db.execute(_in_order())
        while page := found.fetchmany(PAGE):
            yield from filter(None, (_moment(reader, row) for row in page))


def _moment(reader: EventReader, row: tuple[Any, ...]) -> Event | int | None:
    _, topic, time, event_id, source, position, raw = row
    if topic == TICK:
        return int(position)
    # A record without an id of its own is named by its place.
    identity = None if event_id == f"{source}:{position}" else event_id
    return reader.event(topic, time, identity, source, position, raw.encode())


def _in_order() -> str:
    # S608: names of ours.
    streams = [
        f"""SELECT seq, '{topic}' AS topic, epoch_ms(event_time) AS time,
            event_id, read_from, read_position, raw
        FROM {table.name} QUALIFY row_number() OVER (PARTITION BY site, seq) = 1"""  # noqa: S608
        for topic, table in STREAM_TABLES.items()
    ]
    ticks = f"""SELECT CAST(metric_id[{len(TICK) + 2}:] AS BIGINT), '{TICK}', 0, '', '', value, ''
        FROM {METRICS} WHERE name = '{TICK}'
        QUALIFY row_number() OVER (PARTITION BY site, metric_id) = 1"""  # noqa: S608
    return " UNION ALL ".join([*streams, ticks]) + " ORDER BY seq"
