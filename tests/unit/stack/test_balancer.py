"""One address for several backends."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.part import Part
from stack.ports import free_ports
from stack.runner import Process

BACKEND = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = sys.argv[1].encode() + self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = lambda self: self.send_error(404)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PATIENCE_S = 30.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    """The balancer, and two backends."""
    front, *backends = free_ports(3)
    addresses = [f"127.0.0.1:{port}" for port in backends]
    commands = [
        (front, (sys.executable, "-m", "stack.balancer", str(front), *addresses)),
        *((port, (sys.executable, "-c", BACKEND, str(port))) for port in backends),
    ]
    made = [
        Process(Part(name="p", about="", command=command, port=port), tmp_path / f"{port}.log")
        for port, command in commands
    ]
    for process in made:
        process.start()
    for process in made:
        answer(process.part.port)
    yield made
    for process in made:
        process.kill()


def answer(port: int | None, body: bytes = b"!") -> str:
    """Who has answered, once somebody does."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body, timeout=10) as response:
                told = response.read()
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.02)  # paces the question
        else:
            assert told.endswith(body)
            return str(told[: -len(body)].decode())


def test_connections_go_to_each_in_turn(processes: list[Process]) -> None:
    front, *backends = (process.part.port for process in processes)
    found = Counter(answer(front) for _ in range(10))
    assert found == {str(port): 5 for port in backends}
    large = b"x" * 3_000_000
    assert answer(front, large) in found


def test_one_that_is_dead_is_passed_over_until_it_is_back(processes: list[Process]) -> None:
    front, first, second = (process.part.port for process in processes)
    processes[1].kill()
    assert {answer(front) for _ in range(4)} == {str(second)}
    processes[1].start()
    answer(first)
    assert {answer(front) for _ in range(4)} == {str(first), str(second)}


def test_nobody_there(processes: list[Process]) -> None:
    front = processes[0].part.port
    processes[1].kill()
    processes[2].kill()
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"http://127.0.0.1:{front}/", b"", timeout=10)
    processes[2].start()
    assert answer(front)
