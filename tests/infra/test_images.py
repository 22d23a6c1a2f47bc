"""The services' images: the Dockerfile as text, and its steps done without Docker until a service answers."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.ports import LOOPBACK, free_ports
from tests.infra.dockerfile import FILE, ROOT, build, context, instructions, stages

SERVICES = ("api", "bridge", "correlator", "history")


def _hadolint() -> str | None:
    beside = Path(sys.executable).with_name("hadolint")
    return str(beside) if beside.exists() else shutil.which("hadolint")


@pytest.mark.skipif(_hadolint() is None and not os.environ.get("CI"), reason="no hadolint")
@pytest.mark.parametrize("file", sorted(FILE.parent.glob("*Dockerfile")), ids=lambda file: file.name)
def test_hadolint(file: Path) -> None:
    command = _hadolint()
    assert command is not None
    done = subprocess.run([command, "--no-color", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_not_root_and_watched(name: str) -> None:
    told = instructions(name)
    assert [rest for instruction, rest in told if instruction == "USER"] == ["10001"]
    assert any(instruction == "HEALTHCHECK" and "/healthz" in rest for instruction, rest in told)
    assert ("CMD", json.dumps(["python", "-m", f"cloud_run.{name}.main"])) in told
    assert told.index(("USER", "10001")) < told.index(
        ("CMD", json.dumps(["python", "-m", f"cloud_run.{name}.main"]))
    )


def test_everything_installed_is_pinned_by_hash() -> None:
    for name in stages():
        for instruction, rest in instructions(name):
            for command in rest.split("&&"):
                if instruction == "RUN" and "pip install" in command:
                    assert "--require-hashes" in command or "--no-deps --no-build-isolation ." in command
                if instruction == "RUN" and "npm" in command:
                    assert "npm ci" in command or "npm run build" in command


def test_base_images_are_of_one_python() -> None:
    bases = {base for base, _ in stages().values() if base not in stages()}
    assert {base for base in bases if base.startswith("python:")} == {"python:3.11-slim-bookworm"}
    assert len(bases) == 2


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("context")
    context(folder)
    return folder


def test_nothing_secret_and_nothing_needless_is_in_it(copied: Path) -> None:
    assert {path.name for path in copied.iterdir()} == {
        "LICENSE",
        "README.md",
        "cloud_run",
        "guardian",
        "hatch_build.py",
        "infra",
        "pyproject.toml",
        "requirements-dev.txt",
        "simulators",
    }
    names = {path.name for path in copied.rglob("*")}
    assert not names & {".git", ".env", ".venv", "node_modules", "tests"}


ENVIRONMENTS = {
    "api": {"GUARDIAN_STORE": "sqlite:guardian.db"},
    "bridge": {
        "GOOGLE_CLOUD_PROJECT": "shop",
        "GUARDIAN_KAFKA_BOOTSTRAP": f"{LOOPBACK}:9",  # where nobody is: it waits, and says that it is well
        "PUBSUB_EMULATOR_HOST": f"{LOOPBACK}:9",
    },
    "correlator": {
        "GUARDIAN_STORE": "sqlite:guardian.db",
        "GUARDIAN_OIDC": "off",
        "GUARDIAN_PART": "correlator",
    },
    "history": {
        "GOOGLE_CLOUD_PROJECT": "shop",
        "GUARDIAN_BIGQUERY": "shop-prod.guardian",
        "BIGQUERY_EMULATOR_HOST": f"http://{LOOPBACK}:9",  # as above
        "FIRESTORE_EMULATOR_HOST": f"{LOOPBACK}:9",
        "PUBSUB_EMULATOR_HOST": f"{LOOPBACK}:9",
    },
}


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("installed")
@pytest.mark.parametrize("name", SERVICES)
def test_built_and_started(name: str, copied: Path, tmp_path: Path, function_packages: Path) -> None:
    packages = tmp_path / "packages"
    build(f"{name}-packages", copied, tmp_path / "build", packages, function_packages)
    (port,) = free_ports(1)
    work = tmp_path / "app"
    work.mkdir()
    environment = {
        "PATH": f"{packages / 'bin'}:{os.environ['PATH']}",
        "PORT": str(port),
        "GUARDIAN_HOST": LOOPBACK,
        **ENVIRONMENTS[name],
    }
    command = next(json.loads(rest) for instruction, rest in instructions(name) if instruction == "CMD")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=work, env=environment, stdout=log, stderr=log)
        try:
            status = _answered(process, port, "/healthz")
            assert status in {200, 204}, (tmp_path / "log").read_text()
        finally:
            process.terminate()
            process.wait(30)
    assert process.returncode == 0, (tmp_path / "log").read_text()


def _answered(process: subprocess.Popen[bytes], port: int, path: str) -> int | None:
    """The status of an answer; None if none came within a minute, or the process has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    return None


def test_pages_are_those_of_the_dashboard() -> None:
    (copied,) = (
        rest for instruction, rest in instructions("api") if instruction == "COPY" and "pages" in rest
    )
    assert copied == "--from=pages /build/dist /app/dashboard"
    assert ("ENV", "GUARDIAN_DASHBOARD=/app/dashboard") in instructions("api")
    assert (ROOT / "cloud_run" / "dashboard" / "package-lock.json").is_file()
