"""The whole stack, for real: it starts, catches an attack, tells what dies, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer

from guardian.adapters.google.firestore_store import FirestoreStore
from guardian.alerts.model import Status
from stack import emulators
from stack.day import SITE, simulate
from stack.local import LocalStack, Options, StackError, missing, running

# A dozen processes start, on a machine that may be busy with other tests.
pytestmark = [pytest.mark.emulator, pytest.mark.timeout(500), pytest.mark.xdist_group("stack")]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 150.0
MARK = "TEST_STACK_MARK"
SEED = 100
BEGIN, END = "2025-06-03T02:41:00", "2025-06-03T03:00:00"
ATTACK = "MASS_SHIPMENT_FRAUD"


@pytest.fixture(autouse=True)
def machine() -> None:
    """Skips where no stack can run; with CI set it must."""
    if (lack := missing()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no stack: {lack}")
        pytest.skip(f"no stack: {lack}")


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """In the environment of whatever is started from here, however far down."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    return mark


def marked(mark: str) -> list[str]:
    """Processes that were started from here and are still there, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # gone, a zombie, or somebody else's
    return found


def listening(ports: Iterable[int], mark: str) -> set[int]:
    """Those of the ports at which somebody listens, unless it is certain that he is none of ours: a port that
    is free again may be anybody's."""
    return {
        one.laddr.port
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port in ports and not is_foreign(one.pid, mark)
    }


def is_foreign(pid: int | None, mark: str) -> bool:
    try:
        return pid is not None and psutil.Process(pid).environ().get(MARK) != mark
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def until(true: Callable[[], object], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)  # paces the question


def attacks(host: str, project: str) -> int:
    client = emulators.firestore_client(host, project)
    try:
        found = list(FirestoreStore(client, SITE).alerts())
    finally:
        client.close()
    return sum(one.alert.type == ATTACK and one.alert.status != Status.CLEARED for one in found)


def test_make_stack(tmp_path: Path, mark: str) -> None:
    output = tmp_path / "output.txt"
    arguments = ["--folder", str(tmp_path / "stack"), "--scenario", "jd_com_attack", "--seed", str(SEED)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", *arguments, "--speed", "60"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        until(lambda: "Ctrl-C stops" in output.read_text() or process.poll() is not None, output.read_text)
        told = dict(re.findall(r"(\w+)=(\S+)", output.read_text()))
        ports = [int(port) for port in re.findall(r"│ +(\d{4,5}) +│", output.read_text())]
        assert len(ports) >= 6
        assert listening(ports, mark) == set(ports)
        until(
            lambda: attacks(told["FIRESTORE_EMULATOR_HOST"], told["GOOGLE_CLOUD_PROJECT"]),
            output.read_text,
        )
        until(lambda: re.search(rf"critical {ATTACK} \d+ articles", output.read_text()), output.read_text)

        (scheduler,) = (one for one in psutil.process_iter() if is_scheduler(one, mark))
        scheduler.kill()
        until(lambda: "scheduler ended with status -9" in output.read_text(), output.read_text)

        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()
    assert marked(mark) == []
    assert listening(ports, mark) == set()


def is_scheduler(process: psutil.Process, mark: str) -> bool:
    try:
        return "stack.scheduler" in process.cmdline() and process.environ().get(MARK) == mark
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def committed(stack: LocalStack, correlator: str) -> float:
    """Events that a correlator has committed since it was started."""
    url = f"http://127.0.0.1:{stack.ports[correlator]}/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("guardian_events_total{") and 'outcome="committed"' in line
    )


def alerts_in_kafka(bootstrap: str, wanted: str) -> set[str]:
    """The alerts in the topic `fraud-alerts`, read until the one that is wanted is among them."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test", "auto.offset.reset": "earliest"})
    consumer.subscribe(["fraud-alerts"])
    found: set[str] = set()
    deadline = time.monotonic() + PATIENCE_S
    while wanted not in found and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.add(json.loads(message.value() or b"{}")["alert_id"])
    consumer.close()
    return found


def test_two_correlators_and_outages(tmp_path: Path, mark: str) -> None:
    day = tmp_path / "day"
    simulate("jd_com_attack", SEED, 0.0, day)
    play = ("--speed=30", "--every-twice", f"--begin={BEGIN}", f"--end={END}")
    with running(tmp_path / "stack", Options(day=day, play=play, correlators=2)) as stack:
        ports = list(stack.ports.values())
        stack.start("producer")
        for name in ("correlator-1", "correlator-2"):
            until(lambda name=name: committed(stack, name) > 20, lambda: stack.log("bridge"))
        stack.kill("correlator-1")
        stack.pause("firestore")
        time.sleep(1.0)  # an outage of a second
        stack.resume("firestore")
        stack.start("correlator-1")
        until(lambda: committed(stack, "correlator-1") > 20, lambda: stack.log("correlator-1"))
        until(
            lambda: any(one.alert.type == ATTACK for one in stack.alerts()),
            lambda: stack.log("correlator-2"),
        )
        assert stack.died() == []

        # What an alert's message sets going: notifier and inbox, and the way back to Kafka.
        (told,) = (one.alert.alert_id for one in stack.alerts() if one.alert.type == ATTACK)
        until(lambda: told in stack.log("inbox"), lambda: stack.log("notifier"))
        assert told in alerts_in_kafka(stack.environment["GUARDIAN_KAFKA_BOOTSTRAP"], told)
    assert marked(mark) == []
    assert listening(ports, mark) == set()


def test_one_that_cannot_start_ends_all(tmp_path: Path, mark: str) -> None:
    options = Options(environment={"correlator": {"GUARDIAN_STORE": "nowhere"}})
    refused = []

    def try_another(_: object) -> None:
        """While the first is starting, in the same folder."""
        with pytest.raises(StackError, match="another stack runs here") as raised, running(tmp_path, options):
            pass
        refused.append(raised)

    with (
        pytest.raises(StackError, match=r"(?s)correlator ended with status 2.*GUARDIAN_STORE"),
        running(tmp_path, options, try_another),
    ):
        pass
    assert refused
    assert marked(mark) == []
