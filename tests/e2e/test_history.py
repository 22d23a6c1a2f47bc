"""History keeps what was committed through kills, gives alerts back as they were, goes out and in again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.history.folder import About, HistoryFolder
from guardian.adapters.embedded.history.keeper import Keeper
from guardian.adapters.embedded.history.log import HistoryLog
from guardian.adapters.embedded.history.past import alerts, moments
from guardian.adapters.embedded.history.reader import opened
from guardian.adapters.embedded.sqlite_store import MEMORY, SqliteStore
from guardian.adapters.history.tables import STREAM_TABLES
from guardian.alerts.model import Alert
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.events.topics import topic_for_file_stem
from guardian.runtime.composition import decoder_now, load_catalogue
from guardian.runtime.reproduce import BATCH, reproduce, same
from guardian.runtime.settings import Settings
from tests.e2e.conftest import ROOT, Guardian, command
from tests.e2e.kept_day import keep_day, worker_for
from tests.e2e.test_kill import events_committed

DEADLINE_S = 100.0
KILLS = 4


@pytest.fixture(scope="module")
def kept(day: Path, tmp_path_factory: pytest.TempPathFactory) -> HistoryFolder:
    folder = tmp_path_factory.mktemp("kept")
    return keep_day(day, folder / "history", folder / "guardian.db")


@pytest.fixture(scope="module")
def kept_warehouse(warehouse_day: Path, tmp_path_factory: pytest.TempPathFactory) -> HistoryFolder:
    folder = tmp_path_factory.mktemp("kept_warehouse")
    return keep_day(warehouse_day, folder / "history", folder / "guardian.db")


def lines_of(day: Path) -> dict[str, list[str]]:
    """The values of a recorded day, by stream, in no order."""
    found = {}
    for path in day.glob("*.jsonl"):
        topic = topic_for_file_stem(path.stem)
        assert topic is not None
        found[topic] = sorted(path.read_text().splitlines())
    return found


def raws(folder: HistoryFolder) -> dict[str, list[str]]:
    """Every value in history as often as it is there, by stream."""
    with opened(folder, [table.name for table in STREAM_TABLES.values()]) as db:
        found = {
            topic: sorted(row[0] for row in db.execute(f"SELECT raw FROM {table.name}").fetchall())
            for topic, table in STREAM_TABLES.items()
        }
    return {topic: values for topic, values in found.items() if values}


@contextmanager
def begun(run: list[str], log: Path, *, start_new_session: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """`guardian run` as a process, once it is at work."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            run, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=out, start_new_session=start_new_session
        ) as process,
    ):
        deadline = time.monotonic() + DEADLINE_S
        while b"running" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the run does not begin"
            time.sleep(0.02)
        yield process


