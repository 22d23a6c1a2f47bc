"""Writes the tables that the Flink statements read and write.

    python -m infra.flink.generate [--check]

On Confluent Cloud the tables of the input topics come from their schemas; what is added to them is when an
event happened, and how late it may be (tables/times, tables/watermarks; a statement can do only one of the
two). The tables of what the statements find make topics of their own (tables/sinks). Elsewhere all of it is
made at once (local/tables.sql). --check writes nothing, and fails if a file is not what it should be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    POS,
    QR_SCANS,
    RFID,
    SHIPPING,
    TOPICS,
)

HERE: Final = Path(__file__).parent
LATENESS_S: Final = 5
FINDINGS: Final = "flink-findings"
INVENTORY_VIEW: Final = "flink-inventory-by-location"

INPUTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        INVENTORY_DIGITAL: {
            "product_id": "STRING",
            "status": "STRING",
            "quantity": "INT",
            "location": "STRING",
            "updated_at": "STRING",
            "shipment_id": "STRING",
            "event_id": "STRING",
        },
        INVENTORY_PHYSICAL: {
            "product_id": "STRING",
            "location": "STRING",
            "quantity": "INT",
            "rfid_detected": "BOOLEAN",
            "timestamp": "STRING",
            "event_id": "STRING",
        },
        EMPLOYEE_ACTIVITY: {
            "employee_id": "STRING",
            "action": "STRING",
            "timestamp": "STRING",
            "is_after_hours": "BOOLEAN",
            "event_id": "STRING",
        },
        QR_SCANS: {
            "action": "STRING",
            "generated_by": "STRING",
            "timestamp": "STRING",
            "event_id": "STRING",
        },
        SHIPPING: {
            "shipment_id": "STRING",
            "departure_time": "STRING",
            "manifest": "STRING",
        },
        RFID: {
            "station_id": "STRING",
            "timestamp": "STRING",
            "data": "ROW<epc STRING, sku STRING, location STRING>",
        },
        POS: {
            "station_id": "STRING",
            "timestamp": "STRING",
            "data": "ROW<sku STRING>",
        },
    }
)
"""Of each stream the columns that a statement reads, by name, with their types outside Confluent Cloud.

