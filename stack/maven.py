"""Jars out of Maven, fetched once and kept."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

FETCH_TIMEOUT_S: Final = 600.0


class FetchError(RuntimeError):
    """The jars cannot be fetched; says why, with the end of what Maven wrote."""


def missing() -> str | None:
    """What this machine lacks to fetch jars and run them, or None."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None


def classpath(pom: Path, folder: Path) -> str:
    """The classpath of what `pom` names, kept in `folder`; fetched anew if the pom has changed.

    Raises FetchError.
    """
    library, stamp = folder / "lib", folder / "pom.xml"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test runs fetch it once
        if not (stamp.is_file() and stamp.read_bytes() == pom.read_bytes()):
            shutil.rmtree(library, ignore_errors=True)
            command = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", "--file", str(pom)]
            command += ["dependency:copy-dependencies", f"-DoutputDirectory={library}"]
            try:
                done = subprocess.run(  # noqa: S603
                    command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise FetchError(f"mvn: {error}") from error
            if done.returncode:
                raise FetchError(f"mvn ended with {done.returncode}: {(done.stderr + done.stdout)[-2000:]}")
            shutil.copyfile(pom, stamp)
    return f"{library}/*"