@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_and_continued(day: Path, tmp_path: Path, seed: int) -> None:
    lines = lines_of(day)
    total = sum(map(len, lines.values()))
    chance = random.Random(seed)
    db, into = tmp_path / "guardian.db", tmp_path / "history"
    run = command("run", day, "--db", db, "--history", into)
    kills = 0
    for target in [*sorted(chance.randrange(1, total) for _ in range(KILLS)), total]:
        with begun(run, tmp_path / f"{target}.log") as process:
            deadline = time.monotonic() + DEADLINE_S
            while process.poll() is None and events_committed(db) < target:
                assert time.monotonic() < deadline, "the run does not go on"
                time.sleep(0.001)  # only paces the question
            if target == total:
                process.send_signal(signal.SIGTERM)
                assert process.wait(DEADLINE_S) == 0
            else:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
    assert kills == KILLS
    # Every committed event is there, none twice, byte for byte as it came.
    assert raws(HistoryFolder(into)) == lines


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_ended_at_the_terminal_what_was_found_is_there(day: Path, tmp_path: Path) -> None:
    """Ctrl-C goes to the keeper as well, and comes long before its next round is due."""
    db, into, log = tmp_path / "guardian.db", tmp_path / "history", tmp_path / "run.log"
    total = sum(map(len, lines_of(day).values()))
    with begun(command("run", day, "--db", db, "--history", into), log, start_new_session=True) as process:
        deadline = time.monotonic() + DEADLINE_S
        while events_committed(db) < total:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "the run does not go on"
            time.sleep(0.01)  # only paces the question
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
    store = SqliteStore(db)
    found = {stored.alert.alert_id for stored in store.alerts()}
    store.close()
    assert {alert.alert_id for alert in alerts(HistoryFolder(into))} == found != set()
    assert "Traceback" not in log.read_text()


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_its_keeper_killed(day: Path, tmp_path: Path) -> None:
    db, into = tmp_path / "guardian.db", tmp_path / "history"
    folder = keep_day(day, into, db)
    with opened(folder) as found:
        counted = found.execute(
            "SELECT name, sum(value) FROM system_metrics GROUP BY name ORDER BY name"
        ).fetchall()
    wanted = {alert.alert_id: alert for alert in alerts(folder)}
    # The same again from a log that has not been converted, by keepers that are killed at any moment.
    again = tmp_path / "again"
    run = command("run", day, "--db", tmp_path / "again.db", "--history", again)
    total = sum(map(len, lines_of(day).values()))
    with begun(run, tmp_path / "again.log") as process:
        deadline = time.monotonic() + DEADLINE_S
        while events_committed(tmp_path / "again.db") < total:
            assert time.monotonic() < deadline, "the run does not go on"
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    # A segment is converted once it is not the last.
    HistoryFolder(again).segment(10**9).touch()
    keep = [sys.executable, "-m", "guardian.adapters.embedded.history.keeper", str(again)]
    keep += ["--db", str(tmp_path / "again.db"), "--days", "90", "--every", "0.01"]
    chance = random.Random(5)
    for _ in range(6):
        with subprocess.Popen(keep, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0.6, 2.0))  # any moment will do
            process.kill()
    with subprocess.Popen(keep, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + DEADLINE_S
        while len(HistoryFolder(again).segments()) > 1 or not (again / "followed.json").exists():
            assert time.monotonic() < deadline, "the log is not converted"
            time.sleep(0.05)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0
    assert {alert.alert_id: alert for alert in alerts(HistoryFolder(again))}.keys() <= wanted.keys()
    with opened(HistoryFolder(again)) as found:
        sums = dict(
            found.execute(
                "SELECT name, sum(value) FROM (SELECT DISTINCT metric_id, name, value FROM system_metrics)"
                " WHERE name LIKE 'events.%' GROUP BY name"
            ).fetchall()
        )
    assert sums == {name: value for name, value in counted if name.startswith("events.")}
    with opened(HistoryFolder(again), [table.name for table in STREAM_TABLES.values()]) as found:
        for topic, table in STREAM_TABLES.items():
            values = found.execute(f"SELECT DISTINCT event_id, raw FROM {table.name}").fetchall()
            assert {raw for _, raw in values} == set(lines_of(day).get(topic, []))


@pytest.mark.e2e
@pytest.mark.parametrize("which", ["kept", "kept_warehouse"])
def test_every_alert_of_a_day_is_decided_again_as_it_was(
    request: pytest.FixtureRequest, which: str, day: Path, warehouse_day: Path
) -> None:
    folder: HistoryFolder = request.getfixturevalue(which)
    of = day if which == "kept" else warehouse_day
    store = SqliteStore(MEMORY)
    worker = worker_for(of, store)
    waiting: list[Event] = []
    for moment in moments(folder):
        assert isinstance(moment, Event)
        waiting.append(moment)
        if len(waiting) == BATCH:
            worker.process(Batch(waiting))
            waiting = []
    worker.process(Batch(waiting))
    worker.finish()
    again = {stored.alert.alert_id: stored.alert for stored in store.alerts()}
    store.close()
    there = list(alerts(folder))
    assert len(there) > 20
    assert again.keys() == {alert.alert_id for alert in there}
    assert all(same(again[alert.alert_id], alert) for alert in there)


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_one_alert_of_each_type_by_the_command(kept: HistoryFolder, day: Path, guardian: Guardian) -> None:
    catalogue = day / "products_list.csv"
    by_type = {alert.type: alert for alert in alerts(kept)}
    assert len(by_type) > 5
    for alert in by_type.values():
        done = guardian("replay", "--alert", alert.alert_id, "--history", kept.path, "--catalog", catalogue)
        told = json.loads(done.stdout)
        assert (told["alert_id"], told["evidence"]) == (alert.alert_id, alert.evidence)
    # Without the catalogue the engine knows less, and says that it is not the same.
    priced = next(alert for alert in by_type.values() if "price_difference" in alert.evidence)
    done = guardian("replay", "--alert", priced.alert_id, "--history", kept.path, check=False)
    assert done.returncode == 1
    done = guardian("replay", "--alert", "al_none", "--history", kept.path, check=False)
    assert done.returncode == 2
    assert "no alert 'al_none'" in done.stderr


@pytest.mark.e2e
@pytest.mark.parametrize("shape", ["parquet", "jsonl"])
def test_out_and_in_again(
    kept_warehouse: HistoryFolder, tmp_path: Path, guardian: Guardian, shape: str
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    guardian("history", "export", kept_warehouse.path, "--out", first, "--format", shape)
    guardian("history", "import", first, "--into", tmp_path / "other")
    guardian("history", "export", tmp_path / "other", "--out", second, "--format", shape)
    files = sorted(path.relative_to(first) for path in first.glob("*/*"))
    assert len(files) > 5
    assert files == sorted(path.relative_to(second) for path in second.glob("*/*"))
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    # What a producer has sent twice goes out once.
    brought, there = raws(HistoryFolder(tmp_path / "other")), raws(kept_warehouse)
    assert {topic: set(values) for topic, values in brought.items()} == {
        topic: set(values) for topic, values in there.items()
    }


@pytest.mark.e2e
def test_old_dates_go(kept: HistoryFolder, tmp_path: Path, day: Path) -> None:
    folder = keep_day(day, tmp_path / "history", tmp_path / "guardian.db")
    (newest,) = {name for name in folder.dates() if list(folder.data.glob(f"queue_monitor/{name}/*"))}
    old = folder.data / "queue_monitor" / "2024-01-01"
    old.mkdir()
    source = next((folder.data / "queue_monitor" / newest).glob("*.parquet"))
    (old / "s1.parquet").write_bytes(source.read_bytes())
    Keeper(folder, tmp_path / "guardian.db", 7).round()
    assert folder.dates() == [newest]


@pytest.mark.e2e
def test_reports_by_the_command(kept: HistoryFolder, guardian: Guardian) -> None:
    told = json.loads(
        guardian("report", "daily_loss_summary", "--history", kept.path, "--format", "json").stdout
    )
    counted = {row[2]: row[3] for row in told["rows"]}
    losses = [alert.type for alert in alerts(kept)]
    assert counted
    assert all(losses.count(type_) == number for type_, number in counted.items())
    text = guardian("report", "heat_map", "--history", kept.path, "--format", "csv").stdout
    assert text.splitlines()[0].startswith("since,until,site,weekday,hour")
    page = guardian("report", "detector_quality", "--history", kept.path, "--format", "html").stdout
    assert "<svg" in page
    assert "http" not in page.split("<body>")[1]
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    done = guardian("report", "nothing", "--history", kept.path, check=False)
    assert done.returncode == 2
    assert "no report 'nothing'" in done.stderr
    assert len(guardian("report", "--list").stdout.splitlines()) == 8


@pytest.mark.e2e
@pytest.mark.timeout(240)
def test_alerts_that_the_clock_has_decided_are_decided_again(
    day: Path, tmp_path: Path, guardian: Guardian
) -> None:
    """The feed falls silent in the middle of things and goes on later, so that without the silence some
    alerts would be others."""
    settings, folder = Settings(), HistoryFolder(tmp_path / "history")
    source = FileSource(find_recordings([day]), decoder_now(settings)[0])
    source.resume({})
    events: list[Event] = []
    while (batch := source.poll(10_000, 0.0)) is not None:
        events += batch.events
    source.close()
    store = SqliteStore(tmp_path / "guardian.db")
    worker = worker_for(day, store)
    log = HistoryLog(folder, About(settings.site, settings.zone), store.positions())
    by_clock: dict[str, Alert] = {}
    size = len(events) // 12
    for first in range(0, len(events), size):
        batch = Batch(events[first : first + size])
        log.before(batch)
        worker.process(batch)
        for silence_ms in (11_000, 40_000, 130_000):
            log.ticked(silence_ms)
            by_clock |= worker.tick(silence_ms).alerts
    worker.finish()
    log.close()
    store.close()
    Keeper(folder, tmp_path / "guardian.db", 90, load_catalogue(find_catalogue([day]))).round(whole=True)

    kept = {alert.alert_id: alert for alert in alerts(folder)}
    told = list(moments(folder))
    assert sum(isinstance(moment, int) for moment in told) == 3 * len(range(0, len(events), size))
    assert len(by_clock) > 3

    def again(of: list[Event | int], wanted: Alert) -> bool:
        memory = SqliteStore(MEMORY)
        try:
            found = reproduce(worker_for(day, memory), of, wanted)
            return found is not None and same(found, wanted)
        finally:
            memory.close()

    only_events = [moment for moment in told if isinstance(moment, Event)]
    others = 0
    for alert_id in sorted(by_clock)[:6]:
        assert again(told, kept[alert_id]), kept[alert_id]
        others += not again(list(only_events), kept[alert_id])
    assert others, "without the silences everything is the same, so nothing has been tested"
    one = kept[min(by_clock)]
    done = guardian(
        "replay", "--alert", one.alert_id, "--history", folder.path, "--catalog", day / "products_list.csv"
    )
    assert json.loads(done.stdout)["evidence"] == one.evidence
