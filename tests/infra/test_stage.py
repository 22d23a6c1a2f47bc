"""Functions as their platform is given them: put together, installed somewhere else, started, and called."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.requirements import LockError, requirements
from infra.stage import StageError, archive, entry_point, main, names, stage
from stack.ports import LOOPBACK, free_ports

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "settings.toml").write_text('site = "Harbour Street 12"\nzone = "Europe/Berlin"\n')
    (folder / "notify.toml").write_text("[channels]\n")
    return folder


def test_every_function_is_staged(tmp_path: Path, site: Path) -> None:
    assert main(["--site", str(site), "--out", str(tmp_path / "out")]) == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest) == set(names()) == {"alert_narrator", "event_checks", "notifier", "qr_verification"}
    for name, about in manifest.items():
        folder = tmp_path / "out" / name
        with zipfile.ZipFile(tmp_path / "out" / about["archive"]) as packed:
            inside = set(packed.namelist())
        assert inside == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert {"main.py", "requirements.txt", "guardian/__init__.py", "site/settings.toml"} <= inside
        assert not [
            path for path in inside if "__pycache__" in path or path.startswith(("tests", "simulators"))
        ]


def test_name_follows_from_the_content_alone(tmp_path: Path, site: Path) -> None:
    first = archive(stage("notifier", tmp_path / "one", site))
    later = archive(stage("notifier", tmp_path / "two", site))
    assert first.name == later.name
    assert first.read_bytes() == later.read_bytes()
    (site / "notify.toml").write_text("[channels]\n\n")
    changed = archive(stage("notifier", tmp_path / "two", site))
    assert changed.name != first.name
    assert not later.exists(), "archives that nothing names any more are removed"


def test_what_cannot_be_staged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StageError, match="no function is called so"):
        stage("nothing", tmp_path)
    with pytest.raises(StageError, match=r"no settings\.toml"):
        stage("notifier", tmp_path, tmp_path)
    assert main(["nothing", "--out", str(tmp_path)]) == 2
    assert "nothing" in capsys.readouterr().err
    (tmp_path / "main.py").write_text("def f(): ...\n")
    with pytest.raises(StageError, match="no function that takes CloudEvents"):
        entry_point(tmp_path / "main.py")


# --- Requirements ---------------------------------------------------------------------------------------


def _pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def test_requirements_are_a_part_of_the_lock() -> None:
    lock = _pins((ROOT / "requirements-dev.txt").read_text("utf-8"))
    text = requirements(["google"])
    found = _pins(text)
    assert found.items() <= lock.items()
    assert {"functions-framework", "google-cloud-firestore", "grpcio", "msgspec", "tzdata"} <= found.keys()
    assert not found.keys() & {"pytest", "confluent-kafka", "hatchling", "argon2-cffi"}
    for pin in re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin


def test_requirements_of_more_extras_are_more() -> None:
    less, more = _pins(requirements(["google"])), _pins(requirements(["google", "kafka"]))
    assert less.items() < more.items()
    assert "confluent-kafka" in more


def test_requirements_that_are_not_locked(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["A_b>=1", "c"]\n[project.optional-dependencies]\nx = ["d[y]>=2"]\n'
    )
    (tmp_path / "requirements-dev.txt").write_text(
        "a-b==1 \\\n    --hash=sha256:0\n    # via p (pyproject.toml)\n"
        "c==1 \\\n    --hash=sha256:1\n    # via\n    #   a-b\n    #   p (pyproject.toml)\n"
        "deep==3 \\\n    --hash=sha256:2\n    # via d\n"
    )
    assert _pins(requirements([], tmp_path)) == {"a-b": "1", "c": "1"}
    with pytest.raises(LockError, match="d is missing"):
        requirements(["x"], tmp_path)
    with pytest.raises(LockError, match="no extra is called z"):
        requirements(["z"], tmp_path)


# --- The real thing -------------------------------------------------------------------------------------

SALE = {
    "timestamp": "2025-06-03T10:00:00",
    "station_id": "SCC1",
    "status": "Active",
    "data": {
        "customer_id": "C1",
        "sku": "P1",
        "product_name": "Tea",
        "barcode": "1",
        "price": 2.5,
        "weight_g": 1,
    },
}
SCAN = {
    "product_id": "P1",
    "qr_data": "P1",
    "location": "WH1/A-1",
    "scanner_id": "S1",
    "timestamp": "2025-06-03T10:00:00",
}

CALLS = {
    "event_checks": ("pos-transactions", SALE),
    "qr_verification": ("qr-code-scans", SCAN),
    # What is no alert is logged and acknowledged, before any service of Google is needed.
    "alert_narrator": ("fraud-alerts", {"no": "alert"}),
    "notifier": ("fraud-alerts", {"no": "alert"}),
}


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("installed")
@pytest.mark.parametrize("name", sorted(CALLS))
def test_staged_function_answers(name: str, tmp_path: Path, site: Path, function_packages: Path) -> None:
    """In an environment that has its requirements alone, started as its platform does."""
    folder = stage(name, tmp_path / "out", site)
    assert (folder / "requirements.txt").read_text() == (
        function_packages.parent / "requirements.txt"
    ).read_text()
    with _served(folder, function_packages, tmp_path / "log") as port:
        topic, value = CALLS[name]
        assert _push(port, topic, value) == 200, (tmp_path / "log").read_text()
    log = (tmp_path / "log").read_text()
    assert ("message_unreadable" in log) == (topic == "fraud-alerts"), log
    assert Path(f"{folder}.db").exists() == (topic != "fraud-alerts"), "what is acknowledged is committed"


@contextmanager
def _served(folder: Path, venv: Path, log: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    environment = {
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "GOOGLE_CLOUD_PROJECT": "shop",
        "GUARDIAN_STORE": f"sqlite:{folder}.db",
        "GUARDIAN_SETTINGS": "site/settings.toml",
        "GUARDIAN_NOTIFY_SETTINGS": "site/notify.toml",
        "THREADS": "8",
    }
    command = [
        "functions-framework",
        f"--target={entry_point(folder / 'main.py')}",
        f"--host={LOOPBACK}",
        f"--port={port}",
    ]
    with log.open("wb") as written:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=written, stderr=written)
        try:
            deadline = time.monotonic() + 60
            while not _listens(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _listens(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _push(port: int, topic: str, value: object) -> int:
    """As Eventarc does it: a CloudEvent in binary mode."""
    body = {"message": {"data": base64.b64encode(json.dumps(value).encode()).decode(), "messageId": "1"}}
    headers = {
        "content-type": "application/json",
        "ce-id": "1",
        "ce-source": f"//pubsub.googleapis.com/projects/shop/topics/{topic}",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    }
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    try:
        connection.request("POST", "/", json.dumps(body), headers)
        return connection.getresponse().status
    finally:
        connection.close()
