"""A server that speaks BigQuery's API, for tests; one for the whole session.

It is built from source once, every module pinned by checksum (bigquery_emulator/go.sum), and kept in build/.
That takes 20 minutes on two cores, and 6 GB of memory for one of its packages.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client

from stack.ports import free_ports

VERSION = "0.8.1"
PROJECT = "guardian-test"
BUILT = Path(__file__).parents[2] / "build" / "bigquery-emulator" / f"bigquery-emulator-{VERSION}"
SOURCE = Path(__file__).parent / "bigquery_emulator"
PACKAGE = "github.com/goccy/bigquery-emulator/cmd/bigquery-emulator"
BUILD_S = 3600
READY_S = 60.0


@pytest.fixture(scope="session")
def bigquery_emulator() -> Iterator[str]:
    """The emulator's address, http://127.0.0.1:PORT; empty at first and shared: use a dataset of your own."""
    if (lack := built()) is not None:
        reason = f"no BigQuery emulator: {lack}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with running() as address:
        yield address


def client_of(address: str) -> Client:
    """A client of the emulator."""
    options = ClientOptions(api_endpoint=address)
    return Client(PROJECT, credentials=AnonymousCredentials(), client_options=options)  # type: ignore[no-untyped-call]


def built() -> str | None:
    """Builds it if it is not there; says what is missing, else None."""
    if BUILT.is_file():
        return None
    go = shutil.which("go")
    if go is None:
        return "Go is not installed"
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    with (BUILT.parent / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if BUILT.is_file():
            return None
        partial = BUILT.with_suffix(".partial")
        done = subprocess.run(
            [go, "build", "-mod=readonly", "-o", str(partial), PACKAGE],
            cwd=SOURCE,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_S,
        )
        if done.returncode:
            return f"go build failed: {done.stderr[-400:]}"
        partial.replace(BUILT)
    return None


@contextmanager
def running() -> Iterator[str]:
    """An emulator on a free loopback port; stopped at the end."""
    http, grpc = free_ports(2)
    command = [str(BUILT), f"--project={PROJECT}", "--dataset=unused", "--host=127.0.0.1"]
    command += [f"--port={http}", f"--grpc-port={grpc}"]
    address = f"http://127.0.0.1:{http}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + READY_S
            while not _answers(address):
                assert process.poll() is None, "the BigQuery emulator has ended"
                assert time.monotonic() < deadline, "the BigQuery emulator does not answer"
                time.sleep(0.05)
            yield address
        finally:
            process.kill()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(
            f"{address}/bigquery/v2/projects/{PROJECT}/datasets", timeout=5
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
