"""`guardian demo` with its dashboard: the real command, which starts the real API."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from guardian.qr.keys import PublicKeys
from guardian.qr.verify import Verifier
from simulators.warehouse import WarehouseConfig, simulate_warehouse
from tests.e2e.api_server import Answer, until
from tests.e2e.conftest import ROOT, Guardian, command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]  # a process or two, each simulating a day

SEED = 7
QUICK = ("--seed", SEED, "--speed", 250)
AT_TERMINAL = (
    "import fcntl, os, sys, termios;fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
"""Takes its standard input for the terminal that it is controlled from, so that ^C reaches it."""
PAGE = "<!doctype html><title>the built page</title>"


class Demo:
    """A running demo, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes], said: Callable[[], str]) -> None:
        self.process = process
        self.said = said

    def find(self, pattern: str) -> str:
        """The first group of what it says, once it does."""
        until(lambda: re.search(pattern, self.said()) or self.ended())
        found = re.search(pattern, self.said())
        assert found, self.said()
        return found[1]

    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def port(self) -> int:
        return int(self.find(r"Dashboard   http://127\.0\.0\.1:([0-9]+)/\s"))

    @property
    def link_token(self) -> str:
        return self.find(r"#login=([\w-]+) \(once")

    def ask(self, method: str, path: str, content: object = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if content is None else json.dumps(content)
            given = {"Content-Type": "application/json", **headers}
            connection.request(method, path, body, given)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def login(self) -> dict[str, str]:
        """The header of the visitor, who has typed the password."""
        password = self.find(r"password (\S+)\s")
        answer = self.ask("POST", "/api/v1/auth/login", {"username": "demo", "password": password})
        assert answer.status == 200, answer.raw
        return {"Authorization": f"Bearer {answer.body['access_token']}"}

    def servers(self) -> list[psutil.Process]:
        """Every process that it has started."""
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A dashboard that needs no Node to be built."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    return folder


@contextmanager
def demo(tmp_path: Path, pages: Path, *arguments: object) -> Iterator[Demo]:
    """Without a terminal, as a script runs it. Nothing of it is left at the end."""
    out = tmp_path / "demo.out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            command("demo", *QUICK, *arguments),
            cwd=ROOT,
            env={**os.environ, "GUARDIAN_DASHBOARD": str(pages)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    with ending(process):
        yield Demo(process, out.read_text)


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    started: list[psutil.Process] = []
    try:
        yield
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.kill()
        process.wait()
        for one in started:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def labels() -> Iterator[str]:
    """What is on the labels of the demo's warehouse."""
    day = simulate_warehouse(WarehouseConfig(), SEED)
    verifier = Verifier(PublicKeys.from_json(day.public_keys))
    for line in day.lines("qr-code-scans"):
        text = json.loads(line).get("qr_data")
        if text and verifier.check(text).genuine:
            yield text


def test_a_visitor_sees_the_attack_and_may_try_everything(tmp_path: Path, pages: Path) -> None:
    with demo(tmp_path, pages, "--seconds", 100, "--port", 0) as running:
        page = running.ask("GET", "/")
        assert (page.status, page.raw.decode()) == (200, PAGE)
        visitor = running.login()
        assert running.ask("GET", "/api/v1/me", **visitor).body["role"] == "admin"
        found: list[dict[str, Any]] = []

        def caught() -> bool:
            answer = running.ask("GET", "/api/v1/alerts?type=MASS_SHIPMENT_FRAUD&site=demo", **visitor)
            found[:] = answer.body["items"]
            return bool(found)

        until(caught)
        assert found[0]["value_at_risk"] > 0
        detail = running.ask("GET", f"/api/v1/alerts/{found[0]['alert_id']}", **visitor)
        assert detail.body["events"]

        genuine = running.ask("POST", "/api/v1/qr/verify", {"text": next(labels())}, **visitor)
        assert genuine.body["items"][0]["genuine"] is True
        made = running.ask("POST", "/api/v1/qr/generate", {"product_id": "P1", "images": "none"}, **visitor)
        assert made.status == 201


def test_the_link_logs_in_once(tmp_path: Path, pages: Path) -> None:
    with demo(tmp_path, pages, "--seconds", 100, "--port", 0) as running:
        link = {"token": running.link_token}
        foreign = running.ask("POST", "/api/v1/auth/link", link, Origin="http://elsewhere.example")
        assert foreign.status == 403
        first = running.ask("POST", "/api/v1/auth/link", link)
        assert (first.status, first.body["user"]["name"]) == (200, "demo")
        visitor = {"Authorization": f"Bearer {first.body['access_token']}"}
        assert running.ask("GET", "/api/v1/me", **visitor).status == 200
        cookie = first.headers["set-cookie"].partition(";")[0]
        assert running.ask("POST", "/api/v1/auth/refresh", Cookie=cookie).status == 200
        assert running.ask("POST", "/api/v1/auth/link", link).status == 401


def test_a_port_that_is_taken_is_left_to_whoever_has_it(tmp_path: Path, pages: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with demo(tmp_path, pages, "--seconds", 100, "--port", taken) as running:
            assert running.port != taken
            assert running.ask("GET", "/").raw.decode() == PAGE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_ends_with_its_server(tmp_path: Path, pages: Path, number: signal.Signals) -> None:
    with demo(tmp_path, pages, "--seconds", 100, "--port", 0) as running:
        port, servers = running.port, running.servers()
        assert servers
        running.process.send_signal(number)
        assert running.process.wait(60) == 0
        assert all(map(gone, servers))
        assert free(port)
        assert "What was in it" in running.said()


def test_killed_it_leaves_no_server_behind(tmp_path: Path, pages: Path) -> None:
    with demo(tmp_path, pages, "--seconds", 100, "--port", 0) as running:
        port, servers = running.port, running.servers()
        assert servers
        running.process.kill()
        running.process.wait()
        until(lambda: all(map(gone, servers)))
        assert free(port)


def test_at_a_terminal_the_dashboard_outlives_the_day(tmp_path: Path, pages: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}.part" && mv "{opened}.part" "{opened}"\n')
    browser.chmod(0o755)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_TERMINAL, *command("demo", *QUICK, "--seconds", 2, "--stay", "--port", 0)],
        cwd=ROOT,
        env={
            **os.environ,
            "GUARDIAN_DASHBOARD": str(pages),
            "BROWSER": str(browser),
            "TERM": "xterm",
            "COLUMNS": "200",
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, said))
    reader.start()
    with ending(process):
        running = Demo(process, lambda: b"".join(said).decode("utf-8", "replace"))
        port, servers = running.port, running.servers()
        until(opened.exists)
        assert opened.read_text().strip() == f"http://127.0.0.1:{port}/#login={running.link_token}"
        running.find("(The day is over; the dashboard stays)")
        assert running.ask("GET", "/").raw.decode() == PAGE
        os.write(ours, b"\x03")
        assert process.wait(60) == 0
        assert all(map(gone, servers))
        assert free(port)
    reader.join()
    os.close(ours)


def _read(descriptor: int, said: list[bytes]) -> None:
    with suppress(OSError):  # how a terminal tells that the other side has gone
        while piece := os.read(descriptor, 4_096):
            said.append(piece)


def test_without_built_pages_alerts_are_shown_in_the_terminal(tmp_path: Path) -> None:
    with demo(tmp_path, tmp_path, "--seconds", 25) as running:
        assert running.process.wait(100) == 0
        lines = running.said().splitlines()
    assert [line for line in lines if line.startswith("No dashboard: ")] == [
        f"No dashboard: GUARDIAN_DASHBOARD: there are no built pages in {tmp_path}. Alerts are shown here."
    ]
    assert any(line.startswith("critical MASS_SHIPMENT_FRAUD") for line in lines)
    assert "http://" not in running.said()


def test_without_the_libraries_of_the_api_it_says_what_is_missing(tmp_path: Path, pages: Path) -> None:
    start = "import sys; sys.modules['flask_openapi3'] = None; from guardian.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *map(str, ("demo", *QUICK, "--seconds", 1))],
        cwd=ROOT,
        env={**os.environ, "GUARDIAN_DASHBOARD": str(pages)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "No dashboard: it needs the extra `api`: there is no flask_openapi3." in done.stdout


def test_a_kept_file_gets_a_new_password_each_time(guardian: Guardian, tmp_path: Path, pages: Path) -> None:
    kept = ("--db", tmp_path / "kept.db", "--seconds", 100, "--port", 0)
    with demo(tmp_path, pages, *kept) as running:
        first = running.find(r"password (\S+)\s")
        running.login()
    with demo(tmp_path, pages, *kept) as running:
        running.login()
        wrong = running.ask("POST", "/api/v1/auth/login", {"username": "demo", "password": first})
        assert wrong.status == 401
    assert guardian("users", "list", "--db", tmp_path / "kept.db").stdout.count("demo") == 1
