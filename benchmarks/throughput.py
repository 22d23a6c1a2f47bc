"""Measures the whole path: bytes on disk → decoded → every detector → committed to SQLite.

python -m benchmarks.throughput [--records 1000000] [--of both] [--latency-seconds 20]

1. Throughput: `guardian replay` of simulated days of a store and of a warehouse, half the records each, into
   a durable database, as its own process; beside a plain Python loop, in turn (json.loads and
   datetime.fromisoformat for every line, nothing else).
2. Latency: events handed in at a fixed rate through the in-process queue; from hand-in to commit.
3. Where the time goes: each detector's share of it, with all the others running.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.memory_queue import MemoryQueue
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.engine.engine import Engine
from guardian.events.topics import TOPICS
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue, site_codes
from guardian.runtime.replay import BATCH
from guardian.runtime.settings import Settings
from guardian.runtime.state_cache import StateCache
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store
from simulators.warehouse import WarehouseConfig, simulate_warehouse

DATA = Path("build/bench")

TIME_FIELDS = ("timestamp", *sorted({topic.time_field for topic in TOPICS.values()} - {"timestamp"}))


STORE, WAREHOUSE, BOTH = "store", "warehouse", "both"

CATALOGUE = "products_list.csv"


def simulated(of: str, records: int) -> Path:
    """A folder with simulated days of at least so many records; made once."""
    folder = DATA / f"{of}-{records}"
    done = folder / "made"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"simulating {records:,} records of {of} …", flush=True)
        share = -(-records // 2) if of == BOTH else records
        rows: list[str] = []
        if of != STORE:
            simulate_warehouse(WarehouseConfig.for_volume(share), 1).write(folder)
            rows += catalogue_rows(folder)
        if of != WAREHOUSE:
            simulate_store(StoreConfig.for_volume(share), 1).write(folder)
            rows += catalogue_rows(folder)[min(1, len(rows)) :]  # without a second heading
        (folder / CATALOGUE).write_text("\n".join(rows) + "\n")
        done.touch()
    return folder


def catalogue_rows(folder: Path) -> list[str]:
    """The lines of the product list, without blank ones."""
    return [row for row in (folder / CATALOGUE).read_text().splitlines() if row]


def plain_loop(folder: Path) -> tuple[int, float]:
    """Lines and seconds of the least a Python program can do with the same files."""
    started = time.perf_counter()
    lines = 0
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                record = json.loads(line)
                datetime.fromisoformat(next(record[name] for name in TIME_FIELDS if name in record))
                lines += 1
    return lines, time.perf_counter() - started


def replayed(folder: Path, db: Path) -> tuple[float, int, str]:
    """Seconds, peak resident bytes and summary of `guardian replay` as its own process."""
    command = [sys.executable, "-m", "guardian.cli.main", "replay", str(folder), "--db", str(db)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.02)
        out = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"replay ended with {process.returncode}")
    return time.perf_counter() - started, peak, out


def throughput(folder: Path, rounds: int) -> None:
    """Prints events/s of both, in turn, and their ratio."""
    for number in range(1, rounds + 1):
        lines, plain = plain_loop(folder)
        with tempfile.TemporaryDirectory(dir=DATA) as work:
            whole, peak, out = replayed(folder, Path(work) / "bench.db")
        inner = out.strip().splitlines()[-1]
        print(
            f"round {number}: loop {lines / plain:,.0f} lines/s; guardian {lines / whole:,.0f} events/s "
            f"with start-up (ratio {plain / whole:.2f}); {inner}; peak memory {peak / 1e6:.0f} MB",
            flush=True,
        )


def engine_for(folder: Path) -> Engine:
    """An engine with all detectors, set up for what lies beside the recordings."""
    codes = site_codes(Settings(), [folder])
    return build_engine(Settings(), load_catalogue(find_catalogue([folder])), codes)


def latency(folder: Path, rate: int, seconds: float) -> None:
    """Prints p50/p99 from an event's hand-in to the commit it is in, at `rate` events/s."""
    settings = Settings()
    decoder, _ = decoder_now(settings)
    reader = FileSource(find_recordings([folder]), decoder)
    reader.resume({})
    wanted = int(rate * seconds)
    rows: list[tuple[str, bytes]] = []
    while len(rows) < wanted and (batch := reader.poll(10_000, 1.0)) is not None:
        rows += [(event.topic, event.raw) for event in batch.events]
    reader.close()
    rows = rows[:wanted]
    handed: list[float] = []
    queue = MemoryQueue(decoder)

    def produce() -> None:
        begin = time.perf_counter()
        for number, (topic, raw) in enumerate(rows):
            due = begin + number / rate
            while (now := time.perf_counter()) < due:
                time.sleep(min(due - now, 0.001))
            handed.append(time.perf_counter())
            queue.put(topic, raw)
        queue.end()

    waits: list[float] = []
    alert_waits: list[float] = []
    with tempfile.TemporaryDirectory(dir=DATA) as work:
        store = SqliteStore(Path(work) / "latency.db")
        worker = Worker(engine_for(folder), store)
        queue.resume({})
        producer = threading.Thread(target=produce)
        producer.start()
        done = 0
        while (batch := queue.poll(10_000, 0.2)) is not None:
            plan = worker.process(batch)
            now = time.perf_counter()
            begin, done = done, done + len(batch.events) + len(batch.rejected)
            waits += [now - at for at in handed[begin:done]]
            # An alert was decided by some event of its batch; the oldest of them is the worst case.
            alert_waits += [now - handed[begin]] * len(plan.alerts) if done > begin else []
        producer.join()
        took = handed[-1] - handed[0]
        store.close()
    print(
        f"latency at {len(handed) / took:,.0f} events/s over {took:.0f} s: event handed in → committed "
        f"p50 {percentile(waits, 50):.1f} ms, p99 {percentile(waits, 99):.1f} ms; "
        f"alert updates ({len(alert_waits):,}), from the oldest event of their batch: "
        f"p50 {percentile(alert_waits, 50):.1f} ms, p99 {percentile(alert_waits, 99):.1f} ms"
    )


