"""The `guardian` command: what it can do, one module a subcommand."""

from __future__ import annotations

import gc
import logging
import sys

import structlog
import typer

from guardian.adapters.embedded.files import RecordingError
from guardian.adapters.embedded.sqlite_store import SchemaError
from guardian.cli import (
    demo,
    detectors,
    evaluate,
    history,
    qr,
    replay,
    report,
    run,
    serve_feed,
    simulate,
    users,
)
from guardian.runtime.settings import SettingsError
from simulators.feed_server import RecordingError as FeedError

app = typer.Typer(
    name="guardian",
    help="Catches theft, fraud and stock loss at the moment event streams stop agreeing with each other.",
    no_args_is_help=True,
    add_completion=False,
)
app.command("replay")(replay.replay_command)
app.command("run")(run.run_command)
app.command("detectors")(detectors.detectors_command)
app.command("demo")(demo.demo_command)
app.command("simulate")(simulate.simulate_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("serve-feed")(serve_feed.serve_feed_command)
app.command("report")(report.report_command)
app.add_typer(history.app, name="history")
app.add_typer(qr.app, name="qr")
app.add_typer(users.app, name="users")


def main() -> None:
    """Entry point: errors of use end with one line and status 2, not with a traceback."""
    # Events and states form no cycles; looking for some every few hundred allocations only costs time.
    gc.set_threshold(100_000, 20, 50)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except (SettingsError, RecordingError, FeedError, SchemaError) as error:
        typer.echo(f"guardian: {error}", err=True)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
