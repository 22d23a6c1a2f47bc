"""The build's steps: what the platform takes, in which order, and the shell in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "cloudbuild.yaml"


def _tool(name: str) -> str | None:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def _missing(name: str) -> bool:
    return _tool(name) is None and not os.environ.get("CI")


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return content


def _before(steps: dict[str, dict[str, Any]], name: str) -> set[str]:
    """Every step that has been done when this one begins."""
    found: set[str] = set()
    for one in steps[name].get("waitFor", []):
        if one != "-":
            found |= {one} | _before(steps, one)
    return found


@pytest.mark.skipif(_missing("check-jsonschema"), reason="no check-jsonschema")
def test_schema() -> None:
    command = _tool("check-jsonschema")
    assert command is not None
    done = subprocess.run(
        [command, "--builtin-schema", "vendor.cloudbuild", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_deployed_that_was_not_tested(build: dict[str, Any]) -> None:
    steps = {step["id"]: step for step in build["steps"]}
    order = ["lint", "unit", "emulator", "stage", "push", "plan", "apply", "smoke", "traffic", "smoke-live"]
    for index, name in enumerate(order):
        before = _before(steps, name)
        wanted = set(order[:index]) - ({"stage"} if name == "push" else set())
        assert wanted <= before, name
    for name in ("bridge", "correlator", "api", "history"):
        assert f"image-{name}" in _before(steps, "plan")
        assert f"--target={name}" in steps[f"image-{name}"]["args"]


def test_what_is_applied_is_what_was_planned(build: dict[str, Any]) -> None:
    steps = {step["id"]: step for step in build["steps"]}
    assert '-out "$$root/build/deploy.tfplan"' in steps["plan"]["args"][1]
    assert "terraform apply -input=false /workspace/build/deploy.tfplan" in steps["apply"]["args"][1]
    assert "build/deploy.tfplan" in build["artifacts"]["objects"]["paths"]


def test_release_fits(build: dict[str, Any]) -> None:
    variables = (ROOT / "infra/terraform/modules/business_guardian/variables.tf").read_text("utf-8")
    pattern = re.search(r'regex\("(\^\[a-z0-9\].*?)", var\.release\)', variables)
    assert pattern is not None
    release = build["substitutions"]["_RELEASE"].replace(
        "${BUILD_ID}", "0b1c2d3e-aaaa-bbbb-cccc-0123456789ab"
    )
    assert re.fullmatch(pattern[1], release)
    assert len(f"correlator-{release}") <= 63, "names of revisions are no longer than that"


def test_substitutions_are_declared_and_used(build: dict[str, Any]) -> None:
    text = FILE.read_text("utf-8")
    used = set(re.findall(r"(?<!\$)\$\{(_\w+)\}", text))
    assert used == build["substitutions"].keys()


def test_python_is_that_of_the_project(build: dict[str, Any]) -> None:
    least = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    images = {step["name"] for step in build["steps"] if step["name"].startswith("python:")}
    assert images == {f"python:{least.removeprefix('>=')}-slim-bookworm"}


@pytest.mark.skipif(_missing("shellcheck"), reason="no shellcheck")
def test_shell(build: dict[str, Any]) -> None:
    command = _tool("shellcheck")
    assert command is not None
    scripts = [step for step in build["steps"] if step.get("entrypoint") in {"sh", "bash"}]
    assert len(scripts) == 7
    for step in scripts:
        # What the platform puts in is a plain word by then; "$$" is its way to write "$".
        text = re.sub(r"(?<!\$)\$\{\w+\}", "word", step["args"][1]).replace("$$", "$")
        done = subprocess.run(
            [command, f"--shell={step['entrypoint']}", "-"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step['id']}: {done.stdout}"
