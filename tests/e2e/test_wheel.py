"""The wheel: built, installed into a folder, and the dashboard served from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.api_server import add_user, running
from tests.e2e.conftest import ROOT

pytestmark = pytest.mark.e2e

PAGES = Path("cloud_run/dashboard/dist")
SOURCES = ("guardian", "simulators", "cloud_run", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE")
PAGE = "<!doctype html><title>the page of the wheel</title>"
SCRIPT = "export const built = true;\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a wheel is built from, without anything that Node would have to make."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    left_out = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=left_out)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "cloud_run/dashboard/node_modules/somebody").mkdir(parents=True)
    (folder / "cloud_run/dashboard/node_modules/somebody/index.js").write_text("theirs")
    return folder


def build(checkout: Path, target: str) -> tuple[Path, str]:
    """The built file, and what the build said."""
    out = checkout.parent / "built"
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.iterdir()
    return built, done.stdout + done.stderr


def installed(wheel: Path) -> Path:
    """The folder that a wheel was installed into."""
    target = wheel.parent / "installed"
    arguments = ["--no-deps", "--no-index", "--target", str(target), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *arguments], check=True)
    return target


def test_an_installed_wheel_serves_the_dashboard(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / PAGES / "assets").mkdir(parents=True)
    (checkout / PAGES / "index.html").write_text(PAGE)
    (checkout / PAGES / "assets" / "index-AbC1.js").write_text(SCRIPT)
    wheel, said = build(checkout, "wheel")
    assert "no dashboard" not in said
    names = zipfile.ZipFile(wheel).namelist()
    assert "cloud_run/api/main.py" in names
    assert sorted(name for name in names if name.startswith("cloud_run/dashboard/")) == [
        f"{PAGES}/assets/index-AbC1.js",
        f"{PAGES}/index.html",
    ]
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "cloud_run",
        "guardian",
        "simulators",
    }

    folder = installed(wheel)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.delenv("GUARDIAN_DASHBOARD", raising=False)
    add_user(tmp_path / "guardian.db", "ann", "viewer")
    with running(tmp_path / "guardian.db", cwd=folder) as api:
        assert api.ask("GET", "/").raw.decode() == PAGE
        script = api.ask("GET", "/assets/index-AbC1.js")
        assert (script.raw.decode(), "immutable" in script.headers["cache-control"]) == (SCRIPT, True)
        assert api.login("ann")


def test_a_wheel_without_built_pages_says_so_and_has_everything_else(checkout: Path) -> None:
    wheel, said = build(checkout, "wheel")
    assert "no dashboard in this wheel" in said
    assert "make dashboard" in said
    names = zipfile.ZipFile(wheel).namelist()
    assert "guardian/cli/demo.py" in names
    assert "cloud_run/api/main.py" in names
    assert not [name for name in names if name.startswith("cloud_run/dashboard/")]


def test_a_wheel_made_of_a_source_distribution_needs_no_node(checkout: Path, tmp_path: Path) -> None:
    (checkout / PAGES).mkdir(parents=True)
    (checkout / PAGES / "index.html").write_text(PAGE)
    archive, _ = build(checkout, "sdist")
    unpacked = tmp_path / "unpacked"
    shutil.unpack_archive(archive, unpacked, filter="data")
    (source,) = unpacked.iterdir()
    assert (source / "cloud_run/dashboard/package.json").is_file()
    assert not (source / "cloud_run/dashboard/node_modules").exists()
    wheel, said = build(source, "wheel")
    assert "no dashboard" not in said
    assert f"{PAGES}/index.html" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.skipif(
    not (ROOT / PAGES / "index.html").is_file(), reason="the pages are not built: make dashboard"
)
def test_the_built_pages_of_this_checkout_are_in_its_wheel(checkout: Path) -> None:
    shutil.copytree(ROOT / PAGES, checkout / PAGES)
    wheel, _ = build(checkout, "wheel")
    archive = zipfile.ZipFile(wheel)
    built = [path for path in (ROOT / PAGES).rglob("*") if path.is_file()]
    assert len(built) > 3
    for path in built:
        assert archive.read(str(path.relative_to(ROOT))) == path.read_bytes()
