"""Detectors split over parts, with alerts carried from one to the other: the findings of one engine.

Real days, real parts, and alerts as they are published. Each is carried over twice, in any order within some
minutes, and may arrive before its events have.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.google.pubsub_message import Message
from guardian.alerts.model import Alert
from guardian.detectors.parts import PARTS, Part, topics_of
from guardian.engine.plan import Batch, Plan
from guardian.events.decode import Decoder
from guardian.events.model import Event
from guardian.events.topics import FRAUD_ALERTS, INVENTORY_PHYSICAL
from guardian.ports import outbox_id
from guardian.runtime.alert_message import alert_message
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.grouping import GroupLimits
from guardian.runtime.settings import Settings
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse

SITE = Settings()
EARLY_MS, LATE_MS = -20_000, 120_000
"""How much earlier or later than the events it was decided on a part may be told of an alert, event time."""

SCENARIOS = ("cloned_labels", "tampered_labels", "swapped_goods", "relabelling")
MOST_RECORDS = GroupLimits().most_records

A_DAY = settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Each example plays thousands of events: a failure is told as it is, not made smaller."""

Finding = tuple[str, str, str, str]


class Day:
    """A simulated day in order of arrival, and what one engine finds in it and keeps of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        source = FileSource(find_recordings([folder]), decoder_now(SITE)[0])
        while (batch := source.poll(10_000, 1.0)) is not None:
            # Shelves concern the correlator alone, and most of a warehouse's records are theirs.
            self.events += [event for event in batch.events if event.topic != INVENTORY_PHYSICAL]
        source.close()
        whole = Run(folder, None).play(self.events, [])
        self.found, self.rows = whole.findings(), whole.rows
        self.own = [one for one in whole.told if one[1].type in PARTS[Part.CORRELATOR]]


class Run:
    """One engine over some events, and all it has committed."""

    def __init__(self, folder: Path, part: Part | None) -> None:
        catalogue = load_catalogue(find_catalogue([folder]))
        self._store = SqliteStore(MEMORY, durable=False)
        self._worker = Worker(build_engine(SITE, catalogue, site_codes(SITE, [folder]), part), self._store)
        self.alerts: dict[str, Alert] = {}
        self.rows: dict[tuple[str, str], Any] = {}
        self.told: list[tuple[int, Alert]] = []
        """Every content of every alert, and the time of the event after which it was committed."""

    def play(self, events: Sequence[Event], cuts: Sequence[int]) -> Run:
        for begin, end in pairwise([0, *sorted(cuts), len(events)]):
            plan = self._worker.process(Batch(list(events[begin:end])))
            self._take(plan, events[end - 1].time)
        self._take(self._worker.finish(), events[-1].time)
        self._store.close()
        return self

    def _take(self, plan: Plan, time: int) -> None:
        assert not plan.failures
        for alert in plan.alerts.values():
            content = msgspec.json.decode(msgspec.json.encode(alert), type=Alert)
            self.alerts[alert.alert_id] = content
            self.told.append((time, content))
        for row in plan.history:
            self.rows[row.kind, row.id] = msgspec.to_builtins(row.row)

    def findings(self) -> Counter[Finding]:
        return Counter(
            (alert.type, alert.subject.id, str(alert.severity), str(alert.status))
            for alert in self.alerts.values()
        )


@pytest.fixture(scope="module", params=["store", "warehouse"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "store":
        simulate_store(StoreConfig(hours=1.0, shrinkage=8.0), seed=5).write(folder)
        crossing = {"WEIGHT_DISCREPANCY", "READ_ERRORS", "SYSTEM_CRASH", "LONG_QUEUE", "LONG_WAIT"}
        fed = {"STAFFING_NEED", "CHECKOUT_STATION_ACTION"}
    else:
        simulate_warehouse(
            WarehouseConfig(products=50, sensor_every_s=100.0, scenarios=SCENARIOS), seed=5
        ).write(folder)
        crossing, fed = {"QR_CODE_TAMPERING", "QR_CODE_CLONED", "QR_LOCATION_MISMATCH"}, set()
    found = Day(folder)
    assert crossing | fed <= {finding[0] for finding in found.found}
    return found


def carried(
    told: Sequence[tuple[int, Alert]], decoder: Decoder, chance: random.Random
) -> list[tuple[int, Event]]:
    """The alerts as another part is told of them, each twice, and when."""
    events = []
    for time, alert in told:
        data, attributes = alert_message(outbox_id(alert.alert_id, msgspec.json.encode(alert)), alert, UTC)
        for _ in range(2):
            message = Message(data=data, attributes=attributes, message_id="m", topic=FRAUD_ALERTS)
            event = message.event(decoder)
            assert isinstance(event, Event)
            events.append((time + chance.randint(EARLY_MS, LATE_MS), event))
    return events


def split(day: Day, seed: int) -> dict[Part, Run]:
    """The day played by its parts, in pieces; the correlator is told of all alerts, its own included."""
    chance = random.Random(seed)
    decoder, _ = decoder_now(SITE)

    def play(part: Part, events: list[Event]) -> Run:
        cuts = list(range(0, len(events), MOST_RECORDS))[1:]
        cuts += [chance.randint(1, len(events) - 1) for _ in range(chance.randint(0, 60))]
        return Run(day.folder, part).play(events, cuts)

    runs = {}
    for part in (Part.QR_VERIFICATION, Part.EVENT_CHECKS):
        events = [event for event in day.events if event.topic in topics_of(part)]
        if events:
            runs[part] = play(part, events)
    told = [one for run in runs.values() for one in run.told]
    told += day.own
    arrivals = [(event.time, event) for event in day.events]
    # Events stay in their order of arrival; a stable sort by the time reached so far puts alerts between.
    reached = 0
    for number, (time, event) in enumerate(arrivals):
        reached = max(reached, time)
        arrivals[number] = reached, event
    mixed = sorted([*arrivals, *carried(told, decoder, chance)], key=lambda one: one[0])
    runs[Part.CORRELATOR] = play(Part.CORRELATOR, [event for _, event in mixed])
    return runs


@A_DAY
@given(seed=st.integers(0, 2**32))
def test_the_findings_are_those_of_one_engine(day: Day, seed: int) -> None:
    found: Counter[Finding] = Counter()
    for run in split(day, seed).values():
        found += run.findings()
    assert found == day.found


@A_DAY
@given(seed=st.integers(0, 2**32))
def test_what_is_kept_is_complete(day: Day, seed: int) -> None:
    """Sessions with the alerts about them, and scores with all that speaks for them."""
    rows = split(day, seed)[Part.CORRELATOR].rows
    assert rows.keys() >= day.rows.keys() - {key for key in day.rows if key[0] == "codes"}
    for key, row in rows.items():
        if key[0] == "checkout-sessions":
            assert sorted(row["alerts"]) == sorted(day.rows[key]["alerts"]), key
        elif key[0] == "threat-scores":
            assert abs(row["score"] - day.rows[key]["score"]) <= 0.1, key
            assert {one["ref"] for one in row["factors"]} == {one["ref"] for one in day.rows[key]["factors"]}