def percentile(values: list[float], share: float) -> float:
    """The given percentile, milliseconds."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] * 1000


def detector_costs(folder: Path, records: int = 300_000) -> None:
    """Prints where processor time goes in one run over the first records, µs an event."""
    decoder, _ = decoder_now(Settings())
    engine = engine_for(folder)
    store = SqliteStore(":memory:")
    cache = StateCache(store)
    reader = FileSource(find_recordings([folder]), decoder)
    reader.resume({})
    spent: Counter[str] = Counter()

    def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            started = time.process_time_ns()
            try:
                return step(*given, **named)
            finally:
                spent[name] += time.process_time_ns() - started

        return run

    for runner in engine._runners:
        for step in ("begin", "run", "finish"):
            setattr(runner, step, timed(runner.id, getattr(runner, step)))
    read, decide, commit = (
        timed("reading and decoding", reader.poll),
        timed("engine, detectors included", engine.process),
        timed("committing, in memory", store.commit),
    )
    events = 0
    while events < records and (batch := read(BATCH, 1.0)) is not None:
        plan = decide(batch, cache)
        commit(plan)
        cache.committed(plan)
        events += len(batch.events)
    reader.close()
    print(f"processor time over {events:,} events, µs an event:")
    for name, took in spent.most_common():
        print(f"  {name:30}{took / 1000 / events:6.2f}")


def main() -> None:
    """Runs the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--of", choices=(BOTH, STORE, WAREHOUSE), default=BOTH)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=5_000, help="events/s of the latency run")
    parser.add_argument("--latency-seconds", type=float, default=20.0)
    given = parser.parse_args()
    folder = simulated(given.of, given.records)
    throughput(folder, given.rounds)
    latency(folder, given.rate, given.latency_seconds)
    detector_costs(folder)


if __name__ == "__main__":
    main()
