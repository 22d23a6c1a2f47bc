"""The same joins over the same file on the same machine by three engines: ours, Flink SQL and Bytewax.

    python -m benchmarks.flink_vs_engine [--events 1000000] [--rounds 3] [--only engine,flink-1]

Two sets of joins, each over a file with only the topics that it reads, from simulated days of a store and a
warehouse:

all  INVENTORY_MISMATCH, SHIPPED_BUT_PRESENT, MASS_SHIPMENT_FRAUD, AFTER_HOURS_QR_MANIPULATION, and goods
     that RFID saw and nobody paid for. `engine` beside `flink-1` and `flink-2`: the statements of infra/flink
     as one job, with parallelism 1 and 2.
two  INVENTORY_MISMATCH and MASS_SHIPMENT_FRAUD. `engine-two` beside `bytewax`.

Each run is a process of its own. In every round each engine reads the whole file, and 100 records, which
shows how long it takes to start; with --steady half of the file besides. Figures are medians of the rounds.
An engine whose findings are not those that they should be is left out, and the program ends with 1.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.joins import with_bytewax, with_engine, with_flink
from benchmarks.joins.findings import counts, differences
from benchmarks.joins.process_tree import Taken
from benchmarks.joins.recording import ALL_JOINED, BOOKS_AND_SHELVES, Recording, recording
from benchmarks.throughput import DATA
from tests.flink.mapping import Episode

Run = Callable[[Path, Path], tuple[Taken, list[Episode]]]
"""Runs over a file, with a folder to work in; what it took, and what was found."""

ALL, TWO = "all", "two"
LISTED = 20
"""Differences that are printed."""

TOPICS = {ALL: ALL_JOINED, TWO: BOOKS_AND_SHELVES}


class Contender(msgspec.Struct, frozen=True):
    """An engine. joins: which set. prepare: fetches what is not there. findings are compared with those of
    `like`, which is run before it; None: it is what others are compared with."""

    joins: str
    run: Run
    prepare: Callable[[], None] = lambda: None
    like: str | None = None


CONTENDERS = {
    "engine": Contender(ALL, with_engine.run_all),
    "flink-1": Contender(ALL, with_flink.with_parallelism(1), with_flink.install, "engine"),
    "flink-2": Contender(ALL, with_flink.with_parallelism(2), with_flink.install, "engine"),
    "engine-two": Contender(TWO, with_engine.run_two),
    "bytewax": Contender(TWO, with_bytewax.run, with_bytewax.install, "engine-two"),
}

DEFAULT = [name for name in CONTENDERS if name != "flink-2"]
"""Two tasks wide Flink loses findings: docs/scale.md."""


class Round(msgspec.Struct, frozen=True):
    """What one engine took in one round, over each of the files. events: of the whole one."""

    events: int
    few: Taken
    whole: Taken
    half: Taken | None = None

    @property
    def net(self) -> float:
        """Events/s of the whole file, without the time it takes to start."""
        return _rate(self.events, self.whole.seconds - self.few.seconds)

    @property
    def steady(self) -> float:
        """Events/s of the second half of the file; NaN if its half was not read by itself."""
        if self.half is None:
            return float("nan")
        return _rate(self.events / 2, self.whole.seconds - self.half.seconds)

    @property
    def in_all(self) -> float:
        """Events/s from the start of the process to its end."""
        return self.events / self.whole.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time an event, µs, without what it takes to start."""
        return (self.whole.cpu_s - self.few.cpu_s) / self.events * 1e6


def _rate(events: float, seconds: float) -> float:
    """NaN where the difference of two times is lost among what else the machine does."""
    return events / seconds if seconds > 0 else float("nan")


