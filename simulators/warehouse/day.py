"""A simulated stretch of days: its records in order of arrival, and what is to be found in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from simulators.warehouse.articles import Article, products_csv
from simulators.warehouse.config import WarehouseConfig
from simulators.warehouse.records import TOPICS, LineWriter, Row

CATALOGUE_FILE = "products_list.csv"
KEYS_FILE = "qr_keys.json"
LEGACY_FILE = "qr_legacy_secret.txt"
EXPECTED_FILE = "expected.json"


class WarehouseDay(msgspec.Struct, eq=False):
    """What `simulate_warehouse` returns.

    streams: records by topic, in order of arrival. expected: what is written to expected.json: findings by
    kind, `tolerated` (alerts that are neither asked for nor held against), and `scenarios`. public_keys:
    those that verify the labels, as JSON. key_ring: those that sign them, with the same secret, as JSON; no
    recording carries it. legacy_secret: what verifies those of the older kind.
    clocks_ahead_ms: how far each device's clock was ahead of the truth.
    """

    config: WarehouseConfig
    seed: int
    articles: list[Article]
    streams: dict[str, list[Row]]
    expected: dict[str, list[dict[str, Any]]]
    public_keys: str
    key_ring: str
    legacy_secret: bytes
    clocks_ahead_ms: dict[str, int]

    @property
    def records(self) -> int:
        """How many records there are in all streams together, repeated ones included."""
        return sum(len(rows) for rows in self.streams.values())

    def lines(self, topic: str) -> Iterator[bytes]:
        """The records of a stream as JSON, in order of arrival, without line feeds."""
        line = LineWriter(topic, self._prefix).line
        return (line(row) for row in self.streams[topic])

    def merged(self) -> Iterator[tuple[int, str, bytes]]:
        """(ms of arrival, topic, JSON) of all records, by arrival."""
        rows = [(row.arrival, topic, row) for topic in TOPICS for row in self.streams[topic]]
        rows.sort(key=lambda entry: entry[0])
        lines = {topic: LineWriter(topic, self._prefix).line for topic in TOPICS}
        return ((arrival, topic, lines[topic](row)) for arrival, topic, row in rows)

    def catalogue_csv(self) -> str:
        """The product list: weights in grams."""
        return products_csv(self.articles)

    def write(self, out_dir: str | Path) -> None:
        """Writes a recording: one file a topic, the product list, the public keys, and expected.json.

        If it is to carry the secret of the older codes, that lies beside them in hexadecimal.
        """
        folder = Path(out_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for topic in TOPICS:
            with (folder / f"{topic}.jsonl").open("wb") as file:
                file.writelines(line + b"\n" for line in self.lines(topic))
        (folder / CATALOGUE_FILE).write_text(self.catalogue_csv(), encoding="utf-8")
        (folder / KEYS_FILE).write_text(self.public_keys, encoding="utf-8")
        if self.config.legacy_secret:
            (folder / LEGACY_FILE).write_bytes(self.legacy_secret + b"\n")
        text = json.dumps(self.expected, indent=1, ensure_ascii=False)
        (folder / EXPECTED_FILE).write_text(text + "\n", encoding="utf-8")

    @property
    def _prefix(self) -> str:
        """What event ids begin with: unlike those of another day or another seed."""
        return f"{self.config.starts}.{self.seed}"
