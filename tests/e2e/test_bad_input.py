"""Broken records of every kind among good ones: quarantined with a reason, and nothing else changes."""

from __future__ import annotations

import base64
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    QR_SCANS,
    SHIPPING,
    SOCIAL,
    TOPICS,
    topic_for_file_stem,
)
from tests.e2e.conftest import Guardian

LONG_AGO, FAR_AHEAD = "1970-01-01T00:00:05", "2199-01-01T00:00:00"


MISFITS: dict[str, list[dict[str, Any]]] = {
    QR_SCANS: [{"location": 7}, {"product_id": None}, {"action": "qr_eaten"}],
    INVENTORY_DIGITAL: [{"status": "lost"}, {"quantity": -1}, {"updated_by": []}],
    INVENTORY_PHYSICAL: [{"rfid_detected": "perhaps"}, {"quantity": 1.5}, {"sensor_id": ""}],
    EMPLOYEE_ACTIVITY: [{"employee_id": {}}, {"action": ""}, {"is_after_hours": "late"}],
    SHIPPING: [{"manifest": [{}]}, {"truck_id": None}, {"manifest": "all of it"}],
    SOCIAL: [{"sentiment": 3}, {"content": ""}, {"source": 1.5}],
}
"""Values that do not fit the contract, for the streams that are not `{"station_id", "data"}`."""


def broken(record: dict[str, Any], topic: str) -> list[bytes]:
    """Ways in which a good record of `topic` can be broken."""
    whole = json.dumps(record).encode()
    time_field = TOPICS[topic].time_field
    wrong = MISFITS.get(topic, [{"data": "none"}, {"data": [[]]}])
    own = [json.dumps({**record, **values}).encode() for values in wrong]
    named = f'"{time_field}"'.encode()
    return [
        whole[: len(whole) // 2],
        b"",  # replaced below: a blank line is nothing, not a bad record
        b"null",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe" + whole,
        whole.replace(b'"station_id"', b'"station"') if b"station_id" in whole else b"{}",
        *own,
        json.dumps({**record, time_field: True}).encode(),
        json.dumps({**record, time_field: "yesterday"}).encode(),
        json.dumps({**record, time_field: LONG_AGO}).encode(),
        json.dumps({**record, time_field: FAR_AHEAD}).encode(),
        json.dumps({**record, time_field: 1e300}).encode(),
        json.dumps({**record, time_field: None}).encode(),
        whole.replace(named, named + b': NaN, "was"'),
        whole[:-1] + b", " + named + b": 1e999}",
        b"[" * 200_000,
        b'{"a":' * 50_000,
        whole[:-1] + b', "pad": "' + b"x" * 10_000_000 + b'"}',
    ]


@pytest.mark.e2e
@pytest.mark.parametrize("fixture", ["day", "warehouse_day"])
def test_broken_records_among_good_ones(
    request: pytest.FixtureRequest, guardian: Guardian, tmp_path: Path, fixture: str
) -> None:
    day: Path = request.getfixturevalue(fixture)
    chance = random.Random(5)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for beside in (*day.glob("*.csv"), *day.glob("qr_keys.json")):
        shutil.copy(beside, mixed)
    wanted: list[bytes] = []
    for path in sorted(day.glob("*.jsonl")):
        topic = topic_for_file_stem(path.stem)
        assert topic is not None
        lines = path.read_bytes().splitlines()
        for bad in filter(None, broken(json.loads(chance.choice(lines)), topic)):
            lines.insert(chance.randrange(len(lines) + 1), bad)
            wanted.append(bad)
        lines.insert(0, b"")
        (mixed / path.name).write_bytes(b"\n".join(lines) + b"\n")

    guardian("replay", day, "--alerts", tmp_path / "clean.jsonl")
    guardian(
        "replay", mixed, "--alerts", tmp_path / "mixed.jsonl", "--quarantine", tmp_path / "quarantine.jsonl"
    )
    rows = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_bytes().splitlines()]
    kept = [row["raw"].encode() if "raw" in row else base64.b64decode(row["raw_base64"]) for row in rows]
    assert sorted(kept) == sorted(wanted)
    assert all(row["reason"] and row["topic"] and row["source"] and row["position"] for row in rows)
    assert (tmp_path / "mixed.jsonl").read_bytes() == (tmp_path / "clean.jsonl").read_bytes()


@pytest.mark.e2e
def test_records_of_every_stream(guardian: Guardian, tmp_path: Path) -> None:
    """A file of mixed records: good ones of all eleven streams, broken ones, unknown topics."""
    from tests.unit.events.rows import EXAMPLES

    good = [json.dumps({"topic": topic, "value": value}).encode() for topic, value in EXAMPLES.items()]
    bad = [
        json.dumps({"topic": topic, "value": json.loads(line)}).encode()
        for topic, value in EXAMPLES.items()
        for line in (json.dumps({**value, TOPICS[topic].time_field: LONG_AGO}), "{}", "3")
    ]
    bad += [b'{"topic": "nobody-reads-this", "value": {}}', b'{"value": {}}', b"{", b'{"topic": 3}']
    (tmp_path / "all.jsonl").write_bytes(b"\n".join([*good, *bad]))
    guardian(
        "replay", tmp_path / "all.jsonl", "--quarantine", tmp_path / "bad.jsonl", "--db", tmp_path / "x.db"
    )
    rows = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_bytes().splitlines()]
    assert len(rows) == len(bad)
    assert all(row["reason"] for row in rows)
