"""`guardian evaluate`: precision and recall on simulated days, whose findings are known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from itertools import repeat
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from guardian.cli.scored_day import store_day, warehouse_day
from simulators.accuracy import Accuracy, Score
from simulators.store import StoreConfig
from simulators.warehouse import WarehouseConfig
from simulators.warehouse_accuracy import ScenarioScore, WarehouseAccuracy


class Domain(StrEnum):
    """What is simulated."""

    ALL = "all"
    STORE = "store"
    WAREHOUSE = "warehouse"


def evaluate_command(
    seeds: Annotated[int, typer.Option(min=1, help="How many days, with seeds from --first-seed on.")] = 20,
    first_seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    domain: Annotated[Domain, typer.Option(help="Which half of the business.")] = Domain.ALL,
    hard: Annotated[
        bool,
        typer.Option(
            "--hard", help="Store: with crimes that also look like something else, and 4 % lost reads."
        ),
    ] = False,
    least: Annotated[
        float, typer.Option("--min", min=0, max=1, help="Fail if any precision or recall is below this.")
    ] = 0.0,
    jobs: Annotated[int, typer.Option(min=1, help="Days at a time.")] = os.cpu_count() or 1,
) -> None:
    """Simulates store and warehouse days, with attacks in them and honest; replays them; scores the alerts.

    For every seed: a store day, a warehouse day with every attack and every honest look-alike in it, and a
    warehouse day with the look-alikes alone.
    """
    chosen = range(first_seed, first_seed + seeds)
    console = Console()
    scores: list[Score] = []
    with ProcessPoolExecutor(jobs) as pool:
        if domain != Domain.WAREHOUSE:
            config = StoreConfig(ambiguous=True, read_loss=0.04) if hard else StoreConfig()
            days = list(pool.map(store_day, repeat(config), chosen))
            scores += print_kinds(console, f"{seeds} store days", days)
        if domain != Domain.STORE:
            attacked = list(pool.map(warehouse_day, repeat(WarehouseConfig(legacy_secret=True)), chosen))
            honest = list(pool.map(warehouse_day, repeat(WarehouseConfig.honest()), chosen))
            everything = [*attacked, *honest]
            title = f"{seeds} warehouse days with attacks, {seeds} honest ones"
            scores += print_kinds(console, title, [day.kinds for day in everything])
            print_scenarios(console, everything)
            print_mass_shipments(console, attacked, honest)
    overall = sum_of("overall", scores)
    console.print(f"overall recall {overall.recall:.3f}, precision {overall.precision:.3f}")
    worst = min(min(score.recall, score.precision) for score in scores)
    console.print(f"worst figure {worst:.3f}")
    if worst < least:
        raise typer.Exit(1)


def print_kinds(console: Console, title: str, days: Sequence[Accuracy]) -> list[Score]:
    """Prints a line for each kind of finding; returns their scores over all days."""
    table = Table(title=title, title_justify="left")
    for column in ("finding", "expected", "found", "recall", "precision", "worst day"):
        table.add_column(column, justify="left" if column == "finding" else "right")
    totals = []
    for kind in (score.finding for score in days[0].scores):
        scores = [day[kind] for day in days]
        total = sum_of(kind, scores)
        totals.append(total)
        worst = min(min(score.recall, score.precision) for score in scores)
        table.add_row(*_figures(total), f"{worst:.2f}")
    table.add_section()
    table.add_row(*_figures(sum_of("overall", totals)), "")
    console.print(table)
    return totals


def print_scenarios(console: Console, days: Sequence[WarehouseAccuracy]) -> None:
    """Prints a line for each scenario: what was found of it, and how soon."""
    by_name: dict[str, list[ScenarioScore]] = {}
    for day in days:
        for one in day.scenarios:
            by_name.setdefault(one.name, []).append(one)
    table = Table(title="by scenario", title_justify="left")
    table.add_column("scenario", no_wrap=True)
    table.add_column("")
    for column in ("expected", "recall", "false", "precision", "first alert", "latest"):
        table.add_column(column, justify="right")
    for name, scores in sorted(by_name.items(), key=lambda item: (item[1][0].honest, item[0])):
        expected, recalled = sum(one.expected for one in scores), sum(one.recalled for one in scores)
        false = sum(one.false for one in scores)
        table.add_row(
            name,
            "honest" if scores[0].honest else "attack",
            str(expected),
            f"{recalled / expected:.3f}" if expected else "-",
            str(false),
            f"{recalled / (recalled + false):.3f}" if recalled + false else "-",
            *_spread(one.detected_s for one in scores),
        )
    console.print(table)


def print_mass_shipments(
    console: Console, attacked: Sequence[WarehouseAccuracy], honest: Sequence[WarehouseAccuracy]
) -> None:
    """Prints how soon the mass shipment frauds were raised and confirmed, and whether honest days had any."""
    attacks = [one for day in attacked for one in day.scenarios if one.name == "jd_com_attack"]
    false = sum(day.kinds["mass_shipment_fraud"].found for day in honest)
    console.print(f"MASS_SHIPMENT_FRAUD: {false} on honest days that were not cleared; of jd_com_attack")
    for what, times in (
        ("raised, after the first article was marked", [one.marked_s for one in attacks]),
        ("raised, after the first wrong event", [one.suspected_s for one in attacks]),
        ("confirmed, after the first wrong event", [one.confirmed_s for one in attacks]),
    ):
        usual, longest = _spread(times)
        console.print(f"  {what}: {usual}, at most {longest}")


def sum_of(name: str, scores: Sequence[Score]) -> Score:
    """Several scores as one."""
    fields = Score.__struct_fields__[1:]
    return Score(name, *(sum(getattr(score, field) for score in scores) for field in fields))


def _figures(score: Score) -> list[str]:
    figures: list[Any] = [score.finding, score.expected, score.found]
    return [*map(str, figures), f"{score.recall:.3f}", f"{score.precision:.3f}"]


def _spread(seconds: Iterable[float | None]) -> tuple[str, str]:
    """Median and longest of some times, for people; "-" for none."""
    known = sorted(one for one in seconds if one is not None)
    return (_length(median(known)), _length(known[-1])) if known else ("-", "-")


def _length(seconds: float) -> str:
    return f"{max(seconds, 0):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
