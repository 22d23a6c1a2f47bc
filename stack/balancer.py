"""One address for several of a kind: each new connection goes to the next backend that takes it.

    python -m stack.balancer 8080 127.0.0.1:9001 127.0.0.1:9002

It looks at nothing that passes. What is under way with a backend that dies is cut off, and comes again; a
backend that is held still takes connections all the same, as its machine would.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Sequence

from stack.ports import LOOPBACK

CONNECT_S = 1.0
CHUNK = 65_536

Address = tuple[str, int]


class Balancer:
    """Where the next connection goes."""

    def __init__(self, backends: Sequence[Address]) -> None:
        self._backends = backends
        self._turn = itertools.count()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        try:
            opened = await self._connect()
            if opened is not None:
                to_backend, from_backend = opened[1], opened[0]
                ways = [
                    asyncio.ensure_future(_carry(reader, to_backend)),
                    asyncio.ensure_future(_carry(from_backend, writer)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                to_backend.close()
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        begin = next(self._turn)
        for step in range(len(self._backends)):
            host, port = self._backends[(begin + step) % len(self._backends)]
            try:
                return await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_S)
            except OSError:  # TimeoutError is one
                continue
        return None


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # cut off


async def _run(port: int, backends: Sequence[Address]) -> None:
    server = await asyncio.start_server(Balancer(backends).serve, LOOPBACK, port)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serves until it is ended."""
    arguments = argparse.ArgumentParser(description="A TCP proxy on loopback.")
    arguments.add_argument("port", type=int)
    arguments.add_argument("backends", nargs="+", metavar="HOST:PORT")
    given = arguments.parse_args()
    backends = [(host, int(port)) for host, _, port in (text.rpartition(":") for text in given.backends)]
    asyncio.run(_run(given.port, backends))


if __name__ == "__main__":
    main()
