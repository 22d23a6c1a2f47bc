"""`make stack`: starts everything, plays a day, and shows the alerts until Ctrl-C."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from stack import produce
from stack.day import BUSINESS, SCENARIOS, lateness_s, simulate
from stack.local import LocalStack, missing, running
from stack.runner import ROOT, Process, StackError
from stack.table import PRODUCER, WATCH, Options

LOOK_S = 0.2
DAY = "day"


def main(given: Sequence[str] | None = None) -> int:
    """Runs until Ctrl-C or SIGTERM. Returns 1 if the stack does not come up, 2 for bad arguments."""
    parser = _parser()
    arguments = parser.parse_args(given)
    console = Console(highlight=False, soft_wrap=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        options = _options(arguments)
        if (lack := missing()) is not None:
            raise StackError(lack)
        console.print("Starting; the first time a Kafka broker is fetched …")
        with running(arguments.folder, options, lambda process: _tell_ready(console, process), stop) as stack:
            if not stop.is_set():
                _show(console, stack)
                _watch(console, stack, stop)
            console.print("\nStopping …")
    except ValueError as error:
        parser.error(str(error))
    except StackError as error:
        console.print(f"[bold red]no stack:[/] {escape(str(error))}")
        return 1
    console.print("Nothing of it runs any more.")
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    """Simulates the day if none is given. Raises ValueError."""
    day: Path = arguments.recording or arguments.folder / DAY
    if arguments.recording is None:
        shutil.rmtree(day, ignore_errors=True)
        simulate(arguments.scenario, arguments.seed, arguments.lead, day)
    play = [f"--{name}={vars(arguments)[name]}" for name in ("speed", "rate", "lead")]
    play += [f"--{name}={text}" for name in ("begin", "end") if (text := vars(arguments)[name])]
    play += [f"--{name}" for name in ("now", "every-twice") if vars(arguments)[name.replace("-", "_")]]
    ports = {}
    for text in arguments.port:
        name, _, number = text.partition("=")
        if not number.isdecimal():
            raise ValueError(f"--port: expected NAME=PORT, found {text!r}")
        ports[name] = int(number)
    return Options(
        day=day,
        settings=arguments.settings,
        lateness_s=lateness_s(arguments.speed),
        play=tuple(play),
        correlators=arguments.correlators,
        ports=ports,
        without=frozenset(arguments.without),
    )


def _tell_ready(console: Console, process: Process) -> None:
    console.print(f"  [green]ready[/] {process.part.name}")


def _show(console: Console, stack: LocalStack) -> None:
    """Where everything is."""
    grid = Grid(title=f"Project {stack.project}, everything on 127.0.0.1", title_justify="left")
    for name in ("part", "port", "health", "what it does"):
        grid.add_column(name, justify="right" if name == "port" else "left")
    for part in stack.table.parts:
        if not part.on_screen:
            health = "" if part.health is None else part.health.partition(str(part.port))[2] or "answers"
            grid.add_row(part.name, str(part.port or ""), health, part.about)
    for name, reason in sorted(stack.table.left_out.items()):
        grid.add_row(name, "", "", f"left out: {reason}", style="dim")
    console.print(grid)
    console.print(f"Logs: {_short(stack.logs)}/NAME.log")
    console.print("For clients: " + " ".join(f"{name}={value}" for name, value in stack.environment.items()))
    console.print("Ctrl-C stops all of it.\n\n[bold]Alerts as they reach Firestore[/]")


def _watch(console: Console, stack: LocalStack, stop: threading.Event) -> None:
    """Plays, and tells of what ends, until `stop` is set."""
    stack.start(WATCH)
    stack.start(PRODUCER)
    playing = True
    while not stop.wait(LOOK_S):
        for obituary in stack.died():
            console.print(f"[bold red]{escape(obituary)}[/]")
        if playing and stack.ended(PRODUCER) == 0:
            playing = False
            console.print(
                f"[dim]The day is played: {escape(stack.log(PRODUCER).strip().splitlines()[-1])}[/]"
            )


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="stack", description="The whole cloud shape on this machine.")
    made.add_argument("--scenario", choices=SCENARIOS, default=BUSINESS, help="what is simulated")
    made.add_argument("--seed", type=int, default=7, help="the same seed gives the same day")
    made.add_argument("--recording", type=Path, metavar="FOLDER", help="plays this instead")
    produce.add_options(made)
    made.set_defaults(speed=10.0, lead=120.0)
    made.add_argument("--settings", type=Path, metavar="TOML", help="of the site (docs/operating.md)")
    made.add_argument("--correlators", type=int, default=1, metavar="N", help="so many behind one address")
    made.add_argument(
        "--port", action="append", default=[], metavar="NAME=PORT", help="instead of a free one"
    )
    made.add_argument("--without", action="append", default=[], metavar="NAME", help="leave a part out")
    made.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "stack", help="for logs and data; default build/stack"
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
