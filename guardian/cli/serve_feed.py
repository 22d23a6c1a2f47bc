"""`guardian serve-feed`: replays a recording over TCP as a store's feed would send it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulators.feed_server import FeedServer


def serve_feed_command(
    path: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a store recording.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8765,
    speed: Annotated[float, typer.Option(min=0, help="Times real time; 0 is as fast as possible.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start over at the end, with times moved on.")] = False,
) -> None:
    """Serves a recording in the feed's protocol; every connection gets it from the start."""
    server = FeedServer(path, host, port, speed, loop)
    typer.echo(f"serving {path} on {host}:{server.port}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.stop()
