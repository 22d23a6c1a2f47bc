"""The Firestore emulator, started for the tests that need it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stack import emulators
from stack.ports import free_ports
from stack.runner import Process

PROJECT = "guardian-test"
HOST_VARIABLE = emulators.FIRESTORE_HOST


@pytest.fixture(scope="session")
def firestore_emulator() -> Iterator[str]:
    """host:port of a Firestore emulator, empty at first and shared by the session: use a site of your own."""
    if (lack := emulators.missing()) is not None:
        reason = f"no Firestore emulator: {lack}"
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
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="firestore-emulator-") as folder:
        process = Process(emulators.firestore(Path(folder), port), Path(folder) / "output.txt")
        process.start()
        try:
            process.wait_until_ready()
            yield f"127.0.0.1:{port}"
        finally:
            process.stop()