def main() -> None:
    """Runs the rounds and prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steady", action="store_true", help="measure the second half of the file by itself")
    parser.add_argument("--only", default=",".join(DEFAULT), help=f"some of: {', '.join(CONTENDERS)}")
    given = parser.parse_args()
    wanted = given.only.split(",")
    if unknown := sorted({*wanted} - {*CONTENDERS}):
        parser.error(f"--only: no such engine: {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    chosen = [name for name in CONTENDERS if name in wanted]
    if lack := [c.like for name in chosen if (c := CONTENDERS[name]).like and c.like not in chosen]:
        parser.error(f"--only: {lack[0]} must run as well, to compare the findings with")
    for name in chosen:
        CONTENDERS[name].prepare()
    files = {joins: recording(TOPICS[joins], given.events) for joins in TOPICS if _asked(joins, chosen)}
    print(_machine(chosen))
    for joins, file in files.items():
        print(f"{joins}: " + ", ".join(f"{number:,} {name}" for name, number in file.by_topic.items()))
    rounds: dict[str, list[Round]] = {name: [] for name in chosen}
    wrong: dict[str, str] = {}
    for number in range(1, given.rounds + 1):
        found: dict[str, list[Episode]] = {}
        for name in [name for name in chosen if name not in wrong]:
            taken, found[name] = _round(name, files[CONTENDERS[name].joins], given.steady)
            print(f"round {number}: {_told(name, taken)}; {counts(found[name])}", flush=True)
            if (why := _wrong(name, found)) is None:
                rounds[name].append(taken)
            else:  # what it took to find something else says nothing
                wrong[name] = why
                print(why, flush=True)
    right = {name: of_engine for name, of_engine in rounds.items() if name not in wrong}
    Console(width=120).print(_table(right))
    for name, of_engine in right.items():
        if (like := CONTENDERS[name].like) is not None:
            print(_compared(like, right[like], name, of_engine))
    if wrong:
        raise SystemExit(f"left out, since they have not found what they should: {', '.join(wrong)}")


def _asked(joins: str, chosen: list[str]) -> bool:
    return any(CONTENDERS[name].joins == joins for name in chosen)


def _round(name: str, file: Recording, steady: bool) -> tuple[Round, list[Episode]]:
    """Runs one engine over the files; what it found is that of the whole one."""

    def run(path: Path) -> tuple[Taken, list[Episode]]:
        with tempfile.TemporaryDirectory(dir=DATA) as work:
            return CONTENDERS[name].run(path.resolve(), Path(work).resolve())

    few, _ = run(file.few)
    half = run(file.half)[0] if steady else None
    whole, found = run(file.whole)
    return Round(file.events, few, whole, half), found


def _wrong(name: str, found: dict[str, list[Episode]]) -> str | None:
    """What is wrong about an engine's findings, given those of the engines before it; None if nothing is.

    Raises SystemExit if nothing was found that others could be compared with.
    """
    like = CONTENDERS[name].like
    if like is None and not found[name]:
        raise SystemExit(f"{name} has found nothing")
    if like is None or not (differ := differences(found[like], found[name])):
        return None
    return "\n  ".join([f"{name} has not found what {like} has ({len(differ)}):", *differ[:LISTED]])


def _machine(chosen: list[str]) -> str:
    versions = [f"Python {platform.python_version()}"]
    if "bytewax" in chosen:
        versions.append(f"Bytewax {with_bytewax.version()}")
    if any(name.startswith("flink") for name in chosen):
        versions.append(f"Flink {with_flink.version()}")
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{', '.join(versions)}; {os.cpu_count()} processors, load {load}"


def _told(name: str, taken: Round) -> str:
    few, whole = taken.few, taken.whole
    parts = (
        f"{name}: net {_whole(taken.net)} events/s",
        f"steady {_whole(taken.steady)}",
        f"in all {_whole(taken.in_all)} ({whole.seconds:.1f} s, of which start-up {few.seconds:.1f} s)",
        f"{whole.cpu_s:.1f} s of processor ({taken.cpu_us:.1f} µs an event after start-up)",
        f"{whole.peak_bytes / 1e6:,.0f} MB",
        f"load before {whole.load:.1f}",
    )
    return ", ".join(parts)


def _whole(rate: float) -> str:
    return "–" if math.isnan(rate) else f"{rate:,.0f}"


def _table(rounds: dict[str, list[Round]]) -> Table:
    """Medians."""
    table = Table(title="Medians of the rounds", title_justify="left")
    for heading in (
        "joins",
        "engine",
        "start-up s",
        "net events/s",
        "steady events/s",
        "in all events/s",
        "cpu s",
        "cpu µs/event",
        "peak MB",
        "load",
    ):
        table.add_column(heading, justify="left" if heading in ("joins", "engine") else "right")
    for name, of_engine in rounds.items():

        def middle(figure: Callable[[Round], float], of_engine: list[Round] = of_engine) -> float:
            return statistics.median(map(figure, of_engine))

        table.add_row(
            CONTENDERS[name].joins,
            name,
            f"{middle(lambda one: one.few.seconds):.1f}",
            _whole(middle(lambda one: one.net)),
            _whole(middle(lambda one: one.steady)),
            _whole(middle(lambda one: one.in_all)),
            f"{middle(lambda one: one.whole.cpu_s):.1f}",
            f"{middle(lambda one: one.cpu_us):.1f}",
            f"{middle(lambda one: one.whole.peak_bytes / 1e6):,.0f}",
            f"{middle(lambda one: one.whole.load):.1f}",
        )
    return table


def _compared(like: str, ours: list[Round], name: str, theirs: list[Round]) -> str:
    """The ratios, round by round since the machine is not always as fast, and their median."""

    def ratio(what: str, figure: Callable[[Round], float]) -> str:
        by_round = [figure(one) / figure(other) for one, other in zip(ours, theirs, strict=True)]
        if any(map(math.isnan, by_round)):
            return ""
        each = ", ".join(f"{one:.2g}" for one in by_round)
        return f"; {what} {statistics.median(by_round):.2g} ({each})"

    return (
        f"{like} is to {name} as … to 1"
        + ratio("net", lambda one: one.net)
        + ratio("steady", lambda one: one.steady)
        + ratio("in all", lambda one: one.in_all)
        + ratio("events a second of processor", lambda one: 1 / one.cpu_us)
        + ratio("memory", lambda one: one.whole.peak_bytes)
    )


if __name__ == "__main__":
    main()