A STRING takes any JSON there: a number's digits, the text of a list.
"""

SINKS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        FINDINGS: {
            "type": "STRING",
            "subject": "STRING",
            "location": "STRING",
            "started_at": "TIMESTAMP_LTZ(3)",
            "ended_at": "TIMESTAMP_LTZ(3)",
            "number": "BIGINT",
        },
        INVENTORY_VIEW: {
            "location": "STRING",
            "window_start": "TIMESTAMP_LTZ(3)",
            "window_end": "TIMESTAMP_LTZ(3)",
            "articles": "BIGINT",
            "units": "BIGINT",
        },
    }
)

_MOMENT: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?"
_ZONE: Final = "([+-])([0-9]{2}):?([0-9]{2})?$"
_WRITTEN: Final = (
    "TRY_CAST(REPLACE(REGEXP_EXTRACT({text}, '^.{{19}}([.][0-9]{{1,3}})?', 0), 'T', ' ') AS TIMESTAMP(3))"
)
_TIME: Final = """\
COALESCE(
    CASE
      WHEN REGEXP({text}, '^{moment}$') THEN CAST({written} AS TIMESTAMP_LTZ(3))
      WHEN REGEXP({text}, '^{moment}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$') THEN TO_TIMESTAMP_LTZ(
        60000 * CAST(TIMESTAMPDIFF(MINUTE, TIMESTAMP '1970-01-01 00:00:00', {written}) AS BIGINT)
        + 1000 * EXTRACT(SECOND FROM {written})
        + EXTRACT(MILLISECOND FROM {written})
        - IF(REGEXP_EXTRACT({text}, '{zone}', 1) = '-', -60000, 60000) * (
          60 * COALESCE(TRY_CAST(REGEXP_EXTRACT({text}, '{zone}', 2) AS INT), 0)
          + COALESCE(TRY_CAST(REGEXP_EXTRACT({text}, '{zone}', 3) AS INT), 0)
        ),
        3
      )
      WHEN REGEXP({text}, '^[0-9]+$') THEN TO_TIMESTAMP_LTZ(TRY_CAST({text} AS BIGINT), 3)
    END,
    TO_TIMESTAMP_LTZ(0, 3)
  )"""


LOCAL_BROKER: Final = "127.0.0.1:9092"


def generated() -> dict[str, str]:
    """What every generated file should hold, by its path below this folder."""
    files = {"local/tables.sql": _LOCAL + table_definitions(_local_options)}
    for topic in INPUTS:
        time = f"event_time AS {event_time(TOPICS[topic].time_field)}"
        files[f"tables/times/{topic}.sql"] = f"ALTER TABLE `{topic}` ADD ({time});\n"
        files[f"tables/watermarks/{topic}.sql"] = (
            f"ALTER TABLE `{topic}`\n  MODIFY WATERMARK FOR event_time AS {_WATERMARK};\n"
        )
    # The manifest is a list there; the statements look an article up in its text, whatever a line of it is.
    files["tables/times/shipping-logistics-goods.sql"] = (
        f"ALTER TABLE `{SHIPPING}` ADD (goods AS COALESCE(JSON_STRING(manifest), '[]'));\n"
    )
    for topic, columns in SINKS.items():
        body = ",\n  ".join(f"`{name}` {of}" for name, of in columns.items())
        files[f"tables/sinks/{topic}.sql"] = (
            f"CREATE TABLE IF NOT EXISTS `{topic}` (\n  {body}\n) WITH (\n"
            "  'changelog.mode' = 'append',\n  'value.format' = 'json-registry'\n);\n"
        )
    return {path: _HEADER + text for path, text in files.items()}


_HEADER: Final = "-- Made by `python -m infra.flink.generate`.\n"
_LOCAL: Final = """\
-- Tables for a Flink of one's own beside the broker of docs/stack.md:
--   sql-client.sh -i infra/flink/local/tables.sql -f infra/flink/mass_shipment_fraud.sql
SET 'table.local-time-zone' = 'UTC';
"""
_WATERMARK: Final = f"event_time - INTERVAL '{LATENESS_S}' SECOND"


def _local_options(topic: str) -> dict[str, str]:
    given = {
        "connector": "kafka",
        "topic": topic,
        "properties.bootstrap.servers": LOCAL_BROKER,
        "format": "json",
        "json.timestamp-format.standard": "ISO-8601",
    }
    return {**given, "scan.startup.mode": "earliest-offset"} if topic in INPUTS else given


def event_time(column: str) -> str:
    """The expression that reads a column of times: ISO-8601 with or without zone, or epoch milliseconds.

    A time that names no zone is in that of the session, which has to be the site's. One that cannot be read
    is 1970: its event comes too late for anything, and holds nothing up.
    """
    text = f"`{column}`"
    return _TIME.format(text=text, moment=_MOMENT, zone=_ZONE, written=_WRITTEN.format(text=text))


def table_definitions(options: Callable[[str], Mapping[str, str]]) -> str:
    """CREATE TABLE for everything that the statements read and write, where nothing comes from schemas.

    options: by the name of a topic, what its table is WITH (connector, format, …).
    """
    made = []
    for topic, columns in INPUTS.items():
        lines = [f"`{name}` {of}" for name, of in columns.items()]
        if topic == SHIPPING:
            lines.append("goods AS COALESCE(manifest, '[]')")
        lines.append(f"event_time AS {event_time(TOPICS[topic].time_field)}")
        lines.append(f"WATERMARK FOR event_time AS {_WATERMARK}")
        made.append(_create(topic, lines, options(topic)))
    for topic, columns in SINKS.items():
        made.append(_create(topic, [f"`{name}` {of}" for name, of in columns.items()], options(topic)))
    return "\n".join(made)


def _create(topic: str, lines: list[str], options: Mapping[str, str]) -> str:
    body = ",\n  ".join(lines)
    given = ",\n  ".join(f"'{name}' = '{value}'" for name, value in options.items())
    return f"CREATE TABLE `{topic}` (\n  {body}\n) WITH (\n  {given}\n);\n"


def main() -> int:
    check = "--check" in sys.argv[1:]
    stale = []
    wanted = generated()
    for path, text in wanted.items():
        file = HERE / path
        if check:
            if not file.is_file() or file.read_text("utf-8") != text:
                stale.append(path)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
    kept = {str(file.relative_to(HERE)) for file in (HERE / "tables").rglob("*.sql")}
    for path in sorted(kept - set(wanted)):
        stale.append(path)
        if not check:
            (HERE / path).unlink()
    if check and stale:
        print(f"not as generated: {', '.join(sorted(stale))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
