"""A whole day of a store and of a warehouse, cut up, doubled and shuffled: the alerts stay what they are."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.alerts.render import alert_line
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker

SETTINGS = Settings()
A_DAY = settings(
    max_examples=12, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
"""Each example plays ten thousand events: a failure is told as it is, not made smaller."""


class Recorded(NamedTuple):
    """A day's events in the order in which they are replayed, where they lie, and what they must show."""

    events: list[Event]
    folder: Path
    kinds: int


@pytest.fixture(scope="module", params=["store", "warehouse"])
def recorded(request: pytest.FixtureRequest, day: Path, warehouse_day: Path) -> Recorded:
    folder, kinds = (day, 9) if request.param == "store" else (warehouse_day, 8)
    source = FileSource(find_recordings([folder]), decoder_now(SETTINGS)[0])
    events: list[Event] = []
    while (batch := source.poll(10_000, 1.0)) is not None:
        assert not batch.rejected
        events += batch.events
    source.close()
    return Recorded(events, folder, kinds)


def play(recorded: Recorded, events: list[Event], cuts: list[int]) -> tuple[bytes, dict[str, int]]:
    """All alerts as they are written to a file, and the counters."""
    store = SqliteStore(":memory:")
    catalogue = load_catalogue(find_catalogue([recorded.folder]))
    engine = build_engine(SETTINGS, catalogue, site_codes(SETTINGS, [recorded.folder]))
    worker = Worker(engine, store)
    places = [0, *sorted(cuts), len(events)]
    for begin, end in pairwise(places):
        worker.process(Batch(events[begin:end]))
    worker.finish()
    alerts = b"".join(alert_line(stored.alert, UTC) for stored in store.alerts())
    counters = store.counters()
    store.close()
    return alerts, counters


def findings(alerts: bytes) -> Counter[tuple[str, str, str, str]]:
    """Type, subject, severity and final status of every alert."""
    return Counter(
        (alert["type"], alert["subject"]["id"], alert["severity"], alert["status"])
        for alert in map(msgspec.json.decode, alerts.splitlines())
    )


@pytest.fixture(scope="module")
def in_one_piece(recorded: Recorded) -> bytes:
    """The alerts of the undisturbed day."""
    alerts, counters = play(recorded, recorded.events, [])
    assert len({alert[0] for alert in findings(alerts)}) >= recorded.kinds, (
        "the day is to have something of every kind"
    )
    assert counters.get("late", 0) == 0
    return alerts


@A_DAY
@given(seed=st.integers(0, 2**32), number=st.integers(1, 300))
def test_in_pieces(recorded: Recorded, in_one_piece: bytes, seed: int, number: int) -> None:
    chance = random.Random(seed)
    cuts = [chance.randint(0, len(recorded.events)) for _ in range(number)]
    assert play(recorded, recorded.events, cuts)[0] == in_one_piece


@A_DAY
@given(seed=st.integers(0, 2**32))
def test_every_event_doubled(recorded: Recorded, in_one_piece: bytes, seed: int) -> None:
    """Each event comes again, up to 200 events later."""
    events = recorded.events
    chance = random.Random(seed)
    again = sorted(
        [*enumerate(events), *((n + chance.randint(0, 200) + 0.5, event) for n, event in enumerate(events))],
        key=lambda placed: placed[0],
    )
    cuts = [chance.randint(0, 2 * len(events)) for _ in range(50)]
    assert play(recorded, [event for _, event in again], cuts)[0] == in_one_piece


@A_DAY
@given(seed=st.integers(0, 2**32))
def test_shuffled_within_the_allowed_lateness(recorded: Recorded, in_one_piece: bytes, seed: int) -> None:
    """Every event is delayed by up to the allowed lateness, each by its own time."""
    events = recorded.events
    chance = random.Random(seed)
    shuffled = sorted(events, key=lambda event: event.time + chance.uniform(0, SETTINGS.lateness_ms - 1))
    alerts, counters = play(recorded, shuffled, [])
    assert counters.get("late", 0) == 0
    assert findings(alerts) == findings(in_one_piece)
