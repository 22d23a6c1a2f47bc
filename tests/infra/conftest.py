"""What functions install, installed once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.requirements import requirements
from infra.stage import EXTRAS


@pytest.fixture(scope="session")
def function_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with what a staged function's requirements.txt names, and nothing else."""
    folder = tmp_path_factory.mktemp("function-packages")
    (folder / "requirements.txt").write_text(requirements(EXTRAS), "utf-8")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    pip += ["--disable-pip-version-check", "--require-hashes", "--requirement", "requirements.txt"]
    subprocess.run(pip, cwd=folder, check=True)
    return folder / "venv"
