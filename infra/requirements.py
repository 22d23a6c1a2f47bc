"""The part of the lock that some of the project's extras need, with its hashes. Needs Python alone.

    python -m infra.requirements google kafka

There is one lock, requirements-dev.txt. It says of every package which others want it ("via"), so what a
function or an image installs is found in it, without asking an index, and is what the tests have run with.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = "requirements-dev.txt"

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==\S+")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
_VIA = re.compile(r"^    #   (?:via )?|^    # via ?")


class LockError(Exception):
    """The lock and pyproject.toml do not agree; says where."""


def requirements(extras: Iterable[str], root: Path = ROOT, more: Iterable[str] = ()) -> str:
    """The pins of the project's dependencies, of these extras, and of the packages in `more`.

    root: folder of pyproject.toml and the lock. Raises LockError.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    if unknown := sorted(set(extras) - optional.keys()):
        raise LockError(f"pyproject.toml: no extra is called {', '.join(unknown)}")
    wanted = {_plain(one) for one in (*project["dependencies"], *more)}
    wanted |= {_plain(one) for extra in extras for one in optional[extra]}
    blocks = _blocks((root / LOCK).read_text("utf-8"))
    if missing := sorted(wanted - blocks.keys()):
        raise LockError(f"{LOCK}: {', '.join(missing)} is missing; make lock")
    wanted_by = {name: _parents(lines) for name, lines in blocks.items()}
    found = set(wanted)
    while added := {name for name, parents in wanted_by.items() if parents & found} - found:
        found |= added
    pins = [line for name in sorted(found) for line in blocks[name] if not line.startswith("    #")]
    return "\n".join(pins) + "\n"


def _blocks(text: str) -> dict[str, list[str]]:
    """The lines of each package: its pin, its hashes, and who wants it."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in text.splitlines():
        if found := _PIN.match(line):
            lines = blocks.setdefault(_plain(found[1]), [])
        if lines is not None and line:
            lines.append(line)
    return blocks


def _parents(lines: list[str]) -> set[str]:
    """Who wants it. What is no package (a file, the project itself) has a name that nobody looks for."""
    return {_plain(rest) for line in lines if (rest := _VIA.sub("", line)) != line and rest}


def _plain(requirement: str) -> str:
    """The name in a requirement, as indexes compare it."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


if __name__ == "__main__":
    try:
        sys.stdout.write(requirements(sys.argv[1:], Path.cwd(), ["hatchling"]))
    except LockError as error:
        sys.exit(str(error))
