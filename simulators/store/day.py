"""A simulated day: its records in order of arrival, and what is to be found in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from simulators.store.catalogue import Product
from simulators.store.config import StoreConfig
from simulators.store.records import Count, LineWriter, Row

STREAMS = (
    "pos_transactions",
    "rfid_readings",
    "queue_monitoring",
    "product_recognition",
    "inventory_snapshots",
)
"""Names of the streams, which are those of their files without the suffix."""

CATALOGUE_FILE = "products_list.csv"
EXPECTED_FILE = "expected.json"


class StoreDay(msgspec.Struct, eq=False):
    """What `simulate_store` returns.

    streams: records by stream, in order of arrival. expected: findings by kind, as written to expected.json.
    clocks_ahead_ms: how far each device's clock was ahead of the truth; names are "STATION/pos", "/rfid",
    "/camera", "/queue", and "stock".
    """

    config: StoreConfig
    seed: int
    products: list[Product]
    streams: dict[str, Sequence[Row[Any] | Count]]
    expected: dict[str, list[dict[str, Any]]]
    clocks_ahead_ms: dict[str, int]

    @property
    def records(self) -> int:
        """How many records there are in all streams together, resent ones included."""
        return sum(len(rows) for rows in self.streams.values())

    def lines(self, stream: str) -> Iterator[bytes]:
        """The records of a stream as JSON, in order of arrival, without line feeds."""
        line = LineWriter().line
        return (line(row) for row in self.streams[stream])

    def merged(self) -> Iterator[tuple[int, str, bytes]]:
        """(time in ms of the device's clock, stream, JSON) of all records, by time."""
        rows = [(row.time, stream, row) for stream in STREAMS for row in self.streams[stream]]
        rows.sort(key=lambda entry: entry[0])
        line = LineWriter().line
        return ((time, stream, line(row)) for time, stream, row in rows)

    def catalogue_csv(self) -> str:
        """The product list. It begins with an empty line, as the checkout software exports it."""
        text = io.StringIO()
        text.write("\n")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(("SKU", "product_name", "quantity", "EPC_range", "barcode", "weight", "price"))
        for product in self.products:
            serials = f"{product.epc(0)}-{product.epc(product.quantity - 1)}"
            row = (product.sku, product.name, product.quantity, serials, product.barcode)
            table.writerow((*row, f"{product.weight_g:g}", f"{product.price:g}"))
        return text.getvalue()

    def write(self, out_dir: str | Path) -> None:
        """Writes a recording: one file a stream, the product list, and expected.json."""
        folder = Path(out_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for stream in STREAMS:
            with (folder / f"{stream}.jsonl").open("wb") as file:
                file.writelines(line + b"\n" for line in self.lines(stream))
        (folder / CATALOGUE_FILE).write_text(self.catalogue_csv(), encoding="utf-8")
        text = json.dumps(self.expected, indent=1, ensure_ascii=False)
        (folder / EXPECTED_FILE).write_text(text + "\n", encoding="utf-8")
