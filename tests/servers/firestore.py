"""The Firestore emulator, started for the tests that need it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = "guardian-test"
HOST_VARIABLE = "FIRESTORE_EMULATOR_HOST"
"""Clients made while this is set talk to the emulator; processes inherit it."""

READY_S = 60.0
STARTS = 3
"""Attempts: the port that was free may be taken by the time the emulator wants it."""


class EmulatorError(Exception):
    """The emulator did not come up. Says what it printed."""


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[str]:
    """host:port of a Firestore emulator, empty at first and shared by the session: use a site of your own."""
    if shutil.which("gcloud") is None or shutil.which("java") is None:
        reason = "the Firestore emulator needs gcloud and java"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with running() as host, pytest.MonkeyPatch.context() as patched:
        patched.setenv(HOST_VARIABLE, host)
        patched.setenv("GOOGLE_CLOUD_PROJECT", PROJECT)
        yield host


@contextmanager
def running() -> Iterator[str]:
    """A Firestore emulator on a free loopback port, as host:port; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="firestore-emulator-") as folder:
        process, host = _start(Path(folder))
        try:
            yield host
        finally:
            _stop(process)


def _start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    output = folder / "output.txt"
    environment = os.environ | {
        "CLOUDSDK_CONFIG": str(folder),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
    }
    for _ in range(STARTS):
        host = f"127.0.0.1:{_free_port()}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["gcloud", "emulators", "firestore", "start", f"--host-port={host}"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,  # gcloud starts the emulator as a child: stop both as one group
            )
        if _ready(process, host):
            return process, host
        _stop(process)
    raise EmulatorError(output.read_text(errors="replace"))


def _ready(process: subprocess.Popen[bytes], host: str) -> bool:
    """Waits until the emulator answers; False when it ends instead, or takes too long."""
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{host}/", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
