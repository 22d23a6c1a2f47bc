"""Runs the stages of a Dockerfile without Docker, as far as they copy files and run commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = ROOT / "infra" / "images" / "Dockerfile"
IGNORED = FILE.with_name("Dockerfile.dockerignore")


def stages() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """By name: what a stage stands on, and its instructions."""
    text = re.sub(r"\\\n\s*", "", FILE.read_text("utf-8"))
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = (base, [])
        else:
            next(reversed(found.values()))[1].append((instruction, rest.strip()))
    return found


def instructions(name: str) -> list[tuple[str, str]]:
    """All of a stage, with those of the stages it stands on first."""
    base, own = stages()[name]
    return [*(instructions(base) if base in stages() else []), *own]


def context(folder: Path) -> None:
    """What Docker would be given: the checkout without what .dockerignore leaves out."""
    lines = [line for line in IGNORED.read_text("utf-8").splitlines() if line]
    assert lines[0] == "*"
    for wanted in (line[1:] for line in lines if line.startswith("!")):
        target = folder / wanted
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / wanted).is_dir():
            shutil.copytree(
                ROOT / wanted, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "dist")
            )
        else:
            shutil.copy2(ROOT / wanted, target)


def build(stage: str, source: Path, folder: Path, packages: Path, there: Path) -> None:
    """Does what a stage does, in `folder` for its working directory and `packages` for /opt/guardian.

    there: an environment whose packages count as installed already, so that they are not installed again.
    """
    folder.mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for instruction, rest in instructions(stage):
        if instruction == "COPY":
            *sources, target = rest.split()
            for one in sources:
                to = folder / target / Path(one).name if target.endswith("/") else folder / target
                to.parent.mkdir(parents=True, exist_ok=True)
                if (source / one).is_dir():
                    shutil.copytree(source / one, to, dirs_exist_ok=True)
                else:
                    shutil.copy2(source / one, to)
        elif instruction == "ENV":
            given = [one for one in rest.split() if not one.startswith("PIP_NO_CACHE")]
            environment |= dict(one.split("=", 1) for one in given)
        elif instruction == "RUN":
            subprocess.run(
                rest.replace("/opt/guardian", str(packages)),
                shell=True,
                cwd=folder,
                env=environment,
                check=True,
                capture_output=True,
            )
            if " -m venv " in rest:
                (site,) = packages.glob("lib/python*/site-packages")
                (of_there,) = there.glob("lib/python*/site-packages")
                (site / "there.pth").write_text(f"{of_there}\n")
        else:
            assert instruction == "WORKDIR", instruction
