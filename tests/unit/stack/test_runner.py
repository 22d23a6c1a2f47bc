"""Starting and ending processes: toys of our own, in the way of real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from stack.part import Part
from stack.ports import free_ports
from stack.runner import ROOT, Process, Runner, StackError, waves

PATIENCE_S = 30.0

# Serves HTTP with the status given, and has a child that ignores being asked to stop, as an emulator's may.
SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
print("child", child.pid, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def python(name: str, code: str, *arguments: str, **fields: object) -> Part:
    return Part(
        name=name,
        about="",
        command=(sys.executable, "-c", code, *arguments),
        **fields,  # type: ignore[arg-type]
    )


def server(name: str, status: int = 200, **fields: object) -> Part:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/"
    return python(name, SERVER, str(port), str(status), port=port, health=url, **fields)


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)  # paces the question


def child_of(process: Process) -> int:
    until(lambda: "child" in process.log())
    return int(process.log().split("child")[-1].split()[0])


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_all(runner: Runner) -> list[str]:
    ready: list[str] = []
    assert runner.start_all(lambda process: ready.append(process.part.name), threading.Event())
    return ready


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def runner(*parts: Part) -> Runner:
        made.append(Runner(parts, tmp_path))
        return made[-1]

    yield runner
    for each in made:
        each.stop_all()


def test_each_starts_when_what_it_needs_is_ready(make: Callable[..., Runner]) -> None:
    slow_job = python("job", "import time; time.sleep(0.5)", after=("one",), job=True)
    runner = make(server("three", after=("job",)), slow_job, server("one"), server("hand", by_hand=True))
    assert start_all(runner) == ["one", "job", "three"]
    assert runner.processes["hand"].pid is None
    assert runner.died() == []


def test_a_function_that_only_takes_messages_is_ready(make: Callable[..., Runner]) -> None:
    assert start_all(make(server("function", status=405))) == ["function"]


def test_not_ready_in_time(make: Callable[..., Runner]) -> None:
    runner = make(server("broken", status=503, start_s=0.5))
    with pytest.raises(StackError, match="broken is not ready"):
        start_all(runner)


@pytest.mark.parametrize("job", [False, True])
def test_one_that_dies_at_the_start_is_told_with_its_last_words(
    make: Callable[..., Runner], job: bool
) -> None:
    dies = python("dies", "import sys; sys.exit('no such thing')", job=job, health="http://127.0.0.1:9/")
    runner = make(server("one"), dies)
    with pytest.raises(StackError, match=r"dies ended with status 1; its log ends:\nno such thing"):
        start_all(runner)


def test_no_such_program(make: Callable[..., Runner]) -> None:
    runner = make(Part(name="none", about="", command=("no-such-program",)))
    with pytest.raises(StackError, match="none: no-such-program: No such file"):
        start_all(runner)


def test_given_up_while_they_start(make: Callable[..., Runner]) -> None:
    stop = threading.Event()
    runner = make(server("one"), server("never", status=503))
    assert not runner.start_all(lambda process: stop.set(), stop)


def test_stopped_with_what_it_has_started(make: Callable[..., Runner]) -> None:
    runner = make(server("one"))
    start_all(runner)
    child = child_of(runner.processes["one"])
    assert runs(child)
    runner.stop("one")
    assert not runs(child)
    assert runner.died() == [], "what was asked for is no news"
    runner.start("one").wait_until_ready()


@pytest.mark.parametrize("how", ["kill", "by itself"])
def test_killed_with_what_it_has_started(make: Callable[..., Runner], how: str) -> None:
    runner = make(server("one"), server("two"))
    start_all(runner)
    process = runner.processes["one"]
    child, pid = child_of(process), process.pid
    assert pid is not None
    if how == "kill":
        runner.kill("one")
        assert runner.died() == []
    else:
        os.kill(pid, signal.SIGKILL)
        until(lambda: not process.running())
        assert [each.part.name for each in runner.died()] == ["one"]
        assert runner.died() == [], "told once"
    assert process.status == -signal.SIGKILL
    assert not runs(child)
    assert runner.processes["two"].running()


def test_held_still_and_let_go_on(make: Callable[..., Runner]) -> None:
    runner = make(server("one"))
    start_all(runner)
    process = runner.processes["one"]
    child = child_of(process)
    runner.pause("one")
    for pid in (process.pid, child):
        until(lambda pid=pid: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    runner.resume("one")
    process.ready = False
    process.wait_until_ready()
    runner.pause("one")
    runner.stop("one")  # what is held still can be stopped
    assert not runs(child)


def test_one_that_does_not_stop_is_killed(make: Callable[..., Runner]) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
    runner = make(python("stubborn", f"{stubborn}; time.sleep(600)", stop_s=0.3))
    start_all(runner)
    until(runner.processes["stubborn"].log)
    runner.stop("stubborn")
    assert runner.processes["stubborn"].status == -signal.SIGKILL


def test_those_that_need_others_end_first(make: Callable[..., Runner], tmp_path: Path) -> None:
    tells = f"""
import pathlib, signal, sys, time
def end(*_):
    with pathlib.Path({str(tmp_path / "order")!r}).open("a") as file:
        file.write(sys.argv[1] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""
    names = ["base", "middle", "top"]
    runner = make(
        *(python(name, tells, name, after=tuple(names[:index])) for index, name in enumerate(names))
    )
    start_all(runner)
    until(lambda: all("up" in process.log() for process in runner.processes.values()))
    runner.stop_all()
    assert (tmp_path / "order").read_text().split() == ["top", "middle", "base"]


def test_nothing_of_another_deployment_is_passed_on(
    make: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/secret.json")
    monkeypatch.setenv("GUARDIAN_STORE", "elsewhere")
    names = "import os; print(*(name for name in os.environ if name.startswith(('GOOGLE', 'GUARDIAN'))))"
    runner = make(python("one", names, job=True, environment={"GUARDIAN_MINE": "1"}))
    start_all(runner)
    assert runner.processes["one"].log().strip() == "GUARDIAN_MINE"


def test_a_runner_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys, threading, time
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]
from test_runner import server
from stack.runner import Runner
runner = Runner([server("one"), server("gone")], pathlib.Path({str(tmp_path)!r}))
runner.start_all(lambda process: None, threading.Event())
runner.kill("gone")
print(runner.processes["one"].pid, flush=True)
time.sleep(600)
"""
    runner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        child = int((tmp_path / "one.log").read_text().split()[1])
        assert runs(pid)
        assert runs(child)
    finally:
        runner.kill()
        runner.communicate()
    until(lambda: not runs(pid) and not runs(child))


def test_waves() -> None:
    def part(name: str, *after: str) -> Part:
        return Part(name=name, about="", command=(), after=after)

    assert waves([part("c", "a", "b"), part("b", "a"), part("a"), part("d")]) == [["a", "d"], ["b"], ["c"]]
    with pytest.raises(ValueError, match="a needs nothing-here"):
        waves([part("a", "nothing-here")])
    with pytest.raises(ValueError, match="a circle: a, b"):
        waves([part("a", "b"), part("b", "a")])
    with pytest.raises(ValueError, match="one name"):
        waves([part("a"), part("a")])


def test_free_ports_are_kept_for_whoever_asked() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert set(ports).isdisjoint(free_ports(500))
