"""What the checkouts of a recording reported: tests/flink/mapping.py has to know to compare what they did."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec

from guardian.events.topics import POS, RFID
from tests.flink.mapping import Checkouts


class _Item(msgspec.Struct):
    sku: str | None = None


class _Value(msgspec.Struct):
    event_id: str
    station_id: str
    timestamp: datetime
    data: _Item | None = None


class _Record(msgspec.Struct):
    topic: str
    value: msgspec.Raw


@lru_cache(maxsize=4)
def checkouts(events: Path) -> Checkouts:
    """All reads and sales of a recording."""
    record, value = msgspec.json.Decoder(_Record), msgspec.json.Decoder(_Value)
    found = Checkouts({}, {})
    with events.open("rb") as lines:
        for line in lines:
            of = record.decode(line)
            if of.topic not in (POS, RFID):
                continue
            one = value.decode(of.value)
            if one.data is None or one.data.sku is None:
                continue
            time = round(one.timestamp.replace(tzinfo=one.timestamp.tzinfo or UTC).timestamp() * 1000)
            if of.topic == POS:
                found.sales.setdefault((one.station_id, one.data.sku), []).append(time)
            else:
                found.reads[one.event_id] = time
    return found
