"""Terraform itself, with providers that know their schemas and can do nothing else."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CHECKS: Final = ROOT / "infra" / "terraform" / "checks"
BUILD: Final = ROOT / "build" / "terraform"

_COPIED = ("infra", "firestore_rules")
_LEFT_OUT = shutil.ignore_patterns("node_modules", ".terraform*", "__pycache__")


class Terraform:
    """Terraform over a copy of the checkout's infrastructure, of which nothing is left behind."""

    def __init__(self, folder: Path) -> None:
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
        settings = folder / "cli.tfrc"
        settings.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{_mirror()}"\n  }}\n}}\n'
        )
        self.folder = folder / "infra" / "terraform"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "CHECKPOINT_DISABLE": "1",
            "GUARDIAN_SCHEMAS": str(CHECKS),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
        }

    def run(self, where: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command in a folder below infra/terraform. A status other than 0 fails, unless check=False."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder / where,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def init(self, where: str) -> None:
        """Modules and providers, without the state's bucket."""
        self.run(where, "init", "-backend=false", "-no-color", "-input=false")

    def applied(self, where: str, test: str) -> tuple[list[dict[str, Any]], list[str]]:
        """What a test's only run makes of everything, and what went wrong. It has to mock the providers."""
        (self.folder / where / "whole.tftest.hcl").write_text(test)
        done = self.run(where, "test", "-no-color", "-verbose", "-json", check=False)
        found: list[dict[str, Any]] = []
        wrong = []
        for line in done.stdout.splitlines():
            message = json.loads(line)
            if "diagnostic" in message:
                about = message["diagnostic"]
                wrong.append(f"{about['severity']}: {about['summary']}: {about.get('detail', '')}")
            if "test_state" in message:
                _collect(message["test_state"]["root_module"], found)
        return found, wrong if done.returncode == 0 or wrong else [done.stdout + done.stderr]


def terraform_or_skip() -> None:
    """Skips where it cannot run; with CI set it must."""
    lacks = [name for name in ("terraform", "go") if shutil.which(name) is None]
    if not lacks:
        return
    if os.environ.get("CI"):
        pytest.fail(f"no {' and no '.join(lacks)}")
    pytest.skip(f"no {' and no '.join(lacks)}")


def _collect(module: dict[str, Any], found: list[dict[str, Any]]) -> None:
    found.extend(module.get("resources", []))
    for child in module.get("child_modules", []):
        _collect(child, found)


def _mirror() -> Path:
    """Builds the provider once, and lays it where Terraform looks for those of the registry."""
    BUILD.mkdir(parents=True, exist_ok=True)
    binary = BUILD / "schema-provider"
    mirror = BUILD / "mirror"
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test runs build it once
        source = CHECKS / "provider"
        newest = max(path.stat().st_mtime for path in source.iterdir())
        if not binary.exists() or binary.stat().st_mtime < newest:
            built = subprocess.run(
                ["go", "build", "-p", "1", "-o", str(binary), "."],
                cwd=source,
                capture_output=True,
                text=True,
                check=False,
            )
            assert built.returncode == 0, built.stderr
            shutil.rmtree(mirror, ignore_errors=True)
        for name in ("google", "confluent"):
            about = json.loads((CHECKS / f"{name}.json").read_text("utf-8"))
            folder = mirror / about["source"] / about["version"] / f"{platform.system().lower()}_{machine}"
            folder.mkdir(parents=True, exist_ok=True)
            there = folder / f"terraform-provider-{name}_v{about['version']}"
            if not there.exists():
                shutil.copy2(binary, there)
    return mirror
