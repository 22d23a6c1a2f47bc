"""Measures the whole path: bytes on disk → decoded → every store detector → committed to SQLite.

python -m benchmarks.throughput [--records 1000000] [--latency-seconds 20]

1. Throughput: `guardian replay` of a simulated store day into a durable database, as its own process, beside
   a plain Python loop, in turn (json.loads and datetime.fromisoformat for every line, nothing else).
2. Latency: events handed in at a fixed rate through the in-process queue; from hand-in to commit.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

import psutil

from guardian.adapters.embedded.files import FileSource, find_catalogue, find_recordings
from guardian.adapters.embedded.memory_queue import MemoryQueue
from guardian.adapters.embedded.sqlite_store import SqliteStore
from guardian.detectors.registry import REGISTRY, Site, build
from guardian.engine.engine import Engine
from guardian.engine.plan import Batch
from guardian.events.model import Event
from guardian.runtime.composition import build_engine, decoder_now, load_catalogue
from guardian.runtime.settings import Settings
from guardian.runtime.state_cache import StateCache
from guardian.runtime.worker import Worker
from simulators.store import StoreConfig, simulate_store

DATA = Path("build/bench")


def simulated(records: int) -> Path:
    """A folder with a simulated day of at least so many records; made once."""
    folder = DATA / f"store-{records}"
    if not (folder / "expected.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"simulating {records:,} records …", flush=True)
        simulate_store(StoreConfig.for_volume(records), 1).write(folder)
    return folder


def plain_loop(folder: Path) -> tuple[int, float]:
    """Lines and seconds of the least a Python program can do with the same files."""
    started = time.perf_counter()
    lines = 0
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                datetime.fromisoformat(json.loads(line)["timestamp"])
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
        worker = Worker(build_engine(settings, load_catalogue(find_catalogue([folder]))), store)
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
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] * 1000


def detector_costs(folder: Path, records: int = 200_000) -> None:
    """Prints what each detector adds, µs an event: a run with it (and what feeds it) alone, less decoding."""

    settings = Settings()
    decoder, _ = decoder_now(settings)
    catalogue = load_catalogue(find_catalogue([folder]))
    reader = FileSource(find_recordings([folder]), decoder)
    reader.resume({})
    events: list[Event] = []
    while len(events) < records and (batch := reader.poll(4_096, 1.0)) is not None:
        events += batch.events
    reader.close()

    def run(names: frozenset[str]) -> float:
        engine = Engine(
            build(Site(catalogue, settings.lateness_ms), only=names),
            site="b",
            lateness_ms=settings.lateness_ms,
        )
        store = SqliteStore(":memory:")
        cache = StateCache(store)
        started = time.perf_counter()
        for first in range(0, len(events), 4_096):
            plan = engine.process(Batch(events[first : first + 4_096]), cache)
            store.commit(plan)
            cache.committed(plan)
        return (time.perf_counter() - started) / len(events) * 1e6

    base = run(frozenset())
    print(f"engine without detectors {base:.2f} µs an event; each detector by itself, in memory:")
    for name in REGISTRY:
        print(f"  {name:26}{run(frozenset({name})) - base:6.2f} µs")
    print(f"  {'all together':26}{run(frozenset(REGISTRY)) - base:6.2f} µs")


def main() -> None:
    """Runs the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=5_000, help="events/s of the latency run")
    parser.add_argument("--latency-seconds", type=float, default=20.0)
    given = parser.parse_args()
    folder = simulated(given.records)
    throughput(folder, given.rounds)
    latency(folder, given.rate, given.latency_seconds)
    detector_costs(folder)


if __name__ == "__main__":
    main()
