"""The files that all engines read: simulated days, one record a line, `{"topic", "value"}`."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from benchmarks.throughput import BOTH, CATALOGUE, WAREHOUSE, simulated
from guardian.adapters.embedded.files import FileSource, find_recordings
from guardian.events.topics import (
    EMPLOYEE_ACTIVITY,
    INVENTORY_DIGITAL,
    INVENTORY_PHYSICAL,
    POS,
    QR_SCANS,
    RECOGNITION,
    RFID,
    SHIPPING,
)
from guardian.runtime.composition import decoder_now
from guardian.runtime.settings import Settings

NEARLY_EMPTY = 100
"""Records of the file that shows how long an engine takes to start."""

SPARE = 1.3
"""So many more records are simulated than are wanted: some are of topics that no join reads."""

BOOKS_AND_SHELVES = frozenset({INVENTORY_DIGITAL, INVENTORY_PHYSICAL, SHIPPING})
ALL_JOINED = BOOKS_AND_SHELVES | {EMPLOYEE_ACTIVITY, QR_SCANS, POS, RFID, RECOGNITION}


class Recording(msgspec.Struct, frozen=True):
    """The same records for every engine. half, few: files with the first half and the first few of `whole`;
    each lies in a folder of its own with the catalogue beside it. by_topic: how many records of each topic
    `whole` has."""

    whole: Path
    half: Path
    few: Path
    by_topic: dict[str, int]

    @property
    def events(self) -> int:
        """Records in the whole file."""
        return sum(self.by_topic.values())


def recording(topics: frozenset[str], events: int) -> Recording:
    """The first so many records of these topics of simulated days, made once.

    They are in the order in which a replay takes them.
    """
    of = WAREHOUSE if topics <= BOOKS_AND_SHELVES else BOTH
    recorded = simulated(of, int(events * SPARE))
    folder = recorded.with_name(f"joins-{of}-{events}")
    whole, half, few = (folder / part / "events.jsonl" for part in ("whole", "half", "few"))
    done = folder / "by_topic.json"
    if not done.exists():
        for path in (whole, half, few):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(recorded / CATALOGUE, path.parent / CATALOGUE)
        _write(recorded, few, topics, NEARLY_EMPTY)
        _write(recorded, half, topics, events // 2)
        by_topic = _write(recorded, whole, topics, events)
        if sum(by_topic.values()) < events:
            raise SystemExit(f"{recorded} has only {sum(by_topic.values()):,} records of {sorted(topics)}")
        done.write_bytes(msgspec.json.encode(by_topic))
    return Recording(whole, half, few, msgspec.json.decode(done.read_bytes(), type=dict[str, int]))


def _write(recorded: Path, path: Path, topics: frozenset[str], events: int) -> dict[str, int]:
    decoder, _ = decoder_now(Settings())
    source = FileSource(find_recordings([recorded]), decoder)
    by_topic = dict.fromkeys(sorted(topics), 0)
    left = events
    with path.open("wb") as out:
        while left and (batch := source.poll(10_000, 1.0)) is not None:
            if batch.rejected:
                raise SystemExit(f"{recorded}: {batch.rejected[0].reason}")
            for event in [event for event in batch.events if event.topic in topics][:left]:
                out.write(b'{"topic":"%s","value":%s}\n' % (event.topic.encode(), event.raw))
                by_topic[event.topic] += 1
                left -= 1
    source.close()
    return by_topic
