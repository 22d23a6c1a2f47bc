"""Google's emulators of Pub/Sub and Firestore, as parts of a stack. What they hold is gone when they stop."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stack.part import Part
from stack.ports import LOOPBACK

if TYPE_CHECKING:
    from google.cloud.firestore import Client

FIRESTORE_HOST: Final = "FIRESTORE_EMULATOR_HOST"
PUBSUB_HOST: Final = "PUBSUB_EMULATOR_HOST"
"""Clients of Google's libraries made while these are set talk to an emulator, without credentials."""

_environment = threading.Lock()


def missing() -> str | None:
    """What this machine lacks to run them, or None."""
    for program in ("gcloud", "java"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


def pubsub(folder: Path, port: int, project: str) -> Part:
    """The Pub/Sub emulator. folder: for what gcloud writes; made if it does not exist."""
    (folder / "data").mkdir(parents=True, exist_ok=True)  # gcloud wants to find it
    return Part(
        name="pubsub",
        about="emulator of Google Cloud Pub/Sub",
        command=(
            "gcloud", "beta", "emulators", "pubsub", "start", "--quiet",
            f"--host-port={LOOPBACK}:{port}", f"--project={project}", f"--data-dir={folder / 'data'}",
        ),
        environment=_gcloud(folder) | {"JAVA_TOOL_OPTIONS": "-Xmx512m"},
        port=port,
        health=f"http://{LOOPBACK}:{port}/",
    )  # fmt: skip


def firestore(folder: Path, port: int) -> Part:
    """The Firestore emulator. folder: for what gcloud writes; made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    return Part(
        name="firestore",
        about="emulator of Google Cloud Firestore",
        command=("gcloud", "emulators", "firestore", "start", f"--host-port={LOOPBACK}:{port}"),
        environment=_gcloud(folder),
        port=port,
        health=f"http://{LOOPBACK}:{port}/",
    )


def firestore_client(host: str, project: str) -> Client:
    """A client of the emulator at "host:port", wherever the environment points."""
    from google.cloud.firestore import Client

    # The library knows no other way to name an emulator, and reads it when a client is made.
    with _environment:
        before = os.environ.get(FIRESTORE_HOST)
        os.environ[FIRESTORE_HOST] = host
        try:
            return Client(project=project)
        finally:
            if before is None:
                del os.environ[FIRESTORE_HOST]
            else:
                os.environ[FIRESTORE_HOST] = before


def _gcloud(folder: Path) -> dict[str, str]:
    """A configuration of its own, so that no account is used and no two wait for each other."""
    return {
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
    }
