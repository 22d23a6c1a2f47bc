"""Runs the statements of infra/flink over one file as one job: in Flink's SQL client, cluster and all.

The records of all topics are in one file, so there is one source with one watermark, and a table for each
topic is a view of it. Read as a file each, the sources would run apart: nothing aligns their watermarks, and
Flink keeps whatever has run ahead.

Times are read by Flink's JSON format, which is fastest. It takes one of the ways in which times may be
written, the one that simulated days use; infra/flink takes the others, too, by an expression.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.joins.process_tree import Taken, measured
from guardian.events.topics import SHIPPING
from infra.flink.generate import FINDINGS, INPUTS, LATENESS_S, SINKS
from stack import maven
from tests.flink.mapping import Episode, of_flink
from tests.servers import flink

STATEMENTS = tuple(
    Path("infra/flink") / f"{name}.sql"
    for name in (
        "after_hours_qr_manipulation",
        "inventory_mismatch",
        "mass_shipment_fraud",
        "rfid_without_sale",
        "shipped_but_present",
    )
)
"""Not inventory_by_location.sql: it finds nothing, and our engine is not asked for stock levels either."""

HEAP_MB = 2_048
"""Of the whole process. A Java process takes most of what it may have."""

_TIME_FIELDS = ("timestamp", "updated_at", "departure_time")

_SETTINGS = """\
SET 'execution.runtime-mode' = 'streaming';
SET 'table.dml-sync' = 'true';
SET 'table.local-time-zone' = 'UTC';
SET 'parallelism.default' = '{parallelism}';
"""


def install() -> None:
    """Fetches Flink's jars if they are not there. Raises SystemExit on a machine that cannot run it."""
    if (lack := maven.missing()) is not None:
        raise SystemExit(f"no Flink: {lack}")
    flink.classpath()


def version() -> str:
    """The version installed."""
    found = ET.parse(flink.POM).find(".//{*}flink.version")
    return "?" if found is None or found.text is None else found.text


def with_parallelism(parallelism: int) -> Callable[[Path, Path], tuple[Taken, list[Episode]]]:
    """What runs the statements so many tasks wide."""

    def run(events: Path, work: Path) -> tuple[Taken, list[Episode]]:
        command, environment = flink.command(work, script(events, work / "out", parallelism), HEAP_MB)
        command[command.index("-XX:+UseSerialGC")] = "-XX:+UseParallelGC"  # made for throughput
        log = work / "flink.txt"
        taken = measured(command, log, env=environment)
        written = log.read_text("utf-8", "replace")
        if "[ERROR]" in written:
            raise SystemExit(written[-3000:])
        return taken, of_flink(_rows(work / "out" / FINDINGS))

    return run


def script(events: Path, out: Path, parallelism: int) -> str:
    """Everything the SQL client has to be told."""
    statements = [path.read_text("utf-8") for path in STATEMENTS]
    return "\n".join(
        [
            _SETTINGS.format(parallelism=parallelism),
            _source(events),
            *(_view(topic) for topic in INPUTS),
            _sink(FINDINGS, out),
            "EXECUTE STATEMENT SET BEGIN",
            *statements,
            "END;",
        ]
    )


def _source(events: Path) -> str:
    """The file as a table: of each record the topic, and all that any statement reads of its value."""
    columns: dict[str, list[str]] = {}
    for of_topic in INPUTS.values():
        for name, type_ in of_topic.items():
            kept = columns.setdefault(name, [])
            # What is called `data` is another row in each topic.
            fields = type_.removeprefix("ROW<").removesuffix(">").split(", ")
            kept += [field for field in fields if field not in kept]
    columns.update({name: ["TIMESTAMP(3)"] for name in _TIME_FIELDS})
    row = ", ".join(
        f"`{name}` ROW<{', '.join(kept)}>" if name == "data" else f"`{name}` {kept[0]}"
        for name, kept in columns.items()
    )
    times = ", ".join(f"`value`.`{name}`" for name in _TIME_FIELDS)
    return f"""\
CREATE TABLE events (
  topic STRING,
  `value` ROW<{row}>,
  event_time AS CAST(COALESCE({times}) AS TIMESTAMP_LTZ(3)),
  WATERMARK FOR event_time AS event_time - INTERVAL '{LATENESS_S}' SECOND
) WITH (
  'connector' = 'filesystem', 'path' = '{events}',
  'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'
);
"""


def _view(topic: str) -> str:
    columns = [f"`value`.`{name}` AS `{name}`" for name in INPUTS[topic]]
    if topic == SHIPPING:
        columns.append("COALESCE(`value`.manifest, '[]') AS goods")
    selected = ", ".join([*columns, "event_time"])
    return f"CREATE VIEW `{topic}` AS SELECT {selected} FROM events WHERE topic = '{topic}';\n"


def _sink(topic: str, out: Path) -> str:
    columns = ", ".join(f"`{name}` {type_}" for name, type_ in SINKS[topic].items())
    return (
        f"CREATE TABLE `{topic}` ({columns}) "
        f"WITH ('connector' = 'filesystem', 'path' = '{out / topic}', 'format' = 'json');\n"
    )


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [
        msgspec.json.decode(line, type=dict[str, Any])
        for path in sorted(folder.glob("part-*"))
        for line in path.read_bytes().splitlines()
    ]
