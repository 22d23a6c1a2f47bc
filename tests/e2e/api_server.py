"""The operator's API as a process, and how to talk to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.e2e.conftest import ROOT, command

PATIENCE_S = 60.0
PASSWORD = "correct horse battery"


class Answer:
    """What came back. body: read as JSON where it is some."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.raw = answer.read()
        kind = answer.headers.get_content_type()
        is_json = kind in {"application/json", "application/problem+json"}
        self.body: Any = json.loads(self.raw) if is_json else None


class ApiServer:
    """One process on a port of its own. Its log goes to a file."""

    def __init__(self, store: Path, environment: Mapping[str, str], cwd: Path = ROOT) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.store = store
        self.log = store.with_name(f"api-{self.port}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cloud_run.api.main"],
                cwd=cwd,
                env={
                    **os.environ,
                    "GUARDIAN_STORE": f"sqlite:{store}",
                    "PORT": str(self.port),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own. Paths below /api/v1 begin without a slash."""
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        body = None
        if content is not None:
            body = json.dumps(content).encode()
            given["Content-Type"] = "application/json"
        connection = self.connection()
        try:
            connection.request(method, path if path.startswith("/") else f"/api/v1/{path}", body, given)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def answering(self) -> bool:
        """Whether it takes requests."""
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        try:
            return self.ask("GET", "/healthz").status == 204
        except (OSError, http.client.HTTPException):
            return False

    def login(self, name: str, password: str = PASSWORD) -> str:
        """An access token."""
        answer = self.ask("POST", "auth/login", {"username": name, "password": password})
        assert answer.status == 200, answer.raw
        return str(answer.body["access_token"])

    def stop(self) -> int:
        """Ends it with SIGTERM, and returns its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(store: Path, *, cwd: Path = ROOT, **environment: str) -> Iterator[ApiServer]:
    """An API that answers; gone at the end, whatever happens. cwd: where its code is, if not here."""
    server = ApiServer(store, environment, cwd)
    try:
        until(server.answering)
        yield server
    finally:
        with suppress(ProcessLookupError):
            server.process.terminate()
        try:
            server.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


def until(condition: Callable[[], object]) -> None:
    """Waits for something that will happen, or fails."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)  # paces the question; what counts is the condition


def add_user(store: Path, name: str, role: str, *sites: str) -> str:
    """With the real command. The user's id."""
    given = [part for site in sites for part in ("--site", site)]
    done = subprocess.run(
        command("users", "add", name, "--role", role, *given, "--db", store, "--password-stdin"),
        cwd=ROOT,
        input=f"{PASSWORD}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"u_[0-9a-f]{16}", done.stdout)
    assert found, done.stdout
    return found[0]


class Events:
    """A stream of server-sent events that is being read."""

    def __init__(self, server: ApiServer, token: str, after: str = "") -> None:
        self._connection = server.connection()
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if after:
            headers["Last-Event-ID"] = after
        self._connection.request("GET", "/api/v1/stream", headers=headers)
        self.answer = self._connection.getresponse()
        self.last_id = after

    def read(self) -> Iterator[tuple[str, Any]]:
        """Name and data of each event, until the stream ends."""
        event, data = "", b""
        while line := self.answer.readline():
            line = line.rstrip(b"\n")
            name, _, value = line.partition(b": ")
            if name == b"id":
                self.last_id = value.decode()
            elif name == b"event":
                event = value.decode()
            elif name == b"data":
                data = value
            elif not line and event:
                yield event, json.loads(data)
                event = ""

    def close(self) -> None:
        self._connection.close()
