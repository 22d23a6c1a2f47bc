"""Free ports on loopback."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_ports(number: int) -> list[int]:
    """Free loopback ports, all different.

    For a minute nobody else is given one of them, since a connection to each has just ended; a server that
    asks for it by its number gets it (with SO_REUSEADDR, as servers do). So whoever starts servers elsewhere
    on this machine does not take them in between.
    """
    return [_reserve() for _ in range(number)]


def _reserve() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        # Only now: a port that is asked for with it may be one that somebody else holds like this.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.listen(1)
        address: tuple[str, int] = listener.getsockname()
        with socket.create_connection(address) as client:
            server, _ = listener.accept()
            server.close()  # the side that closes first keeps the port
            client.recv(1)
    return address[1]
